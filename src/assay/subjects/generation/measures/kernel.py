"""Kernel distance: squared maximum mean discrepancy with a polynomial kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from assay.core.seeds import stream
from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_pair
from assay.subjects.generation.measures.intervals import RESAMPLES, centred
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["kernel_distance", "kernel_interval"]

BLOCK = 1000
"""The most images of one side in a block."""


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, *, block: int = BLOCK, seed: int = 0
) -> float:
    """Squared MMD with the kernel (x · y / d + 1)³, the mean over blocks of images.

    It is unbiased: its expectation does not depend on the counts and is 0 for equal distributions,
    so that single values may be below 0.

    Args:
        real: (n, d), n > 1.
        fake: (m, d), m > 1.
        block: the most images of one side in a block; up to so many are compared all with all.
        seed: which images come together, where there are several blocks.

    Raises:
        DataError: the arrays are not such features.

    References:
        M. Bińkowski et al., "Demystifying MMD GANs", 2018; A. Gretton et al., "A Kernel Two-Sample
        Test", 2012; W. Zaremba et al., "B-tests", 2013, for the disjoint blocks.
    """
    return kernel_interval(real, fake, block=block, resamples=0, seed=seed).value


def kernel_interval(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    block: int = BLOCK,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The kernel distance with its bootstrap interval; arguments as `kernel_distance`.

    Images are resampled within their block, and none is ever compared with itself. As for
    `frechet_interval`, the interval is cautious near the floor.
    """
    real, fake = checked_pair(real, fake)
    count = min(math.ceil(max(len(real), len(fake)) / block), min(len(real), len(fake)) // 2)
    parts = [
        np.array_split(x[stream(seed, "blocks").permutation(len(x))] if count > 1 else x, count)
        for x in (real, fake)
    ]
    rng = stream(seed, "bootstrap")
    found = [_Block.of(x, y).values(resamples, rng) for x, y in zip(*parts, strict=True)]
    value, *draws = np.mean(found, axis=0).tolist()
    return centred(value, np.array(draws)) if draws else Interval(value, math.nan, math.nan)


@dataclass(frozen=True)
class _Block:
    """Kernels (n, n), (m, m) and (n, m) of some images; 0 for an image and itself."""

    real: np.ndarray
    fake: np.ndarray
    across: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> _Block:
        own = _kernel(x, x), _kernel(y, y)
        for kernel in own:
            np.fill_diagonal(kernel, 0)
        return cls(*own, _kernel(x, y))

    def values(self, resamples: int, rng: np.random.Generator) -> np.ndarray:
        """The squared MMD, then that of each resample, (1 + resamples,)."""
        # how often each image occurs: the same picture drawn twice is not another one
        n, m = self.across.shape
        times, fake_times = (
            np.vstack([np.ones(k), rng.multinomial(k, np.full(k, 1 / k), resamples)])
            for k in (n, m)
        )
        own = _mean(self.real, times) + _mean(self.fake, fake_times)
        across = np.einsum("rn,rn->r", times, fake_times @ self.across.T)
        return own - 2 * across / (n * m)


def _mean(kernel: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean over pairs of different images, each as often as it occurs, (resamples,)."""
    pairs = times.sum(1) ** 2 - np.square(times).sum(1)
    total = np.einsum("rn,rn->r", times, times @ kernel)
    return np.divide(total, pairs, out=np.zeros(len(times)), where=pairs > 0)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    return {"kernel_distance": kernel_interval(sides.real, sides.fake, seed=seed)}


MEASURES.add("kernel_distance")(
    Measure({"kernel_distance": Number("Kernel distance", "lower")}, _take)
)
