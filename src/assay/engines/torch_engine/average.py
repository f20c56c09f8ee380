"""An exponential moving average of the weights, evaluated and kept instead of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["WeightAverage"]


class WeightAverage:
    """Follows tensors while they are trained; does nothing where the decay is 0.

    Args:
        tensors: what is followed, moving statistics included.
        decay: how much of the average stays at each update; less at first, see `Training.ema`.
    """

    def __init__(self, tensors: Mapping[str, Tensor], decay: float):
        self._tensors = list(tensors.values()) if decay else []
        self._decay = decay
        self.restart()

    def restart(self) -> None:
        """Begin anew with the tensors as they are."""
        self._updates = 0
        self._averages = [tensor.detach().clone() for tensor in self._tensors]

    def update(self) -> None:
        """Take the tensors as they are now into the average."""
        if not self._tensors:
            return
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, [t.detach() for t in self._tensors], 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """The averages by their place, and how many updates they have seen."""
        found = {str(i): average for i, average in enumerate(self._averages)}
        return found | {"updates": torch.tensor(self._updates)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self._updates = int(state["updates"])
        for i, average in enumerate(self._averages):
            average.copy_(state[str(i)])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages where the tensors are, and the tensors back at the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        with torch.no_grad():
            for tensor, average in zip(self._tensors, self._averages, strict=True):
                held = tensor.clone()
                tensor.copy_(average)
                average.copy_(held)
