"""Evaluation of expressions: Python's rules, with limits on steps, numbers and lengths.

An expression is a setting in a file, so it must not hang the program or exhaust memory:
`9**9**9**9` and `[0] * 10**9` are immediate errors.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assay.core.values import cannot_hold, shown

__all__ = ["FUNCTIONS", "Evaluator", "compiled"]

FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (abs, len, max, min, range, round, sum, sorted, int, float)
}
"""Functions that an expression may call."""

MAX_STEPS = 10_000
"""Maximum number of operations, and of elements that they create, in one evaluation."""

Evaluator = Callable[[Mapping[str, Any]], Any]
"""Function from the values of names to that of the expression."""


class _TooManySteps(Exception):
    pass


class _Names(dict[str, Any]):
    """Values of names, and the number of steps so far."""

    steps = 0

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise _TooManySteps(f"it needs more than {MAX_STEPS:,} steps")


_Part = Callable[[_Names], Any]

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.MatMult: operator.matmul,
    ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.BitXor: operator.xor,
}  # fmt: skip
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}  # fmt: skip
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip


def compiled(tree: ast.Expression) -> Evaluator:
    """Compile a checked tree into a function of the names' values."""
    part = _part(tree.body)
    return lambda values: part(_Names(values))


def _part(node: ast.AST) -> _Part:
    """Return a node as a function that counts its steps and checks its result."""
    make = _MAKERS[type(node)](node)
    if isinstance(node, (ast.Constant, ast.Name, ast.Compare)):
        return make  # which create nothing

    def run(names: _Names) -> Any:
        names.spend(1)
        return _bounded(make(names), names)

    return run


def _bounded(value: Any, names: _Names) -> Any:
    kind = type(value)
    if kind is bool:
        return value
    if kind in (list, tuple, str):
        names.spend(len(value))
        if kind is not str:
            for inner in value:
                if type(inner) in (list, tuple):  # it may contain the same list many times
                    _bounded(inner, names)
    elif kind is complex:
        raise _TooManySteps(f"{value!r} is not a real number")
    elif said := cannot_hold(value):
        raise _TooManySteps(f"{shown(value)} {said}")
    return value


def _constant(node: Any) -> _Part:
    return lambda names: node.value


def _name(node: Any) -> _Part:
    return lambda names: names[node.id]


def _list(node: Any) -> _Part:
    parts = [_part(item) for item in node.elts]
    kind = tuple if isinstance(node, ast.Tuple) else list
    return lambda names: kind(part(names) for part in parts)


def _bool(node: Any) -> _Part:
    parts, ends = [_part(value) for value in node.values], isinstance(node.op, ast.Or)

    def run(names: _Names) -> Any:
        value = None
        for part in parts:
            value = part(names)
            if bool(value) == ends:
                break
        return value

    return run


def _unary(node: Any) -> _Part:
    act, part = _UNARY[type(node.op)], _part(node.operand)
    return lambda names: act(part(names))


def _binary(node: Any) -> _Part:
    act, kind = _BINARY[type(node.op)], type(node.op)
    left, right = _part(node.left), _part(node.right)

    def run(names: _Names) -> Any:
        a, b = left(names), right(names)
        _check_size(kind, a, b, names)
        return act(a, b)

    return run


def _check_size(kind: type[ast.AST], a: Any, b: Any, names: _Names) -> None:
    """Refuse large results before they are created."""
    if kind is ast.Pow and isinstance(a, int) and isinstance(b, int):
        if abs(a) > 1 and b * (abs(a).bit_length() - 1) > 64:
            raise _TooManySteps(f"{a} ** {b} does not fit into 64 bits")
    elif kind is ast.LShift and isinstance(b, int) and b > 64:
        raise _TooManySteps(f"{shown(a)} << {b} does not fit into 64 bits")
    elif kind is ast.Mult:
        for many, times in ((a, b), (b, a)):
            if isinstance(many, (list, tuple, str)) and isinstance(times, int):
                names.spend(len(many) * max(0, times))
    elif kind is ast.Mod and isinstance(a, str):  # '%1000000000d' % 1
        raise _TooManySteps("strings do not support %")


def _compare(node: Any) -> _Part:
    parts = [_part(value) for value in (node.left, *node.comparators)]
    acts = [_COMPARE[type(op)] for op in node.ops]

    def run(names: _Names) -> Any:
        left, value = parts[0](names), True
        for act, part in zip(acts, parts[1:], strict=True):
            right = part(names)
            names.spend(_elements(right))
            value = act(left, right)
            if not value:
                break
            left = right
        return value

    return run


def _if(node: Any) -> _Part:
    test, then, other = _part(node.test), _part(node.body), _part(node.orelse)
    return lambda names: then(names) if test(names) else other(names)


def _call(node: Any) -> _Part:
    name, parts = node.func.id, [_part(argument) for argument in node.args]

    def run(names: _Names) -> Any:
        arguments = [part(names) for part in parts]
        names.spend(sum(map(_elements, arguments)))
        if name == "round" and len(arguments) > 1:  # round(1, -10**9) makes 10**(10**9)
            arguments[1] = max(-400, min(400, arguments[1]))
        made = FUNCTIONS[name](*arguments)
        if name == "range":
            names.spend(_length(made))
            return list(made)
        return made

    return run


def _elements(value: Any) -> int:
    return len(value) if isinstance(value, (list, tuple, str)) else 1


def _length(numbers: range) -> int:
    try:
        return len(numbers)
    except OverflowError:  # more than 2^63 of them
        return MAX_STEPS + 1


def _comprehension(node: Any) -> _Part:
    element, loops = _part(node.elt), node.generators
    over = [_part(loop.iter) for loop in loops]
    tests = [[_part(test) for test in loop.ifs] for loop in loops]

    def each(names: _Names, depth: int) -> Iterator[Any]:
        if depth == len(loops):
            yield element(names)
            return
        for value in over[depth](names):
            names.spend(1)
            names[loops[depth].target.id] = value
            if all(test(names) for test in tests[depth]):
                yield from each(names, depth + 1)

    def run(names: _Names) -> Any:
        inner = _Names(names)
        inner.steps = names.steps
        try:
            return list(each(inner, 0))
        finally:
            names.steps = inner.steps

    return run


_MAKERS: dict[type[ast.AST], Callable[[Any], _Part]] = {
    ast.Constant: _constant, ast.Name: _name, ast.List: _list, ast.Tuple: _list,
    ast.BoolOp: _bool, ast.UnaryOp: _unary, ast.BinOp: _binary, ast.Compare: _compare,
    ast.IfExp: _if, ast.Call: _call, ast.ListComp: _comprehension,
}  # fmt: skip
