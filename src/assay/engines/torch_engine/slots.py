"""The weights of a stack in training: compiled loops on the CPU, PyTorch's operations elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.torch_engine import fused
from assay.engines.torch_engine.gemm import Product, beside, together
from assay.engines.torch_engine.optimizers import Slot, update

__all__ = ["EagerSlot", "Key", "StackSlot", "StackSlots"]

Numbers = dict[str, Any]
Key = tuple[str, str]
"""A block's name and the name of one of its tensors."""

Gradient = Tensor | list[Tensor] | Product
"""A gradient: (S, ...), a list of the members' own, or a `Product`."""

WORTH_COMPILING = 50_000
"""Size of a member's largest kernel from which a compiled loop (seconds to compile) pays."""


class StackSlot(Protocol):
    """One weight tensor of all members, (S, ...), with its optimizer state."""

    def update(self, gradient: Any, factor: Any) -> None:
        """Perform a step, including the low-precision copy.

        Args:
            gradient: see `Gradient`.
            factor: the schedule's factor on every member's learning rate; a tensor in a CUDA graph.
        """
        ...

    def keep(self, members: list[int], weight: Tensor, low: Tensor | None) -> None:
        """Keep these members, whose weights are now packed in `weight` and `low`."""
        ...

    def memory(self, member: int) -> dict[str, Tensor]:
        """Return the optimizer state of one member, by the names of `optimizers`."""
        ...

    def remember(self, member: int, memory: dict[str, Tensor], steps: int) -> None:
        """Restore a result of `memory` after so many updates."""
        ...


class StackSlots:
    """All weights of a stack in training, each with its fastest slot.

    A loop compiled for one kernel is used for the others as well. The choice depends on the size of
    one member's weights, so that a run has the same operations in any stack.

    Biases and other small tensors are joined in one tensor, because their updates cost as much as a
    call, and together they need only one.

    Args:
        weights: (S, ...) each, updated in place; other tensors than kernels are (S, 1, n).
        lows: their low-precision copies, or None.
        rule: the optimizer.
        each: for every member the numbers of its rule, with l1 and l2.
        direct: subtract products from kernels in place if the rule supports it; see `products`.

    Attributes:
        weights: the present tensors, which blocks have to use.
        products: the kernels whose gradients have to be a `Product`.
    """

    def __init__(
        self,
        weights: Mapping[Key, Tensor],
        lows: Mapping[Key, Tensor | None],
        rule: type[Optimizer],
        each: Mapping[Key, Sequence[Numbers]],
        direct: bool = False,
    ):
        largest = max(weight[0].numel() for weight in weights.values())
        on_cpu = all(weight.device.type == "cpu" for weight in weights.values())
        worth = largest >= WORTH_COMPILING and on_cpu and fused.available()
        compiled = worth and rule.compiled(next(iter(each.values()))) is not None
        kind = fused.FusedSlot if compiled else EagerSlot
        self._small = [key for key in weights if key[1] != "kernel"]
        self._widths = [weights[key].shape[-1] for key in self._small]
        packed = self._take(weights)
        kernels = [key for key in self.weights if key[1] == "kernel"]
        able = rule.torch_product_step is not Optimizer.torch_product_step
        direct = direct and able and not compiled
        self.products = {k for k in kernels if direct and lows[k] is None and _bare(each[k])}
        self._kernels: dict[Key, StackSlot] = {
            key: (ProductSlot if key in self.products else kind)(
                self.weights[key], lows[key], rule, each[key]
            )
            for key in kernels
        }
        self._packed: StackSlot | None = None
        if packed is not None:
            self._packed = kind(packed, None, rule, each[self._small[0]])

    def _take(self, weights: Mapping[Key, Tensor]) -> Tensor | None:
        """Register the weights; small ones are joined in one new tensor, which is returned."""
        self.weights = dict(weights)
        if not self._small:
            return None
        packed = torch.cat([weights[key].flatten(1) for key in self._small], 1)
        for key, part in zip(self._small, packed.split(self._widths, 1), strict=True):
            self.weights[key] = part.unsqueeze(1)
        return packed

    def count_on_device(self) -> None:
        """Count steps in tensors."""
        for slot in (*self._kernels.values(), self._packed):
            if isinstance(slot, EagerSlot):
                slot.count_on_device()

    def update(self, gradients: Mapping[Key, Gradient], factor: float | Tensor) -> None:
        """Perform a step of all weights; see `StackSlot.update`."""
        for key, slot in self._kernels.items():
            slot.update(gradients[key], factor)
        if self._packed is not None:
            small = [_whole(gradients[key]).flatten(1) for key in self._small]
            self._packed.update(torch.cat(small, 1), factor)

    def keep(
        self, members: list[int], weights: Mapping[Key, Tensor], lows: Mapping[Key, Tensor | None]
    ) -> None:
        """Keep these members, whose weights are now packed in `weights` and `lows`."""
        packed = self._take(weights)
        for key, slot in self._kernels.items():
            slot.keep(members, self.weights[key], lows[key])
        if self._packed is not None and packed is not None:
            self._packed.keep(members, packed, None)

    def memory(self, member: int) -> dict[Key, dict[str, Tensor]]:
        """Return the optimizer state of one member's tensors."""
        found = {key: slot.memory(member) for key, slot in self._kernels.items()}
        found |= {key: {} for key in self._small}
        packed = self._packed.memory(member) if self._packed is not None else {}
        for name, tensor in packed.items():
            for key, part in zip(self._small, tensor.split(self._widths), strict=True):
                found[key][name] = part.unsqueeze(0)
        return found

    def remember(self, member: int, memory: Mapping[Key, dict[str, Tensor]], steps: int) -> None:
        """Restore a result of `memory` after so many updates."""
        for key, slot in self._kernels.items():
            slot.remember(member, memory[key], steps)
        if self._packed is not None:
            small = [memory[key] for key in self._small]
            names = small[0]
            joined = {n: torch.cat([own[n].flatten() for own in small]) for n in names}
            self._packed.remember(member, joined, steps)


