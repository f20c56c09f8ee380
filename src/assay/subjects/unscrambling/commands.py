"""`assay unscramble`: puts the pixels of permuted images back in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import dataset_names
from assay.apps.cli.options import Places

if TYPE_CHECKING:
    from assay.subjects.unscrambling.app import Unscrambled
    from assay.subjects.unscrambling.truth import Quality

__all__ = ["unscramble"]

NOTHING_FOUND = 1


def unscramble(
    what: Annotated[str, Parameter(completer=dataset_names)],
    /,
    *,
    permute: int = 7,
    train: int | None = None,
    shape: str | None = None,
    out: Path | None = None,
    seed: int = 0,
    places: Places | None = None,
) -> int:
    """Restore the order of permuted pixels from the images alone.

    The exit status is 1 if the images show no spatial structure.

    Args:
        what: A dataset, permuted first by a seed that the estimate never sees; or a .npy file of
            your own, (images, pixels) or (images, pixels, channels).
        permute: Seed of the permutation of a dataset.
        train: Images to estimate from [all training images].
        shape: Shape of the images in a file, e.g. 28x28 [a square].
        out: Folder for the order, the restored images and pictures of both [unscrambled-NAME].
        seed: Seed of the estimate.
    """
    from assay.subjects.unscrambling.app import truth_of, write_files

    found = _estimate(what, permute, train, shape, seed, places or Places())
    r = found.restoration
    console.heading(f"{what}: {r.shape[0]}x{r.shape[1]} pixels from {len(found.images):,} images")
    console.fields(
        {
            "pixels that vary": f"{int(r.known.sum()):,} of {len(r.known):,}"
            + "; the others carry no information" * bool((~r.known).any()),
            "energy": f"{r.energy:.1f}, {r.contrast:.1f} times that of shuffled pixels",
            "starts": f"{len(r.energies)}, {r.agreeing} of them agree",
            "time": f"{r.seconds:.1f} s",
            **_judged(truth_of(found)),
        }
    )
    if not r.found:
        from assay.subjects.unscrambling.solver.pipeline import CONTRAST

        console.say(
            f"no spatial structure found: {r.contrast:.2f} times the energy of shuffled pixels; "
            f"expected at least {CONTRAST}"
        )
        return NOTHING_FOUND
    folder = out or Path(f"unscrambled-{Path(what).stem}")
    for path in write_files(found, folder, seed):
        console.say(f"written: {path}")
    return 0


def _estimate(
    what: str, permute: int, train: int | None, shape: str | None, seed: int, places: Places
) -> Unscrambled:
    from assay.core.errors import ConfigError
    from assay.data import load
    from assay.subjects.unscrambling.app import Unscrambled, read_vectors
    from assay.subjects.unscrambling.solver.pipeline import unscramble as estimate

    grid = _grid(shape)
    if Path(what).suffix == ".npy":
        vectors = read_vectors(Path(what))
        vectors = vectors[:train] if train else vectors
        return Unscrambled(vectors, estimate(vectors, grid, seed, on_progress=console.progress()))
    if grid is not None:
        raise ConfigError("--shape is for a .npy file; a dataset knows the shape of its images")
    spec = {"name": what, "permute": permute, **({"train": train} if train else {})}
    dataset = load(spec, places.data_path)
    images = dataset.train.images
    return Unscrambled(
        images, estimate(images, None, seed, on_progress=console.progress()), dataset
    )


def _grid(shape: str | None) -> tuple[int, int] | None:
    from assay.core.errors import ConfigError

    if shape is None:
        return None
    height, _, width = shape.lower().partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise ConfigError(f"--shape {shape}: expected HEIGHTxWIDTH, e.g. 28x28")
    return int(height), int(width)


def _judged(quality: Quality | None) -> dict[str, str]:
    """Compare with the truth, if it is known."""
    if quality is None:
        return {}
    return {
        "true neighbours": f"{quality.neighbours:.1%} of the adjacent pairs of "
        f"{quality.informative} informative pixels are adjacent again",
        "in place": f"{quality.in_place:.1%}; allowing a shift by one pixel "
        f"{quality.in_place_shifted:.1%} (up to rotation and mirroring)",
    }
