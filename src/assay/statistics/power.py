"""Power: the difference that repeats can detect, and the repeats that a difference needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtr, stdtrit

from assay.statistics.compare import constant_p
from assay.statistics.correction import ALPHA
from assay.statistics.effects import Effect

__all__ = ["MOST_REPEATS", "POWER", "chance_to_show", "detectable", "repeats_needed", "spread_of"]

POWER = 0.8
"""Default power."""

MOST_REPEATS = 10_000
"""Maximum number of repeats to consider."""


def chance_to_show(difference: float, spread: float, n: int, level: float = ALPHA) -> float:
    """Return the power of the two-sided paired t-test at `level`; 0 for n < 2.

    Equal differences, without any spread, are tested by their signs alone, see `paired_t`.

    Args:
        difference: the true one; spread: standard deviation of the paired differences.
    """
    if n < 2:
        return 0.0
    if spread <= 0:
        return float(difference != 0 and constant_p(n) <= level)
    critical = float(stdtrit(n - 1, 1 - level / 2))
    shift = abs(difference) / spread * n**0.5
    return _beyond(critical, shift, n - 1) + _beyond(critical, -shift, n - 1)


def _beyond(critical: float, shift: float, df: int) -> float:
    """Return how often the noncentral t, (shift + z) / sqrt(chi2 / df), is above `critical`.

    That is the mean over z of how often chi2 is small enough. (`scipy.special.nctdtr` is NaN for
    many large shifts, and a NaN is no power.)
    """
    z = np.linspace(-9, 9, 4001)
    weight = np.exp(-z * z / 2)
    most = df * (np.maximum(shift + z, 0) / critical) ** 2
    return float(np.average(chdtr(df, most), weights=weight))


def detectable(n: int, spread: float, level: float = ALPHA, power: float = POWER) -> float:
    """Return the difference that n repeats detect with this power; infinite for n < 2."""
    if n < 2 or (spread <= 0 and constant_p(n) > level):
        return float("inf")
    low, high = 0.0, 1.0
    while chance_to_show(high, 1.0, n, level) < power:
        low, high = high, 2 * high
        if high > 1e6:  # two or three runs cannot reach the level
            return float("inf")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if chance_to_show(middle, 1.0, n, level) < power else (low, middle)
        )
    return high * spread


def repeats_needed(
    difference: float, spread: float, level: float = ALPHA, power: float = POWER
) -> int | None:
    """Return the fewest repeats that detect a difference with this power; None above
    MOST_REPEATS."""
    low, high = 1, 2
    while chance_to_show(difference, spread, high, level) < power:
        low, high = high, 2 * high
        if low >= MOST_REPEATS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if chance_to_show(difference, spread, middle, level) < power:
            low = middle
        else:
            high = middle
    return high


def spread_of(found: Sequence[Effect]) -> float:
    """Return the median standard deviation of the differences of a study; NaN without any."""
    known = [e.comparison.std for e in found if np.isfinite(e.comparison.std)]
    return float(np.median(known)) if known else float("nan")