def _bare(each: Sequence[Numbers]) -> bool:
    """Whether gradients need neither penalties nor weight decay."""
    return not any(n.get(name) for n in each for name in ("l1", "l2", "weight_decay"))


def _whole(gradient: Gradient) -> Tensor:
    """Return the gradient of all members in one tensor."""
    assert not isinstance(gradient, Product)
    return gradient if isinstance(gradient, Tensor) else torch.stack(gradient)


class EagerSlot:
    """Updates all members with PyTorch's operations."""

    def __init__(
        self, weight: Tensor, low: Tensor | None, rule: type[Optimizer], each: Sequence[Numbers]
    ):
        self._rule, self._low = rule, low
        self._slot = Slot(weight, _stack_numbers(each, weight), stacked=True)

    def count_on_device(self) -> None:
        """See `StackSlots`; in float64, because powers close to one need its precision."""
        steps, device = float(self._slot.steps), self._slot.weight.device
        self._slot.steps = torch.tensor(steps, dtype=torch.float64, device=device)  # type: ignore[assignment]

    def update(self, gradient: Gradient, factor: float | Tensor) -> None:
        """See `StackSlots`."""
        update(self._rule, [self._slot], [_whole(gradient)], factor)
        if self._low is not None:
            self._low.copy_(self._slot.weight)

    def keep(self, members: list[int], weight: Tensor, low: Tensor | None) -> None:
        """See `StackSlots`."""
        old, self._low = self._slot, low
        numbers = {k: n[members] if isinstance(n, Tensor) else n for k, n in old.numbers.items()}
        # in the order of the weights in memory, see `gemm.beside`
        state = {n: torch.empty_like(weight).copy_(m[members]) for n, m in old.state.items()}
        self._slot = Slot(weight, numbers, state, old.steps, stacked=True)

    def memory(self, member: int) -> dict[str, Tensor]:
        """See `StackSlots`."""
        return {name: tensor[member] for name, tensor in self._slot.state.items()}

    def remember(self, member: int, memory: dict[str, Tensor], steps: int) -> None:
        """See `StackSlots`."""
        self._slot.steps = steps
        for name, tensor in memory.items():
            self._slot.buffer(name)[member].copy_(tensor)


class ProductSlot(EagerSlot):
    """Adds the product that forms a kernel's gradient to the weights, or to the optimizer state, in
    place, without temporary memory of the kernel's size."""

    def update(self, gradient: Gradient, factor: float | Tensor) -> None:
        """See `StackSlots`."""
        assert isinstance(gradient, Product)
        slot = self._slot
        slot.steps += 1
        x, d, rate = gradient.x, gradient.d, slot.numbers["learning_rate"] * factor
        if len(x) < len(d):
            groups, outputs = len(x), d.shape[2]
            numbers = {k: _widely(n, groups, outputs) for k, n in slot.numbers.items()}
            rate, slot = _widely(rate, groups, outputs), WideSlot(slot, numbers, groups)
            d = together(d, groups)
        self._rule.torch_product_step(slot, x.transpose(1, 2), d, rate)


class WideSlot(Slot):
    """A slot whose members' kernels are seen as wide ones; see `gemm.beside`."""

    def __init__(self, base: Slot, numbers: Numbers, groups: int):
        super().__init__(beside(base.weight, groups), numbers)
        self._base, self._groups = base, groups

    def buffer(self, name: str, start: float | Tensor = 0.0) -> Tensor:
        """See `Slot`."""
        return beside(self._base.buffer(name, start), self._groups)


def _widely(number: Any, groups: int, outputs: int) -> Any:
    """Return a number of each member, (S, 1, 1), for each of its outputs, (G, 1, S / G * o)."""
    if not isinstance(number, Tensor):
        return number
    return number.view(groups, -1, 1).expand(-1, -1, outputs).reshape(groups, 1, -1)


def _stack_numbers(each: Sequence[dict[str, Any]], weight: Tensor) -> dict[str, Any]:
    """Return the numbers of all members: floats if they agree, else tensors (S, 1, ...)."""
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
