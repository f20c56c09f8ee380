"""Holm's correction of a family of tests, and the corresponding intervals."""

from __future__ import annotations

import numpy as np

__all__ = ["ALPHA", "holm", "holm_confidence"]

ALPHA = 0.05
"""A difference is significant if its corrected p is below this."""


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected over the last axis by Holm's step-down method, in the same order.

    The probability of any false rejection stays below the level under any dependence. NaN (no test)
    stays NaN and counts as a comparison.

    References:
        S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(np.where(np.isnan(p), 2.0, p), axis=-1, kind="stable")
    steps = np.take_along_axis(p, order, -1) * np.arange(p.shape[-1], 0, -1)
    steps = np.minimum(np.fmax.accumulate(steps, axis=-1), 1.0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, steps, -1)
    return np.where(np.isnan(p), np.nan, adjusted)


def holm_confidence(p: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Return the confidence of the interval that corresponds to each of Holm's decisions.

    Holm's method tests the smallest of m p-values at alpha / m, the next at alpha / (m - 1), and so
    on until one is not below its level, which then applies to all others. The interval of the same
    level excludes zero if and only if the difference is significant. Of the intervals of
    significant differences, at most a fraction alpha misses the truth on average, because none is
    shorter than required by Benjamini and Yekutieli.

    Args:
        p: uncorrected, (..., m).

    References:
        Y. Benjamini, D. Yekutieli, "False discovery rate-adjusted multiple confidence intervals
        for selected parameters", JASA 100, 2005.
    """
    p = np.asarray(p, dtype=np.float64)
    called = np.sum(holm(p) < alpha, -1, keepdims=True)
    order = np.argsort(np.where(np.isnan(p), 2.0, p), axis=-1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(p.shape[-1]), p.shape), -1)
    left = p.shape[-1] - np.minimum(rank, called)
    return 1 - alpha / np.maximum(left, 1)
