"""Distributions over the bins of a circle: soft targets, losses, and joint decoding of two."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from assay.subjects.clocks.labels.scheme import Reading
from assay.subjects.clocks.time import HALF_DAY, HOUR, distance

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "cross_entropy",
    "logarithm",
    "probabilities",
    "read_together",
    "shares_of_times",
    "soft_cross_entropy",
]

NEAR = 1
"""The certainty of a reading is the probability within so many minutes of it."""

APART = 5
"""Minimum distance of the runner-up from the reading, in minutes."""

_LEAST = 1e-7


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    shifted = np.exp(logits.astype(float) - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy (..., batch) of logits (..., batch, units) and class numbers (..., batch)."""
    chosen = classes.long().unsqueeze(-1)
    return -logits.log_softmax(-1).gather(-1, chosen).squeeze(-1)


def soft_cross_entropy(log_shares: Tensor, turns: Tensor, width: float) -> Tensor:
    """Cross-entropy of a distribution over the bins of a circle against a bell round a direction.

    Args:
        log_shares: logarithms of the shares, (..., batch, bins); bin i is direction i / bins.
        turns: centre of the bell, (..., batch), in turns.
        width: standard deviation of the bell, in bins.
    """
    bins = log_shares.shape[-1]
    centres = log_shares.new_tensor(np.arange(bins))
    apart = distance(centres, turns.unsqueeze(-1) * bins, bins)
    bell = (-0.5 * (apart / width) ** 2).softmax(-1)
    return -(bell * log_shares).sum(-1)


@cache
def _between(bins: int, period: int) -> np.ndarray:
    """(bins, 720): weights of the bins for linear interpolation at each whole minute."""
    position = np.arange(HALF_DAY) % period * bins / period
    apart = distance(np.arange(bins)[:, None], position[None], bins)
    return np.maximum(0, 1 - apart)


def read_together(
    log_minute: np.ndarray, log_phase: np.ndarray, least_error: bool = False
) -> Reading:
    """Return the most probable of all 720 times, given both hands.

    The hour cannot contradict the minute hand, because both determine the probability of each time.

    Args:
        log_minute: logarithms of shares over one hour, (..., bins).
        log_phase: the same over twelve hours.
        least_error: return the time with the smallest expected error (a circular median) instead.
    """
    shares = shares_of_times(log_minute, log_phase)
    best = _expected_error(shares).argmin(-1) if least_error else shares.argmax(-1)
    apart = distance(np.arange(HALF_DAY), best[..., None])
    certainty = np.where(apart <= NEAR, shares, 0).sum(-1)
    second = np.where(apart >= APART, shares, -1).argmax(-1)
    return Reading(best.astype(float), certainty, second.astype(float))


def shares_of_times(log_minute: np.ndarray, log_phase: np.ndarray) -> np.ndarray:
    """Return the probability of each of the 720 times, (..., 720); see `read_together`."""
    score = log_minute @ _between(log_minute.shape[-1], HOUR)
    return probabilities(score + log_phase @ _between(log_phase.shape[-1], HALF_DAY))


def _expected_error(shares: np.ndarray) -> np.ndarray:
    """(..., 720): expected error of each time, in minutes."""
    away = np.fft.rfft(distance(np.arange(HALF_DAY), 0))
    found: np.ndarray = np.fft.irfft(np.fft.rfft(shares) * away, HALF_DAY)
    return found


def logarithm(shares: np.ndarray) -> np.ndarray:
    """Logarithm that stays finite."""
    return np.log(np.maximum(shares, _LEAST))
