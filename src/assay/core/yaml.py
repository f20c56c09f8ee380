"""YAML with the place of every key and value, by the YAML 1.2 core rules.

`1e-3` is a number; `no`, `yes` and `on` are text; a key given twice is an error; keys are always
text, as written.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from assay.core.config import LocatedError, Mark, Path, Problems, Source

__all__ = ["read_yaml"]

_MAX_NODES = 100_000


def read_yaml(text: str, name: str) -> Source:
    """Read YAML text; `name` is what its places are called.

    Raises:
        ConfigError: with `name`:line:column for what is not YAML, and for keys given twice.
    """
    source = Source(None)
    problems = Problems()
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Mark(name, mark.line + 1, mark.column + 1) if mark else Mark(name)
        said = " ".join(str(p) for p in (error.context, error.problem) if p)
        raise LocatedError(f"this is not YAML: {said}", where) from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise LocatedError(f"this is not YAML: {said}", Mark(name)) from None
    if node is not None:
        source.data = _Builder(source, name, problems).build(node, (), ())
    problems.raise_if_any()
    return source


def _resolver(tag: str, pattern: str, first: str) -> tuple[str, re.Pattern[str], list[str]]:
    return f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first)


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows only the scalars of YAML 1.2's core schema."""


_Loader.yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    _resolver("null", "~|null|Null|NULL|", "~nN"),
    _resolver("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    _resolver("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    _resolver(
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(
        _tag, _pattern, [*_first, ""] if _tag.endswith("null") else _first
    )


def _scalar(tag: str, text: str) -> Any:
    kind = tag.rsplit(":", 1)[-1]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Builder:
    """Turns YAML nodes into data and notes the place of each."""

    def __init__(self, source: Source, name: str, problems: Problems):
        self.source, self.name, self.problems, self.count = source, name, problems, 0

    def mark(self, node: yaml.Node) -> Mark:
        return Mark(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def build(self, node: yaml.Node, path: Path, inside: tuple[int, ...]) -> Any:
        self.count += 1
        mark = self.source.values[path] = self.mark(node)
        if id(node) in inside or self.count > _MAX_NODES:
            raise LocatedError("this alias contains itself, or aliases make the file huge", mark)
        inside = (*inside, id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(n, (*path, i), inside) for i, n in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        with self.problems.collect():
            return self._read(node, mark)

    def _read(self, node: yaml.Node, mark: Mark) -> Any:
        try:
            return _scalar(node.tag, node.value)
        except (ValueError, OverflowError):
            raise LocatedError(f"{node.value!r} is no valid value", mark) from None

    def _mapping(self, node: yaml.MappingNode, path: Path, inside: tuple[int, ...]) -> dict:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = self.mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.add(LocatedError("a key must be plain text", mark))
                continue
            key = key_node.value
            if key in data:
                first = self.source.keys[(*path, key)]
                said = f"{key!r} is given twice (first in line {first.line})"
                self.problems.add(LocatedError(said, mark))
                continue
            self.source.keys[(*path, key)] = mark
            data[key] = self.build(value_node, (*path, key), inside)
        return data
