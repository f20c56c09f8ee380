"""Several heads: twelve hour classes beside the minute, as a number or as sixty classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.clocks.labels.contract import SCHEMES, Reading, true_minutes
from assay.clocks.labels.distributions import cross_entropy, probabilities
from assay.clocks.labels.regression import GUESSING, NUMERALS, ROUND
from assay.clocks.time import HOUR, difference, wrap

__all__ = ["HourAndMinute", "HourAndMinuteClasses"]

HOURS = 12


def _split(targets: np.ndarray) -> np.ndarray:
    """Hour and minute, float32 (n, 2)."""
    return np.stack(np.divmod(true_minutes(targets), HOUR), -1).astype(np.float32)


class HourAndMinute:
    """Hour classes, and where the minute hand points as one output, with a loss that wraps.

    The output counts the dial's numerals, of five minutes each, and not hours: outputs that start
    more than a turn apart would each be drawn to its own nearest turn, and the network would have
    to learn where it changes from one to the next (`tests/clocks/test_labels.py` shows it).

    Nothing ties the heads: at 2:59 the hour head may say 2 and the minute head 0.1 of a numeral,
    which reads 2:01 and is 58 minutes wrong.
    """

    title = "multi-head"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Twelve units and one."""
        return {"hour": HOURS, "minute": 1}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Hour and numeral in [0, 12), (n, 2)."""
        return _split(targets) / np.array([1, HOUR / NUMERALS], np.float32)

    def loss(self, outputs: Mapping[str, Any], encoded: Any) -> Any:
        """Cross-entropy of the hour, and squared error of the minute over that of guessing it."""
        apart = difference(outputs["minute"][..., 0], encoded[..., 1], NUMERALS)
        return cross_entropy(outputs["hour"], encoded[..., 0]) + ROUND * apart**2 / GUESSING

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """The likeliest hour, and the whole minute of the other head; next best: another hour.

        Whole, or a hair's breadth before the full hour would read as 59 of the same hour.
        """
        shares = probabilities(outputs["hour"])
        best, second = np.moveaxis(np.argsort(-shares, -1)[..., :2], -1, 0)
        minutes = outputs["minute"][..., 0].astype(float) * HOUR / NUMERALS
        minute = wrap(np.round(minutes), HOUR)
        return Reading(best * HOUR + minute, shares.max(-1), second * HOUR + minute)


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

    def loss(self, outputs: Mapping[str, Any], encoded: Any) -> Any:
        """Sum of both cross-entropies."""
        pairs = zip(("hour", "minute"), (encoded[..., 0], encoded[..., 1]), strict=True)
        hour, minute = (cross_entropy(outputs[name], true) for name, true in pairs)
        return hour + minute

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """The likeliest pair of hour and minute; next best is the second likeliest pair."""
        hour, minute = (probabilities(outputs[name]) for name in ("hour", "minute"))
        shares = (hour[..., :, None] * minute[..., None, :]).reshape(*hour.shape[:-1], -1)
        second, best = np.moveaxis(np.argpartition(shares, -2, -1)[..., -2:], -1, 0)
        return Reading(best.astype(float), shares.max(-1), second.astype(float))


SCHEMES.add("multi_head")(HourAndMinute())
SCHEMES.add("multi_head_classes")(HourAndMinuteClasses())
