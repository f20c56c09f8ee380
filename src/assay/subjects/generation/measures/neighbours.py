"""Nearest training images: does a generator make new images, or copy what it was shown?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.errors import DataError
from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_pair
from assay.subjects.generation.measures.distances import distances
from assay.subjects.generation.measures.intervals import bootstrap, mean_interval
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["NEAREST_TEST", "Memorisation", "memorisation", "nearest"]

NEAREST_TEST = 0.01
"""A fake counts as a copy when it is nearer to a training image than this share of test images."""


def nearest(train: np.ndarray, images: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest training vectors of each vector, nearest first.

    Args:
        train: (t, d), t >= k.
        images: (m, d), features of the same kind (or pixels).

    Returns:
        Positions in `train`, int64 (m, k), and Euclidean distances, float64 (m, k); exactly 0 for
        an exact copy.

    Raises:
        DataError: the arrays are not such vectors.
    """
    train, images = checked_pair(train, images, least=1, names=("train", "images"))
    if not 1 <= k <= len(train):
        raise DataError(f"train: {len(train)} vectors have no {k} nearest ones")
    found = [np.argpartition(apart, k - 1, axis=1)[:, :k] for _, apart in distances(images, train)]
    near = np.concatenate(found)
    # exactly, so that a copy is at distance 0
    apart = np.linalg.norm(images[:, None] - train[near], axis=2)
    order = np.argsort(apart, axis=1, kind="stable")
    return np.take_along_axis(near, order, 1), np.take_along_axis(apart, order, 1)


@dataclass(frozen=True)
class Memorisation:
    """How near generated images come to training images, beside test images, which are as near as
    images that nobody copied.

    Attributes:
        test, fake: distances (n,) and (m,) to the nearest training image.
        nearest: (m,) position of the training image nearest to each fake.
        nearer: probability that a fake is nearer to the training images than a test image is, 0 to
            1: 0.5 for real images, 1 for copies, less than 0.5 for images unlike the real ones.
        copied: share of fakes nearer to a training image than 99 % of the test images are: 0.01
            for real images. It shows copies among many good images, which `nearer` averages out.
        z: `nearer` in standard deviations from 0.5 as it varies among real images; the statistic
            C_T of the paper, over all of the space, with its sign turned: above 3, say, is copying.

    References:
        C. Meehan, K. Chaudhuri and S. Dasgupta, "A Non-Parametric Test to Detect Data-Copying in
        Generative Models", 2020.
    """

    test: np.ndarray
    fake: np.ndarray
    nearest: np.ndarray
    nearer: float
    copied: float
    z: float


def memorisation(train: np.ndarray, test: np.ndarray, fake: np.ndarray) -> Memorisation:
    """Compare the nearest training images of fakes with those of test images.

    Args:
        train: (t, d) features of the images that the generator learned from.
        test: (n, d) of real images that it did not.
        fake: (m, d) of generated images.

    Raises:
        DataError: the arrays are not such features.
    """
    apart = nearest(train, test)[1][:, 0]
    which, fake_apart = (column[:, 0] for column in nearest(train, fake))
    n, m = len(apart), len(fake_apart)
    nearer = _nearer(apart, fake_apart)
    z = (nearer - 0.5) / np.sqrt((n + m + 1) / (12 * n * m))
    copied = float(_copies(apart, fake_apart).mean())
    return Memorisation(apart, fake_apart, which, nearer, copied, float(z))


def _nearer(test: np.ndarray, fake: np.ndarray) -> float:
    """Share of pairs in which the fake is the nearer one; a tie is half a pair."""
    ordered = np.sort(test)
    farther = len(test) - np.searchsorted(ordered, fake, "right")
    ties = len(test) - np.searchsorted(ordered, fake, "left") - farther
    return float((farther + ties / 2).mean() / len(test))


def _copies(test: np.ndarray, fake: np.ndarray) -> np.ndarray:
    return fake < np.quantile(test, NEAREST_TEST)


NUMBERS = {
    "nearer_to_training": Number("Nearer to training than test images", "floor"),
    "copied": Number("Nearer to training than 99 % of test images", "floor"),
}


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    assert sides.train is not None, "measure_all calls this only with training images"
    found = memorisation(sides.train, sides.real, sides.fake)
    test, fake = found.test, found.fake
    nearer = bootstrap(
        lambda i, j: _nearer(test[i], fake[j]), (len(test), len(fake)), found.nearer, seed=seed
    )
    copied = mean_interval(_copies(test, fake), seed=seed)
    return {"nearer_to_training": nearer, "copied": copied}


MEASURES.add("neighbours")(Measure(NUMBERS, _take, needs_train=True))
