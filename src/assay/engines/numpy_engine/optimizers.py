"""Steps of an optimizer on arrays. `assay.engines.optimizers` contains the update rules.

Everything happens in place. A step may overwrite the gradient, which is recomputed in the next
step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.engines.optimizers.optimizer import InPlace, Optimizer

__all__ = ["ArraySlot", "slot_to_try"]

Array = np.ndarray


class ArraySlot(InPlace):
    """One weight with the numbers and states of its update rule; see
    `assay.engines.optimizers.optimizer`.

    Args:
        weight: changed in place by `step`.
        optimizer: the rule with its settings.
        rate: the learning rate.
        hidden: see `Optimizer.numbers`.

    Attributes:
        scratch: temporary memory of the weight's shape.
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

    def buffer(self, name: str, start: float | Array = 0.0) -> Array:
        """Return the state `name`, initially filled with `start`."""
        if name not in self.memories:
            self.memories[name] = np.full_like(self.weight, start)
        return self.memories[name]

    def average(self, name: str, gradient: Array, rho: float) -> Array:
        """Return a state after a <- rho a + (1 - rho) g^2."""
        a, t = self.buffer(name), np.multiply(gradient, gradient, out=self.scratch)
        t *= 1 - rho
        a *= rho
        a += t
        return a

    def step(self, gradient: Array, factor: float) -> None:
        """Perform a step, including weight decay; `factor` is the schedule's factor on the learning
        rate.

        Args:
            gradient: of the weight's shape; may be overwritten.
        """
        self.steps += 1
        rate = self.numbers["learning_rate"] * factor
        if decay := self.numbers.get("weight_decay", 0.0):
            self.weight *= 1 - rate * decay
        self._step(self, gradient, rate)


def slot_to_try(optimizer: Optimizer) -> ArraySlot:
    """Return a small weight on which a step is tried."""
    return ArraySlot(np.ones((6, 4)), optimizer, 0.01, None)
