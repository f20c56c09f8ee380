"""Time on a 12-hour dial: all circular arithmetic, in one place.

A time is a number of minutes after 12:00, in [0, 720); a direction is in clockwise turns from up,
in [0, 1). The functions use operators only, so they take Python numbers, NumPy arrays and PyTorch
tensors alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "HALF_DAY",
    "difference",
    "distance",
    "hands",
    "hour_flip",
    "mean",
    "minutes_of",
    "spans_text",
    "text",
    "wrap",
    "wrapped_error",
]

HALF_DAY = 720
"""Minutes in one turn of the hour hand."""

HOUR = 60


def wrap(value: Any, period: float = HALF_DAY) -> Any:
    """Return `value` modulo `period`, in [0, period)."""
    found = value % period
    return found - period * (found >= period)  # -1e-20 % 720 is 720 in floating point


def difference(a: Any, b: Any, period: float = HALF_DAY) -> Any:
    """Return the shorter circular difference from `b` to `a`, in [-period / 2, period / 2)."""
    return (a - b + period / 2) % period - period / 2


def distance(a: object, b: object, period: float = HALF_DAY) -> Any:
    """Return the circular distance of `a` and `b`, in [0, period / 2].

    With the default period this is the common-sense error in minutes: 11:55 against 0:05 is 10.
    """
    return abs(difference(a, b, period))


def minutes_of(hour: Any, minute: Any) -> Any:
    """Minutes after 12:00 of hour 0..12 (12 is 0) and minute."""
    return wrap(HOUR * hour + minute)


def hands(minutes: Any) -> tuple[Any, Any]:
    """Directions of the hour hand and of the minute hand on an upright dial, in turns."""
    return wrap(minutes / HALF_DAY, 1), wrap(minutes / HOUR, 1)


def hour_flip(read: object, true: object, tolerance: float = 5) -> Any:
    """Whether the minute is correct (within `tolerance` minutes), but the hour wrong."""
    minute_right = distance(read, true, HOUR) <= tolerance
    return minute_right & (distance(read, true) > HOUR / 2)


def wrapped_error(read: Any, true: Any) -> Any:
    """Whether a reading is close to the true time, but on the other side of 12:00, where plain
    subtraction gives a large error."""
    return (distance(read, true) <= HOUR) & (abs(read - true) > HALF_DAY / 2)


def mean(minutes: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The circular mean of several times, in [0, 720)."""
    turns = np.exp(2j * np.pi * np.asarray(minutes, float) / HALF_DAY)
    angle = np.angle(np.average(turns, weights=weights))
    return float(wrap(angle / (2 * np.pi) * HALF_DAY))


def text(minutes: float) -> str:
    """Format a time, to the nearest minute: "12:05" for 5, "3:59" for 239."""
    hour, minute = divmod(round(float(minutes)) % HALF_DAY, HOUR)
    return f"{hour or 12}:{minute:02d}"


def spans_text(spans: Sequence[tuple[int, int]], most: int = 4) -> str:
    """Format spans of times: "10:07 to 10:09 or 4:41"; those beyond `most` are counted."""
    if spans and (spans[0][1] - spans[0][0]) % HALF_DAY == HALF_DAY - 1:
        return "any time"
    shown = [text(a) if a == b else f"{text(a)} to {text(b)}" for a, b in spans[:most]]
    if len(spans) > most:
        shown.append(f"{len(spans) - most} other spans of time")
    return " or ".join(shown)
