"""Kernel distance: squared maximum mean discrepancy with a polynomial kernel."""

from __future__ import annotations

import math

import numpy as np

from assay.core.seeds import stream
from assay.generation.measures.checks import checked_pair
from assay.generation.measures.contract import MEASURES, Measure, Number, Sides
from assay.generation.measures.intervals import Interval, mean_interval

__all__ = ["kernel_distance", "kernel_interval"]

BLOCK = 1000
"""The most images of one side in a block."""
LEAST_BLOCKS = 10
"""So many blocks at least, so that their spread says something."""


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, *, block: int = BLOCK, seed: int = 0
) -> float:
    """Squared MMD with the kernel (x · y / d + 1)³, the mean over disjoint blocks of images.

    It is unbiased: its expectation does not depend on the counts and is 0 for equal distributions,
    so that single values may be below 0.

    Args:
        real: (n, d), n >= 4.
        fake: (m, d), m >= 4.
        block: the most images of one side in a block.
        seed: which images come together.

    Raises:
        DataError: the arrays are no such features.

    References:
        M. Bińkowski et al., "Demystifying MMD GANs", 2018; A. Gretton et al., "A Kernel Two-Sample
        Test", 2012; W. Zaremba et al., "B-tests", 2013, for the disjoint blocks.
    """
    return float(_blocks(real, fake, block, seed).mean())


def kernel_interval(
    real: np.ndarray, fake: np.ndarray, *, block: int = BLOCK, seed: int = 0
) -> Interval:
    """The kernel distance with the bootstrap interval over its blocks, which are independent."""
    return mean_interval(_blocks(real, fake, block, seed), seed=seed)


def _blocks(real: np.ndarray, fake: np.ndarray, block: int, seed: int) -> np.ndarray:
    """The squared MMD of each block."""
    real, fake = checked_pair(real, fake, least=4)
    wanted = max(LEAST_BLOCKS, math.ceil(max(len(real), len(fake)) / block))
    count = min(wanted, min(len(real), len(fake)) // 2)
    sides = [
        np.array_split(x[stream(seed, "blocks").permutation(len(x))], count) for x in (real, fake)
    ]
    return np.array([_squared_mmd(x, y) for x, y in zip(*sides, strict=True)])


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate: no image is compared with itself."""
    own = sum(_off_diagonal_mean(_kernel(a, a)) for a in (x, y))
    return float(own - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal_mean(k: np.ndarray) -> float:
    n = len(k)
    return float((k.sum() - np.trace(k)) / (n * (n - 1)))


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    return {"kernel_distance": kernel_interval(sides.real, sides.fake, seed=seed)}


MEASURES.add("kernel_distance")(
    Measure({"kernel_distance": Number("Kernel distance", "lower")}, _take)
)
