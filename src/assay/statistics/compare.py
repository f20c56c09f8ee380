"""Comparison of A with B: differences with intervals, tests and the probability of being better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, stdtr, stdtrit

from assay.statistics.estimates import CONFIDENCE, Interval, t_interval
from assay.statistics.noise import NO_BAD_RUNS, BadRuns

__all__ = [
    "GAMMA",
    "Comparison",
    "TTest",
    "compare",
    "constant_p",
    "paired_t",
    "share_interval",
    "welch_t",
]

GAMMA = 0.75
"""P(A > B) that Bouthillier et al. require of a meaningful improvement."""

_TINY = 1e-12


class TTest(NamedTuple):
    """Difference A - B of the means, its interval, and the two-sided p; arrays of one shape."""

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """A against B.

    Attributes:
        n: pairs, or the smaller number of runs if not paired; 0 if a side is empty.
        paired: whether runs with equal seeds were compared with each other.
        test: "paired t", "Welch", "sign" or "permutation" (for differences without any spread),
            or "none".
        difference: mean of A - B in the metric's own unit; NaN if there is none.
        low, high: ends of its interval; NaN for a single run.
        p: two-sided and uncorrected; NaN if no test is possible.
        p_better: share of pairs in which A is better (ties count half), with its interval
            (`share_interval`), which covers at least 95 %.
        std: standard deviation of the paired differences (of differences of independent runs if not
            paired).
        least_p: the smallest p that so many runs without any spread can have; 0 if they vary.
        margin: how far bad or skewed runs may have shifted the difference, for which the interval
            and p make room.
        note: a note for readers ("one run, no interval"); empty otherwise.
    """

    n: int
    paired: bool
    test: str = "none"
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_better: Interval = field(default_factory=Interval)
    std: float = math.nan
    least_p: float = 0.0
    margin: float = 0.0
    note: str = ""

    @property
    def half_width(self) -> float:
        """Half the width of the interval of the difference."""
        return (self.high - self.low) / 2

    @property
    def meaningful(self) -> bool:
        """Whether P(better) is significantly above chance and may reach GAMMA, as in the paper."""
        return bool(self.p_better.low > 0.5 and self.p_better.high > GAMMA)


def paired_t(
    differences: np.ndarray,
    confidence: float = CONFIDENCE,
    margin: float | np.ndarray = 0.0,
) -> TTest:
    """Student's paired test over the last axis of A - B, (..., n).

    At n = 5 it can reach any level, unlike a sign test, whose smallest p is 0.0625. If all
    differences are equal, t is not defined: p is 1 if they are 0, else that of the sign test, 2 **
    (1 - n).

    Args:
        margin: how far bad runs may have shifted the difference (`BadRuns`), a number or (...,):
            the interval is extended by it at each end, and p is that of the difference reduced by
            it.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = d.shape[-1]
    mean, low, high = t_interval(d, confidence)
    if n < 2:
        return TTest(mean, low, high, np.full_like(mean, np.nan))
    constant = _without_spread(d)
    error = np.where(constant, 1.0, d.std(-1, ddof=1) / np.sqrt(n))
    left = np.maximum(np.abs(mean) - margin, 0.0)
    p = 2 * stdtr(n - 1, -left / error)
    p = np.where(constant, np.where(left <= _rounding(d), 1.0, constant_p(n)), p)
    return _with_zero(TTest(mean, low - margin, high + margin, p), constant, confidence)


def constant_p(n: int) -> float:
    """Return p of n differences that are all equal and not 0, by the two-sided sign test."""
    return 2.0 ** (1 - n)


def _apart_p(n: int, m: int) -> float:
    """Return p of n equal values and m others, by the two-sided permutation test."""
    return min(2 / math.comb(n + m, n), 1.0)


def _rounding(*samples: np.ndarray) -> np.ndarray:
    """Return what counts as 0 beside samples (..., n): errors of rounding, (...,)."""
    return _TINY * np.maximum.reduce([np.abs(x).max(-1, initial=1.0) for x in samples])


def _without_spread(*samples: np.ndarray) -> np.ndarray:
    """Return whether the values of no sample (..., n) differ by more than rounding, (...,)."""
    tiny = _rounding(*samples)
    return np.logical_and.reduce([np.ptp(x, axis=-1) <= tiny for x in samples])


