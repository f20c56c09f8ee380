"""The contract of label schemes: target, loss and decoding of a time.

A scheme is an entry of `SCHEMES`. Its `decode` returns, within `resolution` minutes, the time whose
loss the outputs minimise; tests check this for every scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assay.core.registry import Registry
from assay.subjects.clocks.time import HALF_DAY, minutes_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SCHEMES", "Reading", "Scheme", "true_minutes"]


@dataclass(frozen=True)
class Reading:
    """The readings of some clocks; arrays of one shape (...,).

    Attributes:
        minutes: the time, in [0, 720).
        certainty: probability of the time in this scheme, 0 to 1; NaN if the scheme has no
            probabilities.
        runner_up: the second best distinct time; NaN if there is none.
    """

    minutes: np.ndarray
    certainty: np.ndarray
    runner_up: np.ndarray

    @classmethod
    def plain(cls, minutes: np.ndarray) -> Reading:
        """Return a reading without probabilities."""
        nothing = np.full(minutes.shape, np.nan)
        return cls(minutes, nothing, nothing)


class Scheme(Protocol):
    """A representation of times for a network."""

    title: str
    """Displayed name: "24 classes"."""
    resolution: float
    """Largest error of a perfect network, in minutes."""

    def heads(self) -> dict[str, int]:
        """Units of each named output."""

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return targets (n, 2 or 5) of a dataset in the format of the loss, float32 (n, k)."""

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Loss (..., batch) of outputs {head: (..., batch, units)}, on PyTorch's tensors."""

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Read outputs {head: (..., units)}."""


SCHEMES: Registry[Scheme] = Registry("label scheme", "assay.subjects.clocks.labels")
"""Name -> scheme."""


def true_minutes(targets: np.ndarray) -> np.ndarray:
    """Minutes after 12:00, float64 (n,), of targets whose first columns are hour and minute."""
    rows = np.asarray(targets, float)
    return np.asarray(minutes_of(rows[:, 0], rows[:, 1])) % HALF_DAY
