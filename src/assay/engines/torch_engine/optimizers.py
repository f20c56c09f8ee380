"""Steps of an optimizer on tensors: its state, penalties and weight decay.

The update rules are in `assay.engines.optimizers`. Their numbers are floats, or tensors that
broadcast over a stack of members.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from assay.engines.optimizers.optimizer import InPlace, Optimizer, some

__all__ = ["Slot", "slot_to_try", "update"]

Number = Any  # float, or a tensor of shape (S, 1, ...) that broadcasts over a stack
State = dict[str, Tensor]


@dataclass
class Slot(InPlace):
    """A weight tensor (of one member or a stack) with the numbers and state of its update rule.

    Attributes:
        weight: the tensor that is updated in place.
        numbers: learning_rate and the optimizer's settings by name; `l1` and `l2` of its kernel.
        state: the optimizer state, created at the first update.
        steps: number of updates; a tensor if a CUDA graph counts them.
        stacked: whether the first axis contains the members of a stack.
    """

    weight: Tensor
    numbers: dict[str, Number]
    state: State = field(default_factory=dict)
    steps: int = 0
    stacked: bool = False

    def buffer(self, name: str, start: Number = 0.0) -> Tensor:
        """Return the state tensor `name`, created with the value `start` on first use."""
        if name not in self.state:
            blank = torch.zeros_like(self.weight)
            self.state[name] = blank + start if isinstance(start, Tensor) else blank.fill_(start)
        return self.state[name]


def slot_to_try(optimizer: Optimizer) -> Slot:
    """Return a small weight on which a step is tried."""
    return Slot(torch.ones(6, 4), {**optimizer.numbers(None), "learning_rate": 0.01})


def update(
    rule: type[Optimizer], slots: list[Slot], gradients: list[Tensor], factor: float | Tensor
) -> None:
    """Apply one step of `rule` to every slot; `factor` is that of the schedule."""
    step = rule.step_of("torch")
    for slot, gradient in zip(slots, gradients, strict=True):
        slot.steps += 1
        n = slot.numbers
        gradient = _penalised(slot.weight, _widened(gradient, slot.weight), n)
        rate = n["learning_rate"] * factor
        if some(n.get("weight_decay", 0.0)):
            slot.weight.mul_(1 - n["weight_decay"] * rate)
        step(slot, gradient, rate)


def _widened(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient in the weight's type, in memory that the next slot of this shape reuses.

    Allocating memory of this size costs more in page faults than converting a million numbers.
    """
    if gradient.dtype is weight.dtype:
        return gradient
    return _scratch(weight.shape, weight.stride(), weight.dtype, weight.device).copy_(gradient)


@functools.lru_cache(maxsize=64)
def _scratch(
    shape: torch.Size, stride: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    return torch.empty_strided(shape, stride, dtype=dtype, device=device)


def _penalised(weight: Tensor, gradient: Tensor, n: dict[str, Number]) -> Tensor:
    """Add the gradient of l1 * sum|w| + l2 * sum w^2."""
    l1, l2 = n.get("l1", 0.0), n.get("l2", 0.0)
    if some(l2):
        gradient = _add(gradient, weight, 2 * l2)
    if some(l1):
        gradient = _add(gradient, weight.sign(), l1)
    return gradient


def _add(a: Tensor, b: Tensor, scale: Number) -> Tensor:
    """a + scale * b."""
    return a + b * scale if isinstance(scale, Tensor) else torch.add(a, b, alpha=scale)
