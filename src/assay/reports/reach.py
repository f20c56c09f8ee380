"""Limits of an axis: wide enough for the measured values, not for single failures or intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Reach", "Spread", "reach"]

_SQUEEZED = 5.0
"""An axis is cut if a few values would make it so many times as long."""

_STRETCHED = 2.0
"""An interval is cut if whole it would make the axis so many times as long."""


@dataclass(frozen=True)
class Spread:
    """The drawn values of one item: its middle, single values, and the ends of its interval."""

    middle: float
    values: Sequence[float] = ()
    ends: Sequence[float] = ()

    def points(self) -> list[float]:
        """The middle and the single values."""
        return [self.middle, *(float(v) for v in self.values if math.isfinite(v))]


@dataclass(frozen=True)
class Reach:
    """The ends of an axis.

    Attributes:
        low, high: its limits.
        outside: indices of the spreads whose middle is outside.
        cut: whether an interval or a single value of the others is outside.
    """

    low: float = 0.0
    high: float = 1.0
    outside: frozenset[int] = field(default_factory=frozenset)
    cut: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything is inside."""
        return not self.outside and not self.cut

    def beyond(self, value: float) -> int:
        """Return -1 for a value below the axis, 1 above, 0 on it."""
        return int(value > self.high) - int(value < self.low)


def reach(
    spreads: Sequence[Spread],
    bounds: tuple[float, float] = (-math.inf, math.inf),
    always: Sequence[float] = (),
) -> Reach:
    """Return the axis for some spreads.

    A minority whose middles are so far away that the others would be a single dot is left outside.
    The limits extend beyond the values by at most their range, or by the narrowest interval,
    because the interval of two runs is often longer than the range of all values. If little is
    missing then, nothing is cut.

    Args:
        bounds: bounds of the values, such as 100 % of a fraction.
        always: values that must be inside, such as the zero of differences.
    """
    known = [i for i, s in enumerate(spreads) if math.isfinite(s.middle)]
    if not known:
        return Reach()
    outside = _far(spreads, known, always)
    kept = [spreads[i] for i in known if i not in outside]
    points = [*always, *(p for s in kept for p in s.points())]
    ends = [min(max(float(e), bounds[0]), bounds[1])
            for s in kept for e in s.ends if math.isfinite(e)]  # fmt: skip
    low, high = min(points), max(points)
    room = max(high - low, _narrowest(kept)) or math.inf
    wanted = (min([low, *ends]), max([high, *ends]))
    low, high = max(wanted[0], low - room), min(wanted[1], high + room)
    if wanted[1] - wanted[0] <= _STRETCHED * (high - low):
        low, high = wanted
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ends_of_axis = (max(low - pad, min(bounds[0] - pad / 2, low)),
                    min(high + pad, max(bounds[1] + pad / 2, high)))  # fmt: skip
    cut = wanted[0] < ends_of_axis[0] or wanted[1] > ends_of_axis[1]
    return Reach(*ends_of_axis, frozenset(outside), cut)


def _far(spreads: Sequence[Spread], known: Sequence[int], always: Sequence[float]) -> set[int]:
    """Return the fewest spreads without which the axis is shorter by a factor of _SQUEEZED; or
    none."""
    fixed = [Spread(value) for value in always]
    centre = float(np.median([*always, *(spreads[i].middle for i in known)]))
    order = sorted(known, key=lambda i: -abs(spreads[i].middle - centre))
    whole = _length([*fixed, *(spreads[i] for i in known)])
    for number in range(1, (len(known) + len(always) - 1) // 2 + 1):
        rest = _length([*fixed, *(spreads[i] for i in order[number:])])
        if 0 < rest <= whole / _SQUEEZED:
            return set(order[:number])
    return set()


def _length(spreads: Sequence[Spread]) -> float:
    return max(float(np.ptp([p for s in spreads for p in s.points()])), _narrowest(spreads))


def _narrowest(spreads: Sequence[Spread]) -> float:
    """Return half of the shortest interval, which is always inside; 0 if there is none."""
    known = [[float(e) for e in s.ends if math.isfinite(e)] for s in spreads]
    return min((max(ends) - min(ends) for ends in known if ends), default=0.0) / 2
