"""Update rules as one pass over memory: loops around `Optimizer.compiled`.

A rule is a C function (w, g, first, second, count, numbers): weights, their gradient, two states of
the same length, and the numbers in the order of `NUMBERS`. It is called by its address for every
piece of a kernel's gradient while that is in the cache, so that training is compiled once for all
rules, and a user's optimizer is as fast as assay's. The gradient is overwritten.
"""

from __future__ import annotations

import functools
import hashlib
from types import FunctionType
from typing import TYPE_CHECKING

import numpy as np
from numba import carray, types

from assay.engines.compiled.compiling import Piece, compiled
from assay.engines.engine import Member
from assay.engines.optimizers.optimizer import Compiled

if TYPE_CHECKING:
    from numba.core.typing.templates import Signature

__all__ = ["NUMBERS", "numbers_of", "rule", "step_of"]

NUMBERS = ("rate", "kept", "l1", "2 l2", "p", "q", "e", "m")
"""The learning rate; the factor of weight decay; the penalties; the result of `Compiled.own`."""


def step_of(member: Member) -> Compiled | None:
    """Return the compiled step of a member's optimizer, or None."""
    return type(member.training.optimizer).compiled([numbers_of(member)])


def numbers_of(member: Member, hidden: tuple[int, int] | None = None) -> dict[str, float]:
    """Return the numbers of the update rule for one weight of a member; see `Optimizer.numbers`."""
    recipe = member.training
    return {**recipe.optimizer.numbers(hidden), "learning_rate": recipe.learning_rate}


@functools.cache
def rule(step: Compiled) -> Piece:
    """Return the rule of a step."""
    code = step.step.__code__
    told = repr((code.co_code, code.co_consts, code.co_names, len(step.memories)))
    name = f"rule_{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    own = {**globals(), "step": compiled(step.step, keep=False), "memories": len(step.memories)}
    made = FunctionType(_loop.__code__, own, name)
    made.__qualname__, made.__module__ = name, __name__  # by which numba keeps it
    return Piece(made, _signature)


def _signature(number: types.Type) -> Signature:
    array = types.CPointer(number)
    return types.void(array, array, array, array, types.intp, array)


memories = 0
"""Number of states of a step; `rule` replaces it and `step` for `_loop`."""


def step(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    """See `Compiled.step`."""
    raise NotImplementedError


def _loop(w_, g_, a_, b_, count, n_):  # type: ignore[no-untyped-def]
    w, g, n = carray(w_, count), carray(g_, count), carray(n_, 8)
    a, b = carray(a_, count), carray(b_, count)
    rate, kept, l1, l2, p, q, e, m = n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]
    nothing = rate * 0
    if l1 != 0:  # a separate loop, because together with it the compiler would not vectorise
        for i in range(count):
            g[i] += l1 * np.sign(w[i])
    for i in range(count):
        x = w[i]
        first = a[i] if memories > 0 else nothing
        second = b[i] if memories > 1 else nothing
        x, first, second = step(kept * x, g[i] + l2 * x, first, second, rate, p, q, e, m)
        w[i] = x
        if memories > 0:
            a[i] = first
        if memories > 1:
            b[i] = second
