"""Relational: directions in the picture, and the time as their differences.

A clock may be rotated, so that the direction of a hand in the picture is only meaningful relative
to that of the 12. The network predicts three distributions over directions in the picture, and
their circular cross-correlations give the time, so that it need not learn to subtract angles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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

__all__ = ["BINS", "HEADS", "Relational", "correlate", "directions_loss", "seen_directions"]

BINS = 120
WIDTH = 0.8
"""Standard deviation of a direction's target, in bins of three degrees."""

HEADS = ("twelve", "minute_hand", "hour_hand")
_FLOOR = 1e-4


def correlate(reference: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the distribution of the angle from `reference` to `direction`, (..., bins)."""
    spectrum = np.conj(np.fft.rfft(reference)) * np.fft.rfft(direction)
    return np.fft.irfft(spectrum, reference.shape[-1])


def _log_correlation(reference: Tensor, direction: Tensor) -> Tensor:
    """Logarithm of `correlate` on tensors, with a floor that keeps gradients alive."""
    import torch

    bins = reference.shape[-1]
    spectrum = torch.fft.rfft(reference).conj() * torch.fft.rfft(direction)
    shares = torch.fft.irfft(spectrum, bins).clamp_min(0)
    return ((1 - _FLOOR) * shares + _FLOOR / bins).log()


def seen_directions(targets: np.ndarray) -> np.ndarray:
    """Return the directions of the 12, the minute and the hour hand, float32 (n, 3), or NaN."""
    rows = np.asarray(targets, np.float32)
    return rows[:, 2:5] if rows.shape[1] >= 5 else np.full((len(rows), 3), np.nan, np.float32)


def directions_loss(logs: Sequence[Tensor], directions: Tensor) -> Tensor:
    """Sum of the cross-entropies of three distributions over directions, if these are known.

    Args:
        logs: logarithms of shares (..., batch, BINS), in the order of HEADS.
        directions: (..., batch, 3), in turns; NaN if unknown.
    """
    total: Any = 0.0
    for i, log in enumerate(logs):
        true = directions[..., i]
        known = true == true  # NaN is not equal to itself
        total = total + soft_cross_entropy(log, true.nan_to_num(0.0), WIDTH) * known
    return total


class Relational:
    """Directions of the 12, the minute hand and the hour hand, from the top of the picture.

    The time alone is sufficient to learn them (up to a common rotation, which has no effect). If
    the dataset contains the directions, they are targets as well, which makes learning many times
    faster.
    """

    title = "relational"
    resolution = 0.0
    width = 5
    """Number of columns of `encode`."""

    def heads(self) -> dict[str, int]:
        """120 units for each direction."""
        return dict.fromkeys(HEADS, BINS)

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return the turns from the 12 to both hands, then the directions in the picture (NaN if
        unknown); float32 (n, 5): minute, phase, twelve, minute hand, hour hand."""
        hour, minute = hands(true_minutes(targets))
        turns = np.stack([minute, hour], -1).astype(np.float32)
        return np.concatenate([turns, seen_directions(targets)], -1)

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Cross-entropies of minute and phase, and of the directions if known."""
        logs = [outputs[name].log_softmax(-1) for name in HEADS]
        twelve, *two = (log.exp() for log in logs)
        total = 0.0
        for i, hand in enumerate(two):
            wider = 2**0.5 * WIDTH  # both directions are uncertain
            found = _log_correlation(twelve, hand)
            total = total + soft_cross_entropy(found, encoded[..., i], wider)
        return total + directions_loss(logs, encoded[..., 2:])

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """The likeliest of all 720 times."""
        return read_together(*self.log_shares(outputs))

    def log_shares(self, outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the shares of minute and phase, (..., 120): several views of one clock,
        rotated or not, are combined by averaging these."""
        twelve, minute, hour = (probabilities(outputs[name]) for name in HEADS)
        return logarithm(correlate(twelve, minute)), logarithm(correlate(twelve, hour))


SCHEMES.add("relational")(Relational())
