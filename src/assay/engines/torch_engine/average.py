"""Averages of the weights, which are evaluated and kept, and slow weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from assay.engines.averaging import Lookahead, exponential, uniform
from assay.engines.training import Training

__all__ = ["SlowWeights", "WeightAverage", "share_of"]


def share_of(training: Training, updates: int) -> Callable[[int], float] | None:
    """Return the average of a recipe for `WeightAverage`; None for none.

    Args:
        updates: number of updates of the whole run.
    """
    if training.ema:
        return exponential(training.ema)
    return uniform(round(training.swa * updates)) if training.swa else None


class WeightAverage:
    """Averages tensors while they are trained; does nothing without a share.

    Args:
        tensors: tensors to average, including moving statistics.
        share: weight of the tensors in their average, by the number of the update (1, 2, ...); see
            `assay.engines.averaging`.
    """

    def __init__(self, tensors: Mapping[str, Tensor], share: Callable[[int], float] | None):
        self._tensors = list(tensors.values()) if share else []
        self._share = share
        self.restart()

    def restart(self) -> None:
        """Restart from the present tensors."""
        self._updates = 0
        self._averages = [tensor.detach().clone() for tensor in self._tensors]

    def update(self) -> None:
        """Add the present tensors to the average."""
        if self._share is None:
            return
        self._updates += 1
        share = self._share(self._updates)
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, [t.detach() for t in self._tensors], share)

    def state(self) -> dict[str, Tensor]:
        """Return the averages by position, and their number of updates."""
        found = {str(i): average for i, average in enumerate(self._averages)}
        return found | {"updates": torch.tensor(self._updates)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a result of `state`."""
        self._updates = int(state["updates"])
        for i, average in enumerate(self._averages):
            average.copy_(state[str(i)])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Context in which the tensors are replaced by their averages."""
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


class SlowWeights:
    """The slow weights of `Lookahead`; does nothing without a rule.

    Args:
        weights: the weights that the optimizer updates.
    """

    def __init__(self, weights: Sequence[Tensor], rule: Lookahead | None):
        self._rule, self._weights = rule, list(weights) if rule else []
        self.restart()

    def restart(self) -> None:
        """Restart from the present weights."""
        self._updates = 0
        self._slow = [weight.detach().clone() for weight in self._weights]

    def update(self) -> None:
        """After every so many updates, move a fraction of the way, and continue from there."""
        if self._rule is None:
            return
        self._updates += 1
        if self._updates % self._rule.steps == 0:
            with torch.no_grad():
                fast = [weight.detach() for weight in self._weights]
                torch._foreach_lerp_(self._slow, fast, self._rule.step_size)
                torch._foreach_copy_(fast, self._slow)

    def state(self) -> dict[str, Tensor]:
        """Return the slow weights by position, and the number of updates; empty without any."""
        found = {str(i): slow for i, slow in enumerate(self._slow)}
        return found | {"updates": torch.tensor(self._updates)} if found else {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a result of `state`."""
        self._updates = int(state.get("updates", torch.tensor(0)))
        for i, slow in enumerate(self._slow):
            slow.copy_(state[str(i)])
