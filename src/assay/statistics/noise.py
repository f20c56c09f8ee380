"""Bad runs (outliers), and the margin that a study needs once it has seen one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, chdtri, fdtrc, ndtr

from assay.core.records import Record
from assay.statistics.metrics import values_by_seed

__all__ = ["NO_BAD_RUNS", "BadRuns", "bad_runs", "find_bad_runs"]

FAR = 5.0
"""A bad run is so many standard deviations of its dataset's runs away from its trial's median."""

UNEQUAL = 0.05
"""Level of the test after which only trials that vary as much say what is far for a trial."""

SURELY = 0.001
"""Chance that a sample varies so much less than what it is of that its margin is too small."""

ALONE = 3.0
"""It must also be so many of its own trial's away, because a trial may only vary more."""

LOPSIDED = 1.0
"""Skewness counts from so many of its standard deviations under normal noise on."""

ROOM = 1.25
"""Margin for skewness, in standard errors of the most variable trial times the skewness."""

FEWEST = 10
"""Minimum number of runs, of all trials together, to detect skewness."""

SURE = 0.9
"""Confidence of the upper bound of the frequency of bad runs."""

_TO_DEVIATION = 1.4826
"""Factor from the median absolute deviation to the standard deviation of a normal distribution."""


class BadRuns(NamedTuple):
    """How far bad runs and skewed noise may shift the mean of any trial of a study.

    Attributes:
        low: downwards, at most 0; high: upwards, at least 0.
        runs: number of bad runs.
        skewness: skewness of the runs around the means of their trials, averaged over the trials; 0
            if normal noise would hardly be less skewed (LOPSIDED).
        spread: standard deviation of the trials that `low` and `high` were found in; 0 if unknown.
        chance: p of this skewness under normal noise; 1 if it does not count.
    """

    low: float | np.ndarray = 0.0
    high: float | np.ndarray = 0.0
    runs: int | np.ndarray = 0
    skewness: float | np.ndarray = 0.0
    spread: float | np.ndarray = 0.0
    chance: float | np.ndarray = 1.0

    @property
    def margin(self) -> float | np.ndarray:
        """How far a difference of two trials may be shifted."""
        return np.maximum(-np.asarray(self.low), self.high)

    def among(self, *samples: np.ndarray) -> BadRuns:
        """Return what bad runs do to the mean of a sample, or to the difference of two means.

        In a sample that surely varies less than the trials that they were found in, they are
        proportionally nearer. Its standard deviation may be as large as its upper bound; of a
        sample without any, nothing is known.

        Args:
            samples: (..., n) each.
        """
        shares = []
        for x in samples:
            n = x.shape[-1]
            freedom = max(n - 1, 1)
            widest = np.sqrt(freedom / chdtri(freedom, 1 - SURELY))
            most = widest * (x.std(-1, ddof=1) if n > 1 else np.zeros(x.shape[:-1]))
            known = (most > 0) & (most < self.spread)
            shares.append(np.where(known, most / np.where(known, self.spread, 1.0), 1.0))
        share = np.maximum.reduce(shares)
        return self._replace(low=share * self.low, high=share * self.high)


NO_BAD_RUNS = BadRuns()


