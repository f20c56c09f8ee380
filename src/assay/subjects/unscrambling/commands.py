"""`assay unscramble`: puts the pixels of permuted images back in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.checks import (
    LARGEST_PERMUTATION,
    OutFolder,
    check_seed,
    is_address,
    refuse_overwriting,
)
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
    out: OutFolder | None = None,
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
    from assay.data.pictures import printable
    from assay.subjects.unscrambling.app import FILES, truth_of, write_files

    check_seed("--seed", seed)
    check_seed("--permute", permute, LARGEST_PERMUTATION)
    folder = out or Path(f"unscrambled-{Path(what).stem}")
    refuse_overwriting("--out", folder, what, "the images to restore", FILES)
    found = _estimate(what, permute, train, shape, seed, places or Places())
    r = found.restoration
    pixels = f"{r.shape[0]}x{r.shape[1]} pixels"
    console.heading(f"{printable(what)}: {pixels} from {len(found.images):,} images")
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
    for path in write_files(found, folder):
        console.say(f"written: {printable(path)}")
    return 0


def _estimate(
    what: str, permute: int, train: int | None, shape: str | None, seed: int, places: Places
) -> Unscrambled:
    from assay.core.errors import ConfigError
    from assay.data import load
    from assay.subjects.unscrambling.app import Unscrambled, read_vectors
    from assay.subjects.unscrambling.solver.pipeline import unscramble as estimate

    grid, told = _grid(shape), console.progress()
    if Path(what).suffix == ".npy" and not is_address(what):
        vectors = read_vectors(Path(what))
        if train is not None and vectors.ndim:
            if not 1 <= train <= len(vectors):
                raise ConfigError(f"--train {train}: expected 1 to {len(vectors):,}")
            vectors = vectors[:train]
        return Unscrambled(vectors, estimate(vectors, grid, seed, on_progress=told))
    spec = _spec(what, permute, train, places)
    if grid is not None:
        raise ConfigError("--shape is for a .npy file; a dataset knows the shape of its images")
    dataset = load(spec, places.data_path)
    images = dataset.train.images
    return Unscrambled(images, estimate(images, None, seed, on_progress=told), dataset)


def _spec(what: str, permute: int, train: int | None, places: Places) -> dict[str, str | int]:
    """Return the specification of a dataset; the errors are those of a command line."""
    from assay.core.errors import ConfigError, did_you_mean, nearest
    from assay.data import describe, resolve
    from assay.data.catalog import ENTRIES
    from assay.data.pictures import printable

    expected = "expected a .npy file of images or the name of a dataset"
    if is_address(what):
        raise ConfigError(f"{what}: addresses are not read; download the file first")
    if what not in ENTRIES:
        path, hint = Path(what), did_you_mean(nearest(what, ENTRIES))
        kind = "a folder" if path.is_dir() else "a file of another kind"
        found = f"it is {kind}, " if path.exists() else ""
        listed = "`assay data list` lists all datasets"
        raise ConfigError(f"{printable(what)}: {found}{expected}{hint} ({listed})")
    spec: dict[str, str | int] = {"name": what, "permute": permute}
    try:
        resolve(spec)
    except ConfigError as error:
        raise ConfigError(f"{what}: {expected} that needs no settings ({error})") from None
    if train is None:
        return spec
    try:
        if train < 1:
            raise ConfigError("expected a whole number >= 1")
        describe({**spec, "train": train}, places.data_path)
    except ConfigError as error:
        said = str(error).removeprefix("dataset.train: ")
        raise ConfigError(f"--train {train}: {said}") from None
    return {**spec, "train": train}


def _grid(shape: str | None) -> tuple[int, int] | None:
    from assay.core.errors import ConfigError

    if shape is None:
        return None
    height, _, width = shape.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
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
