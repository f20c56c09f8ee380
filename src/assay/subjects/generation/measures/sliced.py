"""Sliced Wasserstein distance between patches, scale by scale: are textures and shapes right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.errors import DataError
from assay.core.seeds import stream
from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_images
from assay.subjects.generation.measures.intervals import bootstrap
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["SMALLEST", "pyramid", "sliced_wasserstein"]

SIDE = 7
"""Pixels along a patch."""
SMALLEST = 14
"""No level of the pyramid has fewer pixels along a side."""
PATCHES = 8192
"""Patches of one set of images on one level, about."""
EACH = 32
"""Patches of an image on one level, at most."""
DIRECTIONS = 64
"""Directions on which patches are projected."""
IMAGES = 2048
"""The most images of a set that are looked at."""

_BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Distances (levels,) of patches of 7x7 pixels on each level of a Laplacian pyramid.

    The first level has the finest detail, the last the coarse shapes and colours. Patches are
    normalised by mean and deviation of each channel over both sets (not, as in the paper, each set
    by its own: that would hide a shift of colour), so a distance is in standard deviations.

    Args:
        real, fake: uint8 (n, height, width, 1 or 3) of equal image shape, sides of 14 or more.
        seed: which patches are cut out, and the directions.

    Raises:
        DataError: the arrays are not such images.

    References:
        T. Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and
        Variation", 2018; J. Rabin et al., "Wasserstein Barycenter and Its Application to Texture
        Mixing", 2011.
    """
    return np.array([level.distance() for level in _levels(real, fake, seed)])


def pyramid(images: np.ndarray) -> list[np.ndarray]:
    """The Laplacian pyramid of images (n, height, width, channels), the finest level first.

    Levels are float32 (n, h, w, channels); every one but the last is what halving loses.

    References:
        P. Burt and E. Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983.
    """
    current, levels = images.astype(np.float32), []
    while min(current.shape[1:3]) >= 2 * SMALLEST:
        small = _blurred(current)[:, ::2, ::2]
        wide = np.zeros_like(current)
        wide[:, ::2, ::2] = 4 * small
        levels.append(current - _blurred(wide))
        current = small
    return [*levels, current]


def _blurred(images: np.ndarray) -> np.ndarray:
    from scipy.ndimage import correlate1d

    return correlate1d(correlate1d(images, _BLUR, 1, mode="mirror"), _BLUR, 2, mode="mirror")


@dataclass(frozen=True)
class _Level:
    """One level of both pyramids, projected and sorted, so that weights of images are all that
    changes from resample to resample.

    Attributes:
        order: (directions, patches) which patch comes next.
        gaps: (directions, patches) how far on it is to the one after that; 0 after the last.
        counts: images of each side; patches come image by image, the real ones first.
        each: patches of an image.
    """

    order: np.ndarray
    gaps: np.ndarray
    counts: tuple[int, int]
    each: int

    def distance(self, *chosen: np.ndarray) -> float:
        """Mean over directions of the area between both distribution functions.

        Args:
            chosen: positions of the images of either side that count; all of them otherwise.
        """
        weights = [
            np.repeat(np.bincount(i, minlength=n) / (len(i) * self.each), self.each)
            for i, n in zip(chosen or map(np.arange, self.counts), self.counts, strict=True)
        ]
        between = np.concatenate([weights[0], -weights[1]])[self.order]
        np.cumsum(between, axis=1, out=between)
        np.abs(between, out=between)
        return float(np.vdot(between, self.gaps) / len(self.gaps))


def _levels(real: np.ndarray, fake: np.ndarray, seed: int) -> list[_Level]:
    real = checked_images(real, "real", 2, SMALLEST)[:IMAGES]
    fake = checked_images(fake, "fake", 2, SMALLEST)[:IMAGES]
    if real.shape[1:] != fake.shape[1:]:
        raise DataError(
            f"real images have the shape {real.shape[1:]} and fake ones {fake.shape[1:]}; "
            "expected one shape"
        )
    each = min(max(1, PATCHES // max(len(real), len(fake))), EACH)
    return [
        _level(first, second, each, seed, number)
        for number, (first, second) in enumerate(zip(pyramid(real), pyramid(fake), strict=True))
    ]


def _level(real: np.ndarray, fake: np.ndarray, each: int, seed: int, number: int) -> _Level:
    patches = np.concatenate([_patches(x, each, seed, number) for x in (real, fake)])
    mean, spread = (f(patches, (0, 1, 2), np.float64) for f in (np.mean, np.std))
    patches = (patches - mean) / np.where(spread > 0, spread, 1)
    flat = patches.reshape(len(patches), -1)
    directions = stream(seed, "directions", number).standard_normal((flat.shape[1], DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    projected = (flat @ directions).T
    order = np.argsort(projected, axis=1, kind="stable")
    ordered = np.take_along_axis(projected, order, 1)
    gaps = np.diff(ordered, axis=1, append=ordered[:, -1:])
    return _Level(order, gaps, (len(real), len(fake)), each)


def _patches(images: np.ndarray, each: int, seed: int, number: int) -> np.ndarray:
    """Patches (n * each, 7, 7, channels) at random places; image i gives the same ones on either
    side, which makes the distance symmetric."""
    n, height, width, channels = images.shape
    rng = stream(seed, "patches", number)
    corner = rng.random((n, each, 2)) * (height - SIDE + 1, width - SIDE + 1)
    top, left = np.moveaxis(corner.astype(int), -1, 0)
    rows = (top[..., None] + np.arange(SIDE))[..., :, None]  # (n, each, 7, 1)
    columns = (left[..., None] + np.arange(SIDE))[..., None, :]  # (n, each, 1, 7)
    cut = images[np.arange(n)[:, None, None, None], rows, columns]
    return cut.reshape(-1, SIDE, SIDE, channels)


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    levels = _levels(sides.real_images, sides.fake_images, seed)

    def mean(*chosen: np.ndarray) -> float:
        return float(np.mean([level.distance(*chosen) for level in levels]))

    found = bootstrap(mean, levels[0].counts, mean(), least=0.0, resamples=100, seed=seed)
    return {"sliced_wasserstein": found}


MEASURES.add("sliced_wasserstein")(
    Measure({"sliced_wasserstein": Number("Sliced Wasserstein distance", "lower")}, _take)
)