def find_bad_runs(values: np.ndarray, datasets: Sequence[str] | None = None) -> BadRuns:
    """Find runs far from the others of their trial, and how far such runs may shift means.

    A sample of five cannot show that one run in ten is bad: most such samples contain none and vary
    little. The other trials of the study can show it, and each trial may have bad runs as often.
    The upper Clopper-Pearson bound of this frequency (at the confidence SURE), times the distance
    of the worst run, is how far the mean of any trial may differ from that of its runs.
    What is far is measured by the trials of the same dataset, because those of an easy and a hard
    one vary unequally. Of one dataset, trials that surely vary unequally are no measure of each
    other (`_expected`, `BadRuns.among`). But a few runs hardly show that, so there honest runs of a
    trial that varies more are often called bad; a scale of each trial's own would not do that, but
    among 3 runs it would miss two of three bad ones.
    `mean_interval` and `compare` add it as a margin. With it, the family-wise error stays near 5 %
    or below, where a paired t-test alone finds a difference between equal levels in up to 60 % of
    the studies, and intervals cover the mean, which they otherwise cover in 72 % of the cases
    (`benchmarks/intervals.py` measures this and alternatives).

    Noise may be skewed without such outliers. All trials together can show it; the means of few
    runs are then too often on the side of the short tail, and intervals are extended on the other
    side.

    Args:
        values: (..., trials, n), NaN if a trial has fewer runs.
        datasets: that of each trial; one of all by default.

    Returns:
        See `BadRuns`; (...,) each.
    """
    x = np.asarray(values, dtype=np.float64)
    distance = x - _median(x)
    size = np.abs(distance)
    scale = np.zeros((*size.shape[:-1], 1))
    labels = np.array(datasets or [""] * size.shape[-2])
    for label in set(labels):
        scale[..., labels == label, :] = _expected(size[..., labels == label, :])
    with np.errstate(invalid="ignore"):
        bad = (size > FAR * scale) & (size > ALONE * _TO_DEVIATION * _median(size)) & (scale > 0)
    runs = np.isfinite(x).sum((-2, -1))
    ends = []
    for side in (-1, 1):
        mine = bad & (side * distance > 0)
        number = mine.sum((-2, -1))
        worst = np.where(mine, size, 0.0).max((-2, -1), initial=0.0)
        often = betaincinv(number + 1.0, np.maximum(runs - number, 1e-9), SURE)
        ends.append(np.where(number, side * often * worst, 0.0))
    skewness, room, widest, chance = _skewed(x)
    low, high = ends[0] - np.where(skewness < 0, room, 0), ends[1] + np.where(skewness > 0, room, 0)
    spread = np.where(bad, scale, np.inf).min((-2, -1), initial=np.inf)
    spread = np.where(skewness, np.minimum(spread, widest), spread)
    spread = np.where(np.isfinite(spread), spread, 0.0)
    return BadRuns(low, high, bad.sum((-2, -1)), skewness, spread, chance)


def _expected(size: np.ndarray) -> np.ndarray:
    """Return the standard deviation that a run of each trial is expected to have, (..., trials, 1).

    It is that of all their runs. If the trials surely vary unequally, it is for each that of the
    trials that vary at least as much, because the few runs of one alone would often have a bad one
    among them by chance.

    Args:
        size: distances from the trial's median, (..., trials, n).
    """
    others = np.where(_is_median(size), np.nan, size)
    pooled = _deviation(others)
    unequal = _unequal(others)
    if not unequal.any():
        return np.broadcast_to(pooled, (*size.shape[:-1], 1))
    order = np.argsort(-_median(size), -2, kind="stable")  # NaN, of a trial without runs, is last
    others = np.take_along_axis(others, order, -2)
    ranks = range(1, size.shape[-2] + 1)
    own = np.concatenate([_deviation(others[..., :rank, :]) for rank in ranks], -2)
    own = np.take_along_axis(own, np.argsort(order, -2, kind="stable"), -2)
    return np.where(unequal, own, pooled)


def _deviation(size: np.ndarray) -> np.ndarray:
    """Return the standard deviation of all trials by their median distance, (..., 1, 1)."""
    return _TO_DEVIATION * _median(size.reshape(*size.shape[:-2], 1, -1))


def _unequal(size: np.ndarray) -> np.ndarray:
    """Return whether the trials surely vary unequally, (..., 1, 1).

    References:
        M. Brown, A. Forsythe, "Robust tests for the equality of variances", JASA 69, 1974.
    """
    there = np.isfinite(size)
    n = there.sum(-1, keepdims=True)
    mean = _mean(size, there)
    all_n, groups = n.sum(-2, keepdims=True), (n > 0).sum(-2, keepdims=True)
    whole = (n * mean).sum(-2, keepdims=True) / np.maximum(all_n, 1)
    between = (n * (mean - whole) ** 2).sum(-2, keepdims=True)
    within = (np.where(there, size - mean, 0.0) ** 2).sum((-2, -1), keepdims=True)
    freedom = np.maximum(groups - 1, 1), np.maximum(all_n - groups, 1)
    tested = (groups > 1) & (all_n > groups) & (within > 0)
    ratio = (between / freedom[0]) / np.where(tested, within / freedom[1], 1.0)
    return tested & (fdtrc(*freedom, ratio) < UNEQUAL)


