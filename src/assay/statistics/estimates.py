"""Mean, spread and interval of a metric over the runs of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from assay.core.records import Record

__all__ = ["CONFIDENCE", "Estimate", "estimate", "estimate_runs", "t_interval", "values_by_seed"]

CONFIDENCE = 0.95
"""The confidence of every interval unless another is asked for."""


@dataclass(frozen=True)
class Estimate:
    """What repeats say about one number; NaN where they cannot say it.

    Attributes:
        n: runs that the numbers rest on.
        diverged: runs that diverged; they are counted here and in no other number.
        failed: runs that failed or finished without a finite value; counted here only.
        mean, std: std divides by n - 1.
        low, high: ends of the t-interval of the mean; NaN for fewer than two runs.
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
    def half_width(self) -> float:
        """Half the width of the interval: the number behind the sign ±."""
        return (self.high - self.low) / 2


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


def estimate(
    values: Sequence[float] | np.ndarray,
    *,
    diverged: int = 0,
    failed: int = 0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Summarise finite values, (n,); n may be 0."""
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return Estimate(0, diverged, failed, *[float("nan")] * 7)
    mean, low, high = (float(v) for v in t_interval(x, confidence))
    std = float(x.std(ddof=1)) if len(x) > 1 else float("nan")
    ordered = sorted(x.tolist())  # for few values faster than what NumPy has for many
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


def values_by_seed(records: Iterable[Record], metric: str) -> dict[int, float]:
    """Return {seed: value} of the finished runs that have a finite value of `metric`."""
    values = {}
    for record in records:
        value = record.metrics.get(metric)
        if record.status == "finished" and value is not None and math.isfinite(value):
            values[record.seed] = float(value)
    return dict(sorted(values.items()))


def estimate_runs(
    records: Iterable[Record], metric: str, confidence: float = CONFIDENCE
) -> Estimate:
    """Summarise `metric` over the runs of one trial.

    Only finished runs are averaged; diverged ones and failed ones are counted beside them.
    """
    records = list(records)
    values = values_by_seed(records, metric)
    diverged = sum(record.status == "diverged" for record in records)
    return estimate(
        list(values.values()),
        diverged=diverged,
        failed=len(records) - diverged - len(values),
        confidence=confidence,
    )
