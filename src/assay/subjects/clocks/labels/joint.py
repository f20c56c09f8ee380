"""Joint: soft distributions for the minute and for the 12-hour phase, decoded together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from assay.subjects.clocks.labels.distributions import (
    logarithm,
    probabilities,
    read_together,
    soft_cross_entropy,
)
from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import hands

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Joint"]

BINS = {"minute": 60, "phase": 72}
WIDTH = 1.0
"""Standard deviation of the targets, in bins: one minute, and ten minutes of the phase."""


class Joint:
    """Two distributions over circles, with soft targets around the correct bin.

    All 720 times are scored by both, so that the hour never contradicts the minute hand.
    """

    title = "joint"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Return a unit for each minute, and one for each ten minutes of the twelve hours."""
        return dict(BINS)

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Directions of minute hand and hour hand on an upright dial, in turns, (n, 2)."""
        hour, minute = hands(true_minutes(targets))
        return np.stack([minute, hour], -1).astype(np.float32)

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Sum of both cross-entropies against bells that go round the circle."""
        minute, phase = (
            soft_cross_entropy(outputs[name].log_softmax(-1), encoded[..., i], WIDTH)
            for i, name in enumerate(BINS)
        )
        return minute + phase

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the most probable of all 720 times."""
        return read_together(*self.log_shares(outputs))

    def log_shares(self, outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the shares of minute and phase, (..., bins): several views of one clock are
        combined by averaging these."""
        minute, phase = (logarithm(probabilities(outputs[name])) for name in BINS)
        return minute, phase


SCHEMES.add("joint")(Joint())