def _skewed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the skewness of a study's runs, 0 if it does not count, the margin for it, the
    standard deviation of the trial that this is of, and the p of the skewness.

    References:
        D. Joanes, C. Gill, "Comparing measures of sample skewness and kurtosis", The Statistician
        47, 1998 (its variance under normality).
    """
    there = np.isfinite(x)
    n = there.sum(-1)
    d = np.where(there, x - _mean(x, there), 0.0)
    second, third = (d**2).sum(-1), (d**3).sum(-1)
    usable = (n > 2) & (second > 0)
    own = np.where(usable, n, 3)
    one = np.where(usable, second, 1.0)
    each = np.where(usable, np.sqrt(own) * third / one**1.5, 0.0)
    variance = np.where(usable, 6.0 * (own - 2) / ((own + 1) * (own + 3)), 0.0)
    trials = np.maximum(usable.sum(-1), 1)
    mean, error = each.sum(-1) / trials, np.sqrt(variance.sum(-1)) / trials
    enough = np.where(usable, n, 0).sum(-1) >= FEWEST
    sure = enough & (np.abs(mean) > LOPSIDED * error)
    skewness = np.where(sure, mean, 0.0)
    chance = np.where(sure, 2 * ndtr(-np.abs(mean) / np.where(sure, error, 1.0)), 1.0)
    errors = np.where(usable, np.sqrt(one / (own * np.maximum(own - 1, 1))), 0.0)
    widest = np.sqrt(np.where(usable, one / np.maximum(own - 1, 1), 0.0)).max(-1, initial=0.0)
    return skewness, ROOM * np.abs(skewness) * errors.max(-1, initial=0.0), widest, chance


def _mean(x: np.ndarray, there: np.ndarray) -> np.ndarray:
    total = np.where(there, x, 0.0).sum(-1, keepdims=True)
    return total / np.maximum(there.sum(-1, keepdims=True), 1)


def _median(x: np.ndarray) -> np.ndarray:
    """Return medians over the last axis (kept), ignoring NaN; NaN if all values are NaN."""
    n = np.sum(np.isfinite(x), -1, keepdims=True)
    ordered = np.sort(x, -1)  # NaN goes last
    low, high = (np.clip(k, 0, max(x.shape[-1] - 1, 0)) for k in ((n - 1) // 2, n // 2))
    if not x.shape[-1]:
        return np.full(n.shape, np.nan)
    return (np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)) / 2


def _is_median(size: np.ndarray) -> np.ndarray:
    """Mark the runs that are the median of an odd number, which say nothing about the spread."""
    odd = np.sum(np.isfinite(size), -1, keepdims=True) % 2 == 1
    filled = np.where(np.isfinite(size), size, np.inf)
    first = np.arange(size.shape[-1]) == np.argmin(filled, -1)[..., None]
    return odd & first


def bad_runs(
    runs: Mapping[str, Sequence[Record]] | Iterable[Sequence[Record]], metric: str
) -> BadRuns:
    """Find bad runs in the trials of a study, {trial_id: its records}."""
    groups = runs.values() if isinstance(runs, Mapping) else runs
    groups = [group for group in groups if group]
    rows = [list(values_by_seed(group, metric).values()) for group in groups]
    longest = max(map(len, rows), default=0)
    if not longest:
        return NO_BAD_RUNS
    table = np.array([row + [np.nan] * (longest - len(row)) for row in rows])
    found = find_bad_runs(table, [_dataset(group[0]) for group in groups])
    return BadRuns(*(np.asarray(part).item() for part in found))


def _dataset(record: Record) -> str:
    """Return the name of a run's dataset; empty if an imported one has none."""
    of = record.config.get("dataset")
    return str(of.get("name", "")) if isinstance(of, Mapping) else ""
