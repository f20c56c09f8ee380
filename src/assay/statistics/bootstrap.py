"""Bootstrap intervals that are reproducible by their seed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from assay.core.seeds import stream
from assay.statistics.estimates import CONFIDENCE

__all__ = ["bootstrap_interval"]


def _mean(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean(x, axis=axis)


def bootstrap_interval(
    *samples: Sequence[float] | np.ndarray,
    statistic: Callable[..., np.ndarray] = _mean,
    method: Literal["BCa", "percentile"] = "BCa",
    paired: bool = False,
    confidence: float = CONFIDENCE,
    resamples: int = 4999,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the ends of a bootstrap interval of `statistic(*samples)`.

    Args:
        samples: one or more arrays (n,); resampled separately, or together if `paired`.
        statistic: takes the samples and `axis`, vectorised.
        method: "BCa" (bias-corrected and accelerated) or "percentile"; if BCa is not defined (a
            statistic that depends on a single value), the percentile interval is returned.
        seed: seed; equal seeds give equal intervals.

    Returns:
        (low, high); (NaN, NaN) if a sample has fewer than two values; twice the value itself if no
        resample can change it.

    References:
        B. Efron, "Better bootstrap confidence intervals", JASA 82, 1987.
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    if min(len(a) for a in arrays) < 2:
        return float("nan"), float("nan")
    if all(np.ptp(a) == 0 for a in arrays):
        value = float(statistic(*arrays, axis=-1))
        return value, value

    if method == "BCa":
        low, high = _bca(arrays, statistic, paired, confidence, resamples, seed)
        if np.isfinite(low + high):
            return low, high
    drawn = _drawn((len(arrays[0]),) if paired else tuple(map(len, arrays)), resamples, seed)
    resampled = [a[drawn[0 if paired else i]] for i, a in enumerate(arrays)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(statistic(*resampled, axis=-1), (tail, 1 - tail))
    return float(low), float(high)


@lru_cache(maxsize=2)
def _drawn(sizes: tuple[int, ...], resamples: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return the indices of each resample for samples of these sizes, (resamples, n) each.

    They are cached, because a study compares thousands of trials with equal numbers of runs.
    """
    rng = stream(seed, "bootstrap")
    return tuple(rng.integers(0, n, (resamples, n)) for n in sizes)


def _bca(
    arrays: list[np.ndarray],
    statistic: Callable[..., np.ndarray],
    paired: bool,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float]:
    """Return the BCa interval; NaN if it is not defined."""
    from scipy import stats  # imported here because it takes half a second

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            arrays,
            statistic,
            n_resamples=resamples,
            paired=paired,
            confidence_level=confidence,
            method="BCa",
            vectorized=True,
            rng=stream(seed, "bootstrap"),
        )
    ends = result.confidence_interval
    return float(ends.low), float(ends.high)
