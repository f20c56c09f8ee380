"""Update rules for a stack of members on the CPU, each in one pass over memory.

PyTorch needs three passes (convert a bfloat16 gradient, subtract it, round the weights to the
bfloat16 copy for products). A compiled loop needs one, for all members in one call. The rules are
defined by `Optimizer.compiled`, which a test compares with `torch_step`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.engines.optimizers.optimizer import Compiled, Optimizer

__all__ = ["FusedSlot", "available"]

Numbers = dict[str, Any]


@functools.cache
def available() -> bool:
    """Whether Numba is available; otherwise PyTorch's operations are used."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


class FusedSlot:
    """One weight tensor of all members with its optimizer state.

    Args:
        weight: (S, ...), float32 or float64, contiguous; updated in place.
        low: bfloat16 copy of it, updated as well, or None.
        rule: the optimizer, which has a compiled step.
        each: for every member the numbers of its update rule, with l1 and l2.
    """

    def __init__(
        self, weight: Tensor, low: Tensor | None, rule: type[Optimizer], each: Sequence[Numbers]
    ):
        self.each, self.steps = list(each), 0
        compiled = rule.compiled(each)
        assert compiled is not None
        self._compiled: Compiled = compiled
        self.states = [torch.zeros_like(weight) for _ in compiled.memories]
        for state in self.states:
            for own, numbers in zip(state, each, strict=True):
                own.fill_(compiled.starts(numbers))
        self._hold(weight, low)

    def _hold(self, weight: Tensor, low: Tensor | None) -> None:
        self._weight, self._low = _rows(weight), _rows(weight if low is None else low)
        nothing = np.empty((len(weight), 0), self._weight.dtype)
        rows = [_rows(state) for state in self.states]
        self._first, self._second = [*rows, nothing, nothing][:2]
        self._table = np.array([_row(self._compiled, n) for n in self.each])
        self._kernels = {
            low: _kernel(self._compiled, self._weight.dtype.name, low, self._low.dtype == np.uint16)
            for low in (True, False)
        }

    def keep(self, members: list[int], weight: Tensor, low: Tensor | None) -> None:
        """Keep these members, whose weights are now packed in `weight` and `low`."""
        self.each = [self.each[m] for m in members]
        self.states = [state[members].contiguous() for state in self.states]
        self._hold(weight, low)

    def memory(self, member: int) -> dict[str, Tensor]:
        """Return the optimizer state of one member."""
        names = self._compiled.memories
        return {name: state[member] for name, state in zip(names, self.states, strict=True)}

    def remember(self, member: int, memory: dict[str, Tensor], steps: int) -> None:
        """Restore a result of `memory` after so many updates."""
        self.steps = steps
        for name, state in zip(self._compiled.memories, self.states, strict=True):
            state[member].copy_(memory[name])

    def update(self, gradient: Tensor | list[Tensor], factor: float) -> None:
        """Perform a step; `factor` is the schedule's factor on every member's learning rate.

        Args:
            gradient: (S, ...), or a list of the members' own.
        """
        self.steps += 1
        table = self._table.copy()
        table[:, 0] *= factor
        table[:, 1] = 1 - table[:, 1] * table[:, 0]
        if correction := self._compiled.correction:
            table[:, 0] *= [correction(n, self.steps) for n in self.each]
        table = table.astype(self._weight.dtype)
        if isinstance(gradient, Tensor):
            self._run(slice(None), _rows(gradient), table)
            return
        for s, own in enumerate(gradient):
            self._run(slice(s, s + 1), _rows(own[None]), table)

    def _run(self, members: slice, gradient: np.ndarray, table: np.ndarray) -> None:
        arrays = (self._low, self._first, self._second, table)
        self._kernels[gradient.dtype == np.uint16](
            self._weight[members], gradient, *(array[members] for array in arrays)
        )


def _row(compiled: Compiled, n: Numbers) -> list[float]:
    """Return a member's numbers for the kernel: rate, weight decay, l1, 2 l2, the rule's own."""
    penalties = [n.get("weight_decay", 0.0), n.get("l1", 0.0), 2 * n.get("l2", 0.0)]
    return [n["learning_rate"], *penalties, *compiled.own(n)]


def _rows(tensor: Tensor) -> np.ndarray:
    """Return the memory of a stack as (S, n), with bfloat16 as its 16 bits."""
    assert tensor.is_contiguous()
    flat = tensor.view(len(tensor), -1)
    return (flat.view(torch.uint16) if flat.dtype is torch.bfloat16 else flat).numpy()


@functools.cache
def _kernel(
    compiled: Compiled, dtype: str, low_gradient: bool, low_copy: bool
) -> Callable[..., None]:
    """Return the compiled loop (weight, gradient, copy, first state, second state, table) -> None.

    Names defined here are constants for the compiler, which removes unused branches from the loop.
    """
    from numba import njit

    to_float, to_bits = _bit_casts()
    rule = njit(compiled.step, error_model="numpy")
    memories, zero, one = len(compiled.memories), np.dtype(dtype).type(0), np.dtype(dtype).type(1)
    sixteen, half, last = np.uint32(16), np.uint32(0x7FFF), np.uint32(1)

    @njit(error_model="numpy", nogil=True)
    def kernel(weight, gradient, copy, first, second, table):  # type: ignore[no-untyped-def]
        for s in range(weight.shape[0]):
            rate, kept, l1, l2 = table[s, 0], table[s, 1], table[s, 2], table[s, 3]
            p, q, e, m = table[s, 4], table[s, 5], table[s, 6], table[s, 7]
            for i in range(weight.shape[1]):
                w = weight[s, i]
                if low_gradient:
                    g = to_float(np.uint32(gradient[s, i]) << sixteen)
                else:
                    g = gradient[s, i]
                sign = one if w > zero else (-one if w < zero else zero)
                g = g + l2 * w + l1 * sign
                a = first[s, i] if memories > 0 else zero
                b = second[s, i] if memories > 1 else zero
                w, a, b = rule(kept * w, g, a, b, rate, p, q, e, m)
                weight[s, i] = w
                if memories > 0:
                    first[s, i] = a
                if memories > 1:
                    second[s, i] = b
                if low_copy:  # round to nearest, ties to even, like bfloat16 hardware
                    bits = to_bits(w)
                    rounded = (bits + half + ((bits >> sixteen) & last)) >> sixteen
                    copy[s, i] = np.uint16(rounded)

    return kernel


@functools.cache
def _bit_casts() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return bit casts from uint32 to float32 and back for compiled code."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def cast(source: Any, target: Any, llvm: ir.Type) -> Callable[..., Any]:
        def make(typing: Any, x: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return builder.bitcast(arguments[0], llvm)

            return target(source), generate

        return intrinsic(make)

    return (
        cast(types.uint32, types.float32, ir.FloatType()),
        cast(types.float32, types.uint32, ir.IntType(32)),
    )