def welch_t(
    a: np.ndarray,
    b: np.ndarray,
    confidence: float = CONFIDENCE,
    margin: float | np.ndarray = 0.0,
) -> TTest:
    """Welch's test of two independent samples over the last axis, (..., n) and (..., m).

    If neither has any spread, p is 1 if they are equal, else that of the permutation test.
    `margin` as in `paired_t`.

    References:
        B. L. Welch, "The generalization of Student's problem when several different population
        variances are involved", Biometrika 34, 1947.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    n, m = a.shape[-1], b.shape[-1]
    difference = a.mean(-1) - b.mean(-1)
    if min(n, m) < 2:
        return TTest(difference, *[np.full_like(difference, np.nan)] * 3)
    constant = _without_spread(a, b)
    va = np.where(constant, 1.0, a.var(-1, ddof=1) / n)
    vb = np.where(constant, 1.0, b.var(-1, ddof=1) / m)
    freedom = (va + vb) ** 2 / (va**2 / (n - 1) + vb**2 / (m - 1))
    left = np.maximum(np.abs(difference) - margin, 0.0)
    p = 2 * stdtr(freedom, -left / np.sqrt(va + vb))
    p = np.where(constant, np.where(left <= _rounding(a, b), 1.0, _apart_p(n, m)), p)
    half = np.where(constant, 0.0, stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(va + vb))
    ends = difference - half - margin, difference + half + margin
    return _with_zero(TTest(difference, *ends, p), constant, confidence)


def _with_zero(found: TTest, constant: np.ndarray, confidence: float) -> TTest:
    """Extend intervals of differences without spread to zero if their test is not significant."""
    open_case = constant & (found.p >= 1 - confidence)
    low = np.where(open_case, np.minimum(found.low, 0.0), found.low)
    return found._replace(
        low=low, high=np.where(open_case, np.maximum(found.high, 0.0), found.high)
    )


def share_interval(share: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Clopper-Pearson interval for a share of n; halves count for neither side.

    Its coverage is at least `confidence`; with few pairs, no interval has exactly this coverage.

    References:
        C. Clopper, E. Pearson, "The use of confidence or fiducial limits illustrated in the case of
        the binomial", Biometrika 26, 1934.
    """
    if n < 2 or not math.isfinite(share):
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    fewest, most = math.floor(share * n + _TINY), math.ceil(share * n - _TINY)
    low = betaincinv(fewest, n - fewest + 1, tail) if fewest else 0.0
    high = betaincinv(most + 1, n - most, 1 - tail) if most < n else 1.0
    return float(low), float(high)


def _wins(difference: np.ndarray, higher_is_better: bool) -> np.ndarray:
    sign = np.sign(np.where(np.abs(difference) <= _TINY, 0.0, difference))
    return (1 + (sign if higher_is_better else -sign)) / 2


def _compare_paired(
    d: np.ndarray, left_out: int, higher: bool, level: float, bad: BadRuns
) -> Comparison:
    margin = bad.among(d).margin
    t = paired_t(d, level, margin)
    wins = float(_wins(d, higher).mean())
    spread = not _without_spread(d)
    notes = []
    if len(d) == 1:
        notes.append("one run, no interval")
    elif not spread:
        notes.append("the difference is the same in every pair")
    if left_out:
        notes.append(f"unpaired runs left out: {left_out}")
    return Comparison(
        len(d),
        True,
        "none" if len(d) == 1 else "paired t" if spread else "sign",
        float(t.difference),
        float(t.low),
        float(t.high),
        float(t.p),
        Interval(wins, *share_interval(wins, len(d))),
        std=float(d.std(ddof=1)) if len(d) > 1 else math.nan,
        least_p=0.0 if spread else constant_p(len(d)),
        margin=float(margin),
        note="; ".join(notes),
    )


def _compare_unpaired(
    a: np.ndarray, b: np.ndarray, higher: bool, level: float, bad: BadRuns
) -> Comparison:
    margin = bad.among(a, b).margin
    t = welch_t(a, b, level, margin)
    wins = float(_wins(a[:, None] - b, higher).mean())
    n = min(len(a), len(b))
    spread = not _without_spread(a, b)
    notes = ["seeds differ, so the runs are not paired"]
    if n == 1:
        notes.append("one run on a side, no interval")
    # the share of all pairs varies at most like that of n independent ones (Birnbaum, Klose 1957)
    return Comparison(
        n,
        False,
        "none" if n == 1 else "Welch" if spread else "permutation",
        float(t.difference),
        float(t.low),
        float(t.high),
        float(t.p),
        Interval(wins, *share_interval(wins, n)),
        std=float(np.hypot(a.std(ddof=1), b.std(ddof=1))) if n > 1 else math.nan,
        least_p=0.0 if spread else _apart_p(len(a), len(b)),
        margin=float(margin),
        note="; ".join(notes),
    )


def compare(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    higher_is_better: bool | None = True,
    confidence: float = CONFIDENCE,
    bad: BadRuns = NO_BAD_RUNS,
) -> Comparison:
    """Compare the values of A with those of B, {seed: value} each.

    Runs are paired by seed if at least half of the smaller side has a partner (and at least two
    runs, or all); otherwise the two sides are compared by Welch's test. If it is unknown whether a
    higher value is better (None), there is no P(better).

    Args:
        confidence: of the interval of the difference.
        bad: how far bad runs of the study may shift a mean (`bad_runs`).

    References:
        X. Bouthillier et al., "Accounting for variance in machine learning benchmarks",
        MLSys 2021 (P(A > B), gamma = 0.75).
    """
    if not a or not b:
        return Comparison(0, False, note="no finished run on a side")
    if higher_is_better is None:
        found = compare(a, b, confidence=confidence, bad=bad)
        return replace(found, p_better=Interval())
    shared = sorted(set(a) & set(b))
    smaller = min(len(a), len(b))
    if shared and len(shared) >= min(smaller, max(2, smaller / 2)):
        d = np.array([a[s] for s in shared]) - np.array([b[s] for s in shared])
        left_out = len(a) + len(b) - 2 * len(shared)
        return _compare_paired(d, left_out, higher_is_better, confidence, bad)
    x, y = np.array(list(a.values())), np.array(list(b.values()))
    return _compare_unpaired(x, y, higher_is_better, confidence, bad)
