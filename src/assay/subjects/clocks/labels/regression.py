"""One number: hours in [0, 12), with the plain squared error and with one that knows the dial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import HOUR, difference, wrap

__all__ = ["GUESSING", "NUMERALS", "ROUND", "Regression", "beyond"]

NUMERALS = 12
"""Numerals of a dial: hours for the hour hand, steps of five minutes for the minute hand."""

GUESSING = NUMERALS**2 / 12
"""Squared error, in numerals, of the best guess."""

ROUND = 0.1
"""Weight of an error that goes the shorter way round, in parts of what guessing gives, beside the
losses of other heads: as long as the output is a guess its gradient is noise, and with full weight
it holds up the trunk."""


def beyond(read: Any) -> Any:
    """By how many numerals an output is more than a turn away from 0, where it begins.

    A loss that wraps lets outputs run away: where the network has to leap from one turn to the
    next, farther turns are as right as near ones. Twice the steepest way on leads home. One turn to
    either side is enough for "one direction less another", each of which leaps once.
    """
    return (read.abs() - NUMERALS).clamp_min(0)


class Regression:
    """The time as one output, in hours.

    Args:
        circular: whether the loss takes the shorter way round the dial. Without, 11:59 and 12:00
            are as far apart as they can be, and a network that cannot tell says about 6.
    """

    resolution = 0.0

    def __init__(self, circular: bool):
        self.circular = circular
        self.title = "circular regression" if circular else "regression"

    def heads(self) -> dict[str, int]:
        """One unit."""
        return {"hours": 1}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Hours in [0, 12), (n, 1)."""
        return (true_minutes(targets) / HOUR).astype(np.float32)[:, None]

    def loss(self, outputs: Mapping[str, Any], encoded: Any) -> Any:
        """Squared error in parts of what guessing gives; the circular one with weight ROUND.

        In hours its gradient, noise as long as the time is a guess, would drown the losses of other
        heads.
        """
        read, true = outputs["hours"][..., 0], encoded[..., 0]
        if self.circular:
            apart = difference(read, true, NUMERALS) ** 2
            return ROUND * (apart + 2 * NUMERALS * beyond(read)) / GUESSING
        return (read - true) ** 2 / GUESSING

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """The output, brought to the dial by whole turns."""
        return Reading.plain(wrap(outputs["hours"][..., 0].astype(float) * HOUR))


SCHEMES.add("regression")(Regression(circular=False))
SCHEMES.add("circular_regression")(Regression(circular=True))
