"""Sequential tests of growing data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from assay.statistics.correction import ALPHA

__all__ = ["look_levels", "looks"]

_GRID = 801
"""Points of the numerical integration."""


def looks(most: int) -> list[int]:
    """Return the numbers of pairs at which to test: 4, 5, 6, then about a quarter more each."""
    found = [min(4, most)]
    while found[-1] < most:
        n = found[-1]
        found.append(min(most, max(n + 1, round(n * 1.25))))
    return found


SPENT = 0.9 * ALPHA
"""The level to spend: paths of t-tests of few pairs vary a little more than normal ones (5.4 %
instead of 5 in simulations)."""


def look_levels(sizes: Sequence[int], alpha: float = SPENT) -> list[float]:
    """Return the level of the two-sided test at each look, so that their overall error is at most
    `alpha` (for normal paths).

    The level is spent evenly from the start, as by Pocock's boundaries, because large differences
    are common: alpha ln(1 + (e - 1) t) up to the fraction t of the pairs. The probability of first
    crossing at a look is found by integrating over the paths that have not crossed before.

    Args:
        sizes: numbers of pairs, ascending; the last one is the most there can be.

    References:
        K. Lan, D. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70,
        1983; P. Armitage, C. McPherson, B. Rowe, "Repeated significance tests on accumulating
        data", J. R. Stat. Soc. A 132, 1969.
    """
    times = np.asarray(sizes, dtype=np.float64) / sizes[-1]
    spent = alpha * np.log1p((np.e - 1) * times)
    levels, x, weight = [], np.zeros(1), np.ones(1)
    before_time = before_spent = 0.0
    for time, until in zip(times, spent, strict=True):
        step, wanted = np.sqrt(time - before_time), until - before_spent
        low, high = 0.0, 10.0
        for _ in range(60):
            bound = (low + high) / 2
            crossed = weight @ (ndtr((-bound - x) / step) + ndtr((x - bound) / step))
            low, high = (bound, high) if crossed > wanted else (low, bound)
        levels.append(float(2 * ndtr(-high / np.sqrt(time))))
        y = np.linspace(-high, high, _GRID)
        density = np.exp(-0.5 * ((y[:, None] - x) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        trapezoid = np.full(_GRID, y[1] - y[0])
        trapezoid[[0, -1]] /= 2
        x, weight = y, (density @ weight) * trapezoid
        before_time, before_spent = time, until
    return levels
