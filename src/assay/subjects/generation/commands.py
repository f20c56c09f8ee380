"""`assay sample` and `assay interpolate`: pictures of a trained GAN, VAE or flow."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.checks import PictureFile, check_seed
from assay.apps.cli.completion import stored
from assay.apps.cli.options import Places

__all__ = ["interpolate", "sample"]

COLUMNS = 8


def sample(
    run: Annotated[str, Parameter(completer=stored)],
    /,
    *,
    n: Annotated[int, Parameter(name=["-n", "--number"])] = 64,
    seed: int = 0,
    out: PictureFile | None = None,
    places: Places | None = None,
) -> None:
    """Generate pictures with a trained GAN, VAE or flow and write them as one PNG.

    Args:
        run: The start of a run's name, or a study, which stands for its best run on validation.
        n: Number of pictures.
        seed: Seed of the latent points: the same seed gives the same points in every run.
        out: The PNG [STORE/samples/RUN-SEED.png].
    """
    from assay.subjects.generation import app as generation

    places = places or Places()
    check_seed("--seed", seed)
    name, sampler = generation.find_sampler(run, places.store_path)
    generation.check_count(n, 1)
    target = out or places.store_path / "samples" / f"{name}-{seed}.png"
    written = generation.save_sheet(sampler.sample(n, seed), target, min(n, COLUMNS))
    console.say(f"{n} pictures of run {name}, seed {seed}: {written}")


def interpolate(
    run: Annotated[str, Parameter(completer=stored)],
    /,
    *,
    from_: Annotated[int, Parameter(name="--from")] = 1,
    to: int = 2,
    steps: int = 12,
    out: PictureFile | None = None,
    places: Places | None = None,
) -> None:
    """Interpolate between two latent points and write the pictures as one PNG.

    Interpolation is spherical for a normal prior and linear for a mixture.

    Args:
        run: The start of a run's name, or a study, which stands for its best run on validation.
        from_: Seed of the first point.
        to: Seed of the last point.
        steps: Pictures, both ends included.
        out: The PNG [STORE/samples/RUN-FROM-TO.png].
    """
    from assay.subjects.generation import app as generation

    places = places or Places()
    check_seed("--from", from_)
    check_seed("--to", to)
    name, sampler = generation.find_sampler(run, places.store_path)
    generation.check_count(steps, 2)
    target = out or places.store_path / "samples" / f"{name}-{from_}-{to}.png"
    images = sampler.interpolate(from_, to, steps)
    written = generation.save_sheet(images, target, steps)
    console.say(f"{steps} pictures of run {name} from seed {from_} to seed {to}: {written}")
