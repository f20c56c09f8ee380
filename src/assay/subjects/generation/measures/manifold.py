"""Precision, recall, density, coverage: are the images likely, and are all kinds of them there?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_pair
from assay.subjects.generation.measures.distances import distances
from assay.subjects.generation.measures.intervals import mean_interval
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["NEIGHBOURS", "Manifold", "coverage", "density", "precision", "recall"]

NEIGHBOURS = 5
"""k: an image's ball reaches to its k-th nearest neighbour on its own side."""


@dataclass(frozen=True)
class Manifold:
    """What each image says; the four measures are the means of these arrays.

    Attributes:
        precision: (m,) whether a fake lies in the ball of any real image.
        recall: (n,) whether a real image lies in the ball of any fake.
        density: (m,) in how many balls of real images a fake lies, divided by k; may exceed 1.
        coverage: (n,) whether the ball of a real image holds any fake.

    References:
        T. Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative
        Models", 2019; M. F. Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
        Models", 2020.
    """

    precision: np.ndarray
    recall: np.ndarray
    density: np.ndarray
    coverage: np.ndarray

    @classmethod
    def of(cls, real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> Manifold:
        """Compare features (n, d) and (m, d); n and m must exceed k.

        Raises:
            DataError: the arrays are not such features.
        """
        real, fake = checked_pair(real, fake, least=k + 1)
        reach, fake_reach = _reach(real, k), _reach(fake, k)
        found, holds = np.zeros(len(real), bool), np.zeros(len(real), bool)
        balls = np.zeros(len(fake))
        for start, apart in distances(real, fake):
            rows = slice(start, start + len(apart))
            inside = apart <= reach[rows, None]
            balls += inside.sum(0)
            holds[rows] = inside.any(1)
            found[rows] = (apart <= fake_reach).any(1)
        return cls(balls > 0, found, balls / k, holds)


def precision(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Share of fakes that lie among the real images, 0 to 1; see `Manifold`."""
    return float(Manifold.of(real, fake, k).precision.mean())


def recall(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Share of real images that lie among the fakes, 0 to 1; see `Manifold`."""
    return float(Manifold.of(real, fake, k).recall.mean())


def density(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> float:
    """How densely real images surround the fakes, about 1 for real ones; see `Manifold`."""
    return float(Manifold.of(real, fake, k).density.mean())


def coverage(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Share of real images that have a fake near, 0 to 1; see `Manifold`."""
    return float(Manifold.of(real, fake, k).coverage.mean())


def _reach(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each vector to its k-th nearest other one, (n,)."""
    reach = []
    for start, apart in distances(x, x):
        rows = np.arange(len(apart))
        apart[rows, start + rows] = -1.0  # itself, which comes first
        reach.append(np.partition(apart, k, axis=1)[:, k])
    return np.concatenate(reach)


NUMBERS = {
    "precision": Number("Precision", "higher"),
    "recall": Number("Recall", "higher"),
    "density": Number("Density", "higher"),
    "coverage": Number("Coverage", "higher"),
}


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    # the balls stay as they are in every resample: an image drawn twice would have no reach
    found = Manifold.of(sides.real, sides.fake)
    return {name: mean_interval(getattr(found, name), seed=seed) for name in NUMBERS}


MEASURES.add("manifold")(Measure(NUMBERS, _take))
