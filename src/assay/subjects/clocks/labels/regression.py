"""One number: hours in [0, 12), with the plain and with a circular squared error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import HOUR, difference, wrap

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GUESSING", "NUMERALS", "ROUND", "Regression", "beyond"]

NUMERALS = 12
"""Numerals of a dial: hours for the hour hand, steps of five minutes for the minute hand."""

GUESSING = NUMERALS**2 / 12
"""Squared error, in numerals, of the best guess."""

ROUND = 0.1
"""Weight of the circular error, relative to guessing, among the losses of other heads: while the
output is a guess, its gradient is noise, which would slow down the trunk with full weight."""


def beyond(read: Tensor) -> Tensor:
    """Return by how many numerals an output is more than a turn away from 0, where it starts.

    A periodic loss lets outputs drift away: where the network has to jump from one turn to the
    next, distant turns are as good as near ones. A penalty of twice the steepest slope leads them
    back. One turn to either side is sufficient for the difference of two directions, each of which
    jumps once.
    """
    return (read.abs() - NUMERALS).clamp_min(0)


class Regression:
    """The time as one output, in hours.

    Args:
        circular: whether the loss uses the circular distance. Otherwise 11:59 and 12:00 are as far
            apart as possible, and an uncertain network predicts about 6.
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

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Squared error relative to guessing; the circular one has weight ROUND.

        In hours its gradient, which is noise while the time is a guess, would dominate the losses
        of other heads.
        """
        read, true = outputs["hours"][..., 0], encoded[..., 0]
        if self.circular:
            apart = difference(read, true, NUMERALS) ** 2
            return ROUND * (apart + 2 * NUMERALS * beyond(read)) / GUESSING
        return (read - true) ** 2 / GUESSING

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the output modulo whole turns."""
        return Reading.plain(wrap(outputs["hours"][..., 0].astype(float) * HOUR))


SCHEMES.add("regression")(Regression(circular=False))
SCHEMES.add("circular_regression")(Regression(circular=True))
