"""The weights of a stack in training: compiled loops on the CPU, PyTorch's operations elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from assay.engines.torch_engine import fused
from assay.engines.torch_engine.optimizers import Slot, update

__all__ = ["EagerSlot", "StackSlot", "stack_slots"]

Numbers = dict[str, Any]
Key = tuple[str, str]
"""A block's name and the name of one of its tensors."""

WORTH_COMPILING = 50_000
"""Weights of a member's largest kernel from which on a compiled loop pays; compiling it takes a
second or two."""


class StackSlot(Protocol):
    """One weight tensor of all members, (S, ...), with the memory of its rule."""

    def update(self, gradient: Tensor | list[Tensor], factor: float) -> None:
        """One step, the low-precision copy included.

        Args:
            gradient: (S, ...), or a list of the members' own.
            factor: the schedule's share of every member's learning rate.
        """
        ...

    def keep(self, members: list[int], weight: Tensor, low: Tensor | None) -> None:
        """Go on with these members, whose weights are now packed in `weight` and `low`."""
        ...

    def memory(self, member: int) -> dict[str, Tensor]:
        """What the rule remembers of one member, by the names of `optimizers`."""
        ...

    def remember(self, member: int, memory: dict[str, Tensor], steps: int) -> None:
        """Go on with what `memory` gave after so many updates."""
        ...


def stack_slots(
    weights: Mapping[Key, Tensor],
    lows: Mapping[Key, Tensor | None],
    rule: str,
    each: Mapping[Key, Sequence[Numbers]],
) -> dict[Key, StackSlot]:
    """For all weights of a stack the slots that are fastest.

    A loop that is compiled for one kernel does for the others as well. What decides is the size of
    one member's weights, so that a run goes through the same operations in any stack.

    Args:
        weights: (S, ...) each, updated in place.
        lows: their low-precision copies, or None.
        rule: the optimizer's name.
        each: for every member the numbers of its rule, with l1 and l2.
    """
    largest = max(weight[0].numel() for weight in weights.values())
    on_cpu = all(weight.device.type == "cpu" for weight in weights.values())
    compiled = largest >= WORTH_COMPILING and on_cpu and fused.available()
    made: dict[Key, StackSlot] = {}
    for key, weight in weights.items():
        kind = fused.FusedSlot if compiled and key[1] == "kernel" else EagerSlot
        made[key] = kind(weight, lows[key], rule, each[key])
    return made


class EagerSlot:
    """Updates all members with PyTorch's operations."""

    def __init__(self, weight: Tensor, low: Tensor | None, rule: str, each: Sequence[Numbers]):
        self._rule, self._low = rule, low
        self._slot = Slot(weight, _stack_numbers(each, weight))

    def update(self, gradient: Tensor | list[Tensor], factor: float) -> None:
        """See the contract."""
        whole = gradient if isinstance(gradient, Tensor) else torch.stack(gradient)
        update(self._rule, [self._slot], [whole], factor)
        if self._low is not None:
            self._low.copy_(self._slot.weight)

    def keep(self, members: list[int], weight: Tensor, low: Tensor | None) -> None:
        """See the contract."""
        old, self._low = self._slot, low
        numbers = {k: n[members] if isinstance(n, Tensor) else n for k, n in old.numbers.items()}
        state = {name: memory[members] for name, memory in old.state.items()}
        self._slot = Slot(weight, numbers, state, old.steps)

    def memory(self, member: int) -> dict[str, Tensor]:
        """See the contract."""
        return {name: tensor[member] for name, tensor in self._slot.state.items()}

    def remember(self, member: int, memory: dict[str, Tensor], steps: int) -> None:
        """See the contract."""
        self._slot.steps = steps
        for name, tensor in memory.items():
            self._slot.buffer(name)[member].copy_(tensor)


def _stack_numbers(each: Sequence[dict[str, Any]], weight: Tensor) -> dict[str, Any]:
    """Numbers of all members: floats where they agree, tensors (S, 1, ...) where they differ."""
    merged: dict[str, Any] = {}
    for name in each[0]:
        values = [numbers[name] for numbers in each]
        if all(v == values[0] for v in values) and name != "learning_rate":
            merged[name] = values[0]
        else:
            shape = (-1,) + (1,) * (weight.dim() - 1)
            merged[name] = torch.tensor(values, dtype=weight.dtype, device=weight.device).view(
                shape
            )
    return merged
