"""Small expressions over the names of a space: `layers >= 2`, `[units] * layers`.

They are a subset of Python: numbers, text, lists, comparisons, `and`, `or`, `not`, `in`, `if else`,
list comprehensions, and the functions of FUNCTIONS.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.core.config import Entry
from assay.core.errors import ConfigError, brief, unknown_name
from assay.studies.search.evaluation import FUNCTIONS, Evaluator, compiled

__all__ = ["FUNCTIONS", "Expression", "parse_expression"]

MAX_LENGTH = 1000
"""Maximum length of an expression."""

MAX_DEPTH = 40
"""Maximum nesting of brackets and operators."""

_ALLOWED = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.List, ast.Tuple,
    ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator,
    ast.Compare, ast.cmpop, ast.IfExp, ast.Call, ast.ListComp, ast.comprehension,
)  # fmt: skip

_WORDS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![\w.])[^\W\d]\w*(?:\.\w+)*""")
"""Quoted text, which is unchanged, and names, including dotted ones."""


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes:
        text: as written.
        names: names of the space that it uses.
        entry: where it was written, if it is known.
    """

    text: str
    names: frozenset[str]
    _evaluate: Evaluator
    _places: dict[str, str]
    entry: Entry | None = field(default=None, compare=False, repr=False)

    def value(self, values: Mapping[str, object]) -> Any:
        """Return its value.

        Args:
            values: value of each name of the space; all of `names` must be among them.

        Raises:
            ConfigError: it cannot be computed (text plus a number, a division by zero), or needs
                too many steps or too large numbers.
        """
        known = {place: values[name] for place, name in self._places.items()}
        try:
            return self._evaluate(known)
        except Exception as error:
            shown = ", ".join(f"{name} = {values[name]!r}" for name in sorted(self.names))
            said = f"{brief(repr(self.text))} cannot be computed ({error})"
            said = f"{said} for {shown}" if shown else said
            raise (self.entry.error(said) if self.entry else ConfigError(said)) from None


def parse_expression(text: object, names: Collection[str]) -> Expression:
    """Read an expression over names of a space, dotted ones too.

    Raises:
        ConfigError: it is not an expression, or uses an unknown name; with the nearest name.
    """
    written = str(text)
    quoted = brief(repr(written))
    if len(written) > MAX_LENGTH:
        raise ConfigError(f"{quoted}: an expression has at most {MAX_LENGTH} characters")
    # dotted names become plain ones
    places = {name: f"_{i}" for i, name in enumerate(names)}
    taken = set(places.values())

    def rename(match: re.Match[str]) -> str:
        word = match.group()
        if word in taken and word not in places:
            raise ConfigError(f"{quoted}: {unknown_name('name', word, names)}")
        return places.get(word, word)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # raised by Python for a text such as '1or 2'
            tree = ast.parse(_WORDS.sub(rename, written).strip(), mode="eval")
    except ConfigError:  # also a ValueError
        raise
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ConfigError(f"{quoted} is not an expression, such as 'layers >= 2'") from None
    _check_depth(tree, quoted)
    used = _check(tree, quoted, {place: name for name, place in places.items()})
    return Expression(written, frozenset(used.values()), compiled(tree), used)


def _check_depth(tree: ast.Expression, quoted: str) -> None:
    """Refuse deep nesting, without recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ConfigError(f"{quoted} is nested too deeply: at most {MAX_DEPTH} levels")


def _check(tree: ast.Expression, quoted: str, places: Mapping[str, str]) -> dict[str, str]:
    """Refuse what is not allowed; return the used names of the space by position."""
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            missing = _as_written(node, places)
            raise ConfigError(f"{quoted}: {unknown_name('name', missing, places.values())}")
        if not _allowed(node):
            said = f"{_as_written(node, places)!r} is not allowed in an expression"
            raise ConfigError(f"{quoted}: {said}")
        if not isinstance(node, ast.Name):
            continue
        if id(node) in called:
            if node.id not in FUNCTIONS:
                said = unknown_name("name", places.get(node.id, node.id), FUNCTIONS)
                raise ConfigError(f"{quoted}: {said}")
        elif node.id in places:
            used.add(node.id)
        elif node.id not in bound:
            raise ConfigError(f"{quoted}: {unknown_name('name', node.id, places.values())}")
    return {place: places[place] for place in sorted(used)}


def _as_written(node: ast.AST, places: Mapping[str, str]) -> str:
    """Return a part of an expression with the names of the space in it."""
    return _WORDS.sub(lambda word: places.get(word.group(), word.group()), ast.unparse(node))


def _allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (bool, int, float, str)) or node.value is None
    if isinstance(node, ast.comprehension):
        return isinstance(node.target, ast.Name) and not node.is_async
    return isinstance(node, _ALLOWED)
