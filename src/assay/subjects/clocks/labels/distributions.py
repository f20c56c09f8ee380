"""Distributions over the bins of a circle: soft targets, losses, and two of them read together."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from assay.subjects.clocks.labels.scheme import Reading
from assay.subjects.clocks.time import HALF_DAY, HOUR, distance

__all__ = [
    "cross_entropy",
    "logarithm",
    "probabilities",
    "read_together",
    "shares_of_times",
    "soft_cross_entropy",
]

NEAR = 1
"""A reading counts as certain when its probability lies within so many minutes of it."""

APART = 5
"""A runner-up is at least so many minutes from the reading."""

_LEAST = 1e-7


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    shifted = np.exp(logits.astype(float) - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def cross_entropy(logits: Any, classes: Any) -> Any:
    """Cross-entropy (..., batch) of logits (..., batch, units) and class numbers (..., batch)."""
    chosen = classes.long().unsqueeze(-1)
    return -logits.log_softmax(-1).gather(-1, chosen).squeeze(-1)


def soft_cross_entropy(log_shares: Any, turns: Any, width: float) -> Any:
    """Cross-entropy of a distribution over the bins of a circle against a bell round a direction.

    Args:
        log_shares: logarithms of the shares, (..., batch, bins); bin i is direction i / bins.
        turns: where the bell is, (..., batch), in turns.
        width: standard deviation of the bell, in bins.
    """
    bins = log_shares.shape[-1]
    centres = log_shares.new_tensor(np.arange(bins))
    apart = distance(centres, turns.unsqueeze(-1) * bins, bins)
    bell = (-0.5 * (apart / width) ** 2).softmax(-1)
    return -(bell * log_shares).sum(-1)


@cache
def _between(bins: int, period: int) -> np.ndarray:
    """(bins, 720): how much of each bin's value the value at each whole minute is made of, when
    values between two bins lie on a straight line."""
    position = np.arange(HALF_DAY) % period * bins / period
    apart = distance(np.arange(bins)[:, None], position[None], bins)
    return np.maximum(0, 1 - apart)


def read_together(
    log_minute: np.ndarray, log_phase: np.ndarray, least_error: bool = False
) -> Reading:
    """The time out of all 720 that the minute hand and the hour hand together make likeliest.

    The hour cannot contradict the minute hand: each of the 720 times is judged by both.

    Args:
        log_minute: logarithms of shares over one hour, (..., bins).
        log_phase: the same over twelve hours.
        least_error: read the time with the least expected error instead, the median round the dial:
            between an hour before and an hour after that are each a little likelier.
    """
    shares = shares_of_times(log_minute, log_phase)
    best = _expected_error(shares).argmin(-1) if least_error else shares.argmax(-1)
    apart = distance(np.arange(HALF_DAY), best[..., None])
    certainty = np.where(apart <= NEAR, shares, 0).sum(-1)
    second = np.where(apart >= APART, shares, -1).argmax(-1)
    return Reading(best.astype(float), certainty, second.astype(float))


def shares_of_times(log_minute: np.ndarray, log_phase: np.ndarray) -> np.ndarray:
    """How likely each of the 720 times is, (..., 720), by what `read_together` is given."""
    score = log_minute @ _between(log_minute.shape[-1], HOUR)
    return probabilities(score + log_phase @ _between(log_phase.shape[-1], HALF_DAY))


def _expected_error(shares: np.ndarray) -> np.ndarray:
    """(..., 720): how many minutes each time is from the others, on average by their shares."""
    away = np.fft.rfft(distance(np.arange(HALF_DAY), 0))
    found: np.ndarray = np.fft.irfft(np.fft.rfft(shares) * away, HALF_DAY)
    return found


def logarithm(shares: np.ndarray) -> np.ndarray:
    """Logarithm that stays finite."""
    return np.log(np.maximum(shares, _LEAST))
