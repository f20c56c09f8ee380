"""Small expressions over the names of a space: `layers >= 2`, `[units] * layers`.

They are Python's, with numbers, text, lists, comparisons, `and`, `or`, `not`, `in`, `if else`,
lists made by `for`, and the functions of FUNCTIONS; nothing else can be written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from assay.core.errors import ConfigError, unknown_name

__all__ = ["FUNCTIONS", "Expression", "parse_expression"]

FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (abs, len, max, min, range, round, sum, sorted, int, float)
}
"""What an expression may call."""

_ALLOWED = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple,
    ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator,
    ast.Compare, ast.cmpop, ast.IfExp, ast.Call, ast.ListComp, ast.comprehension,
)  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes:
        text: as written.
        names: names of the space that it speaks of.
    """

    text: str
    names: frozenset[str]
    _code: CodeType
    _places: dict[str, str]

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it comes to.

        Args:
            values: value of each name of the space; all of `names` must be among them.

        Raises:
            ConfigError: it cannot be computed (text plus a number, a division by zero).
        """
        known = {place: values[name] for place, name in self._places.items()}
        try:
            # the tree was checked node by node: there is no attribute and no other function in it
            return eval(self._code, {"__builtins__": {}, **FUNCTIONS, **known})
        except Exception as error:
            shown = ", ".join(f"{name} = {values[name]!r}" for name in sorted(self.names))
            said = f"{self.text!r} cannot be computed ({error})"
            raise ConfigError(f"{said} for {shown}" if shown else said) from None


def parse_expression(text: Any, names: Collection[str]) -> Expression:
    """Read an expression over names of a space, dotted ones too.

    Raises:
        ConfigError: it is no expression, or speaks of what there is not; with the nearest name.
    """
    written = str(text)
    # dotted names become plain ones, the longest first, so that `a.b` is not read as `a` and `.b`
    places = {f"_{i}": name for i, name in enumerate(sorted(names, key=lambda n: -len(n)))}
    renamed = written
    for place, name in places.items():
        renamed = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", place, renamed)
    try:
        tree = ast.parse(renamed.strip(), mode="eval")
    except SyntaxError:
        raise ConfigError(f"{written!r} is no expression, such as 'layers >= 2'") from None
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            missing = ast.unparse(node)
            raise ConfigError(f"{written!r}: {unknown_name('name', missing, names)}")
        if not isinstance(node, _ALLOWED) or (
            isinstance(node, ast.Call) and not isinstance(node.func, ast.Name)
        ):
            raise ConfigError(f"{written!r}: {ast.unparse(node)!r} cannot stand in an expression")
        if isinstance(node, ast.Name) and node.id in places:
            used.add(node.id)
        elif isinstance(node, ast.Name) and node.id not in {*FUNCTIONS, *bound}:
            raise ConfigError(f"{written!r}: {unknown_name('name', node.id, names)}")
    code = compile(tree, "<expression>", "eval")
    kept = {place: places[place] for place in sorted(used)}
    return Expression(written, frozenset(kept.values()), code, kept)
