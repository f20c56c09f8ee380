"""Every measure at once, each beside its floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from assay.core.errors import DataError
from assay.core.seeds import stream
from assay.subjects.generation.measures import paths, reconstruction
from assay.subjects.generation.measures.checks import checked_images
from assay.subjects.generation.measures.measure import MEASURES, Measurement, Number, Sides

__all__ = ["measure_all", "measure_sides", "numbers"]

LEAST = 20
"""Images of each set; with fewer no interval means anything."""


def measure_all(
    real: np.ndarray,
    fake: np.ndarray,
    floor: np.ndarray,
    features: Callable[[np.ndarray], np.ndarray],
    *,
    train: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Measurement]:
    """Compute all measures of generated images (fakes), and the same of other real images (floor).

    Fakes and floor are reduced to the same count, because most measures depend on it. The numbers
    are not comparable with those on Inception features (FID, KID), nor on features fitted to other
    images.

    Args:
        real: uint8 (n, height, width, 1 or 3), images that were not used for training.
        fake: uint8 (m, ...), generated images.
        floor: uint8 (l, ...), real images that are not among `real`.
        features: from images to vectors (n, d), for example `Features.transform`.
        train: the training images of the generator, for the measures of memorisation; `floor` must
            not contain any of them.
        names: names of measures in `MEASURES`; all by default.
        seed: seed of resamples, patches and blocks.

    Returns:
        Name of a number -> its value for fakes and floor, each with a 95 % interval.

    Raises:
        DataError: the arrays are not images, differ in shape, or are fewer than 20.
        ConfigError: an unknown measure.
    """
    sets = _sets(real, fake, floor, train, seed)
    vectors = {what: features(images) for what, images in sets.items()}
    sides, floor_sides = (
        Sides(sets["real"], sets[what], vectors["real"], vectors[what], vectors.get("train"))
        for what in ("fake", "floor")
    )
    return measure_sides(sides, floor_sides, names=names, seed=seed)


def measure_sides(
    sides: Sides, floor: Sides, *, names: Sequence[str] | None = None, seed: int = 0
) -> dict[str, Measurement]:
    """Compute the measures of fakes and of the floor from features that are already known.

    Arguments and return value are those of `measure_all`. A measure that does not suit the images
    (see `Measure.suits`) is left out.

    Raises:
        ConfigError: an unknown measure.
    """
    counts = len(sides.real), len(sides.fake)
    found: dict[str, Measurement] = {}
    for measure in [MEASURES[name] for name in (MEASURES if names is None else names)]:
        if not measure.suits(sides):
            continue
        of_fakes, of_floor = measure.take(sides, seed), measure.take(floor, seed)
        for name, number in measure.numbers.items():
            found[name] = Measurement(number, of_fakes[name], of_floor[name], *counts)
    return found


def numbers() -> dict[str, Number]:
    """Every number that a run is judged by, in the order of tables: those of all measures, first
    of those that suit all images, then of paths and reconstructions."""
    entries = sorted((MEASURES[name] for name in MEASURES), key=lambda m: bool(m.only))
    found = {name: number for measure in entries for name, number in measure.numbers.items()}
    return found | paths.NUMBERS | reconstruction.NUMBERS


def _sets(
    real: np.ndarray, fake: np.ndarray, floor: np.ndarray, train: np.ndarray | None, seed: int
) -> dict[str, np.ndarray]:
    """The images by name, checked; equally many fakes and images of the floor."""
    given = {"real": real, "fake": fake, "floor": floor, "train": train}
    sets = {
        what: checked_images(images, what, LEAST)
        for what, images in given.items()
        if images is not None
    }
    shape = sets["real"].shape[1:]
    for what, images in sets.items():
        if images.shape[1:] != shape:
            raise DataError(
                f"{what}: images of shape {images.shape[1:]}, expected {shape}, that of the real "
                "ones"
            )
    count = min(len(sets["fake"]), len(sets["floor"]))
    for what in ("fake", "floor"):
        chosen = stream(seed, "images").permutation(len(sets[what]))[:count]
        sets[what] = sets[what][np.sort(chosen)]
    return sets
