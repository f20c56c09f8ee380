"""Bootstrap intervals of measures; equal seeds give equal intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.core.seeds import stream
from assay.statistics import CONFIDENCE, Interval

__all__ = ["RESAMPLES", "bootstrap", "centred", "mean_interval"]

RESAMPLES = 200
"""Resamples where nothing else is said."""


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    counts: tuple[int, int],
    value: float,
    *,
    least: float = -np.inf,
    most: float = np.inf,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of a statistic of two sets of images; both are resampled.

    The interval is the percentiles of the resampled values, moved so that their mean is `value`. A
    distance between resampled sets is larger than one between the sets themselves, because a
    resample has fewer distinct images; what is wanted here is its spread.

    Args:
        statistic: from positions (n,) in the first set and (m,) in the second to a number.
        counts: (n, m).
        value: the statistic of the sets as they are.
        least, most: between which the statistic is; ends beyond are moved there.
        seed: equal seeds give equal intervals.

    References:
        B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    rng = stream(seed, "bootstrap")
    draws = np.array(
        [statistic(*(rng.integers(n, size=n) for n in counts)) for _ in range(resamples)]
    )
    return centred(value, draws, least, most)


def mean_interval(values: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of numbers (n,) with its bootstrap interval; one number has none."""
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return Interval(float(x.mean()), float("nan"), float("nan"))
    rng = stream(seed, "bootstrap")
    draws = np.array([x[rng.integers(len(x), size=len(x))].mean() for _ in range(resamples)])
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(x.mean()), float(low), float(high))


def centred(
    value: float, draws: np.ndarray, least: float = -np.inf, most: float = np.inf
) -> Interval:
    """The percentiles of resampled values, moved so that their mean is `value`."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) - draws.mean()
    # never beside the value, by which ends are off where all resamples are equal but for rounding
    low, high = np.clip([value + min(low, 0.0), value + max(high, 0.0)], least, most)
    return Interval(value, float(low), float(high))
