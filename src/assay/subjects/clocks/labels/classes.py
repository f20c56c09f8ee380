"""Classes: the dial divided into equal intervals, each a class, decoded as its centre."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from assay.subjects.clocks.labels.distributions import cross_entropy, probabilities
from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import HALF_DAY, wrap

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Classes"]


class Classes:
    """`count` intervals of equal length, beginning at 12:00.

    An interval of w minutes holds the whole minutes k w .. k w + w - 1; its centre is their mean,
    so that 720 classes are exact.
    """

    def __init__(self, count: int):
        self.count, self.width = count, HALF_DAY // count
        self.title = f"{count} classes"
        self.resolution = (self.width - 1) / 2

    def heads(self) -> dict[str, int]:
        """A unit per interval."""
        return {"class": self.count}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return the number of the interval, (n, 1)."""
        return (true_minutes(targets) // self.width).astype(np.float32)[:, None]

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Cross-entropy."""
        return cross_entropy(outputs["class"], encoded[..., 0])

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the centre of the most probable interval; the runner-up is the second."""
        shares = probabilities(outputs["class"])
        best, second = np.moveaxis(np.argsort(-shares, -1)[..., :2], -1, 0)
        return Reading(self._centre(best), shares.max(-1), self._centre(second))

    def _centre(self, number: np.ndarray) -> np.ndarray:
        return wrap(number * float(self.width) + self.resolution)


for _count in (n for n in range(2, HALF_DAY + 1) if HALF_DAY % n == 0):
    SCHEMES.add(f"classes_{_count}")(Classes(_count))
