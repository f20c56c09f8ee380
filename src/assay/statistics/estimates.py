"""Mean, spread and interval of a metric over the runs of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from assay.core.records import Record
from assay.statistics.metrics import metric_of, values_by_seed
from assay.statistics.noise import NO_BAD_RUNS, BadRuns

__all__ = [
    "CONFIDENCE",
    "Estimate",
    "Interval",
    "estimate",
    "estimate_runs",
    "mean_interval",
    "t_interval",
]

CONFIDENCE = 0.95
"""Default confidence of intervals."""


@dataclass(frozen=True)
class Interval:
    """A number with its interval.

    Attributes:
        value: the number; NaN if there is none.
        low, high: ends of the interval; NaN if there is none.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def half_width(self) -> float:
        """Half the width of the interval: the number behind the sign ±."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Estimate:
    """Summary of one number over repeats; NaN if undefined.

    Attributes:
        n: number of runs in the summary.
        diverged: diverged runs, which are only counted here.
        failed: runs that failed or finished without a finite value, which are only counted here.
        mean, std: std divides by n - 1.
        low, high: ends of the interval of the mean (`mean_interval`); NaN for fewer than two runs.
        median, minimum, maximum: over the n runs.
    """

    n: int
    diverged: int
    failed: int
    mean: float
    std: float
    low: float
    high: float
    median: float
    minimum: float
    maximum: float

    @property
    def interval(self) -> Interval:
        """The mean with its interval."""
        return Interval(self.mean, self.low, self.high)

    @property
    def half_width(self) -> float:
        """Half the width of the interval: the number behind the sign ±."""
        return self.interval.half_width


def t_interval(
    values: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high of Student's interval of the mean over the last axis.

    Args:
        values: (..., n) independent values; for n < 2 the ends are NaN.
        confidence: in (0, 1).

    References:
        "Student", "The probable error of a mean", Biometrika 6, 1908.
    """
    values = np.asarray(values, dtype=np.float64)
    n = values.shape[-1]
    if n < 2:
        mean = values.mean(-1) if n else np.full(values.shape[:-1], np.nan)
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    mean = values.mean(-1)
    half = stdtrit(n - 1, (1 + confidence) / 2) * values.std(-1, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def mean_interval(
    values: np.ndarray,
    confidence: float = CONFIDENCE,
    bad: BadRuns = NO_BAD_RUNS,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high of the mean over the last axis, as `t_interval` does.

    Args:
        values: (..., n) independent values.
        bad: how far bad runs may shift the mean, numbers or (...,) each.
        bounds: bounds of the values, and therefore of the interval.
    """
    x = np.asarray(values, dtype=np.float64)
    mean, low, high = t_interval(x, confidence)
    bad = bad.among(x)
    return mean, np.maximum(low + bad.low, bounds[0]), np.minimum(high + bad.high, bounds[1])


def estimate(
    values: Sequence[float] | np.ndarray,
    *,
    diverged: int = 0,
    failed: int = 0,
    confidence: float = CONFIDENCE,
    bad: BadRuns = NO_BAD_RUNS,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Summarise finite values, (n,); n may be 0. `bad` and `bounds` as in `mean_interval`."""
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return Estimate(0, diverged, failed, *[float("nan")] * 7)
    mean, low, high = (float(v) for v in mean_interval(x, confidence, bad, bounds))
    std = float(x.std(ddof=1)) if len(x) > 1 else float("nan")
    ordered = sorted(x.tolist())  # for few values faster than NumPy
    return Estimate(
        n=len(x),
        diverged=diverged,
        failed=failed,
        mean=mean,
        std=std,
        low=low,
        high=high,
        median=(ordered[(len(x) - 1) // 2] + ordered[len(x) // 2]) / 2,
        minimum=ordered[0],
        maximum=ordered[-1],
    )


def estimate_runs(
    records: Iterable[Record],
    metric: str,
    confidence: float = CONFIDENCE,
    bad: BadRuns = NO_BAD_RUNS,
) -> Estimate:
    """Summarise `metric` over the runs of one trial.

    Only finished runs are averaged; diverged and failed ones are counted separately. The interval
    is limited to the range of the metric.

    Args:
        bad: how far bad runs of the study may shift a mean (`bad_runs`).
    """
    records = list(records)
    values = values_by_seed(records, metric)
    diverged = sum(record.status == "diverged" for record in records)
    return estimate(
        list(values.values()),
        diverged=diverged,
        failed=len(records) - diverged - len(values),
        confidence=confidence,
        bad=bad,
        bounds=metric_of(metric).bounds,
    )
