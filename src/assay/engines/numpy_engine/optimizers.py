"""Steps of an optimizer on arrays. The update rules are in `assay.engines.optimizers`, a file each.

Everything happens in place. A step may write over the gradient, which the next one computes anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.engines.optimizers.optimizer import Optimizer

__all__ = ["ArraySlot"]

Array = np.ndarray


class ArraySlot:
    """One weight with its rule's numbers and memories; see `assay.engines.optimizers.optimizer`.

    Args:
        weight: changed in place by `step`.
        optimizer: the rule with its settings.
        rate: the learning rate.
        hidden: see `Optimizer.numbers`.

    Attributes:
        scratch: memory of the weight's shape for what a step computes on its way.
    """

    stacked = False

    def __init__(
        self, weight: Array, optimizer: Optimizer, rate: float, hidden: tuple[int, int] | None
    ):
        self.weight, self.steps = weight, 0
        self.numbers: dict[str, Any] = {**optimizer.numbers(hidden), "learning_rate": rate}
        self._step = optimizer.step_of("numpy")
        self.memories: dict[str, Array] = {}
        self.scratch = np.empty_like(weight)

    def buffer(self, name: str, start: float = 0.0) -> Array:
        """The memory `name`, full of `start` when it is first asked for."""
        if name not in self.memories:
            self.memories[name] = np.full_like(self.weight, start)
        return self.memories[name]

    def average(self, name: str, gradient: Array, rho: float) -> Array:
        """A memory after a <- rho a + (1 - rho) g^2."""
        a, t = self.buffer(name), np.multiply(gradient, gradient, out=self.scratch)
        t *= 1 - rho
        a *= rho
        a += t
        return a

    def step(self, gradient: Array, factor: float) -> None:
        """One step, the decay of the weight included; `factor` is the schedule's share of the rate.

        Args:
            gradient: of the weight's shape; may be written over.
        """
        self.steps += 1
        rate = self.numbers["learning_rate"] * factor
        if decay := self.numbers.get("weight_decay", 0.0):
            self.weight *= 1 - rate * decay
        self._step(self, gradient, rate)
