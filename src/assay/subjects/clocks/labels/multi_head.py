"""Several heads: twelve hour classes, and the minute as a number or as sixty classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from assay.subjects.clocks.labels.distributions import cross_entropy, probabilities
from assay.subjects.clocks.labels.regression import NUMERALS, ROUND, beyond
from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import HOUR, distance, wrap

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HourAndMinute", "HourAndMinuteClasses"]

HOURS = 12

SLACK = 10
"""Minutes by which two separately decoded hands may contradict each other: five degrees of the hour
hand. Chosen on clocks that were used in neither training nor tests."""


def _split(targets: np.ndarray) -> np.ndarray:
    """Hour and minute, float32 (n, 2)."""
    return np.stack(np.divmod(true_minutes(targets), HOUR), -1).astype(np.float32)


def _support(shares: np.ndarray, minute: np.ndarray) -> np.ndarray:
    """Return how well each hour (..., 12) fits a minute (...), from the hours' probabilities.

    Parts of minute ± SLACK before the full hour belong to the previous hour, parts after the next
    full hour to the next one: between 2 and 3, a minute hand at 0 means 3:00 rather than 2:00.
    """
    middle = minute[..., None] + 0.5  # a full hour is the first minute of its own hour
    before = np.clip((SLACK - middle) / (2 * SLACK), 0, 1)
    after = np.clip((middle + SLACK - HOUR) / (2 * SLACK), 0, 1)
    around = before * np.roll(shares, 1, -1) + after * np.roll(shares, -1, -1)
    return (1 - before - after) * shares + around


class HourAndMinute:
    """Hour classes, and the direction of the minute hand as one output with a periodic loss.

    The output is in numerals of the dial, five minutes each, not in hours: outputs that start more
    than a turn apart would each converge to their own nearest turn, and the network would have to
    learn where it changes from one to the next (`tests/clocks/test_labels.py` shows it).

    The heads are trained independently: at 2:59 the hour head may predict 2 and the minute head 0,
    which would mean 2:00. So decoding takes the hour that fits both heads best (`_support`).
    """

    title = "multi-head"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Twelve units and one."""
        return {"hour": HOURS, "minute": 1}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return hour and numeral in [0, 12), (n, 2)."""
        return _split(targets) / np.array([1, HOUR / NUMERALS], np.float32)

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Cross-entropy of the hour, and distance of the minute divided by that of guessing.

        It is not squared, because an error of a minute would be negligible compared with the hour's
        loss.
        """
        read, true = outputs["minute"][..., 0], encoded[..., 1]
        apart = (distance(read, true, NUMERALS) + 2 * beyond(read)) / (NUMERALS / 4)
        return cross_entropy(outputs["hour"], encoded[..., 0]) + ROUND * apart

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the whole minute of its head, and the hour that fits it best; the runner-up is
        another hour.

        It is whole, because a value just below the full hour would mean minute 59 of the same hour.
        """
        minutes = outputs["minute"][..., 0].astype(float) * HOUR / NUMERALS
        minute = wrap(np.round(minutes), HOUR)
        shares = probabilities(outputs["hour"])
        hours = np.argsort(-_support(shares, minute), -1)[..., :2]
        best, second = np.moveaxis(hours, -1, 0)
        certainty = np.take_along_axis(shares, hours[..., :1], -1)[..., 0]
        return Reading(best * HOUR + minute, certainty, second * HOUR + minute)


class HourAndMinuteClasses:
    """Hour classes and minute classes."""

    title = "multi-head, classes"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Twelve units and sixty."""
        return {"hour": HOURS, "minute": HOUR}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Hour and whole minute, (n, 2)."""
        return np.floor(_split(targets))

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Sum of both cross-entropies."""
        pairs = zip(("hour", "minute"), (encoded[..., 0], encoded[..., 1]), strict=True)
        hour, minute = (cross_entropy(outputs[name], true) for name, true in pairs)
        return hour + minute

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the most probable pair of hour and minute; the runner-up is the second."""
        hour, minute = (probabilities(outputs[name]) for name in ("hour", "minute"))
        shares = (hour[..., :, None] * minute[..., None, :]).reshape(*hour.shape[:-1], -1)
        second, best = np.moveaxis(np.argpartition(shares, -2, -1)[..., -2:], -1, 0)
        return Reading(best.astype(float), shares.max(-1), second.astype(float))


SCHEMES.add("multi_head")(HourAndMinute())
SCHEMES.add("multi_head_classes")(HourAndMinuteClasses())
