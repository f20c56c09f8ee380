"""YAML with the place of every key and value, read by the YAML 1.2 core schema.

`1e-3` is a number; `no`, `yes` and `on` are text; duplicate keys are an error; keys are always
text, as written. Size, depth and number of values are limited, so that no file can exhaust memory.
"""

from __future__ import annotations

import math
import pathlib
import re
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from assay.core.config import LocatedError, Mark, Path, Problems, Source
from assay.core.errors import brief
from assay.core.files import open_file
from assay.core.values import MAX_DEPTH, MAX_VALUES, cannot_hold

__all__ = ["MAX_BYTES", "in_one_line", "read_yaml", "read_yaml_file"]

MAX_BYTES = 2**20
"""Maximum size of a file."""


def in_one_line(value: object) -> str:
    """Write a value as YAML in one line, for examples and defaults."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def read_yaml_file(file: Traversable, name: str) -> Source:
    """Read a YAML file of at most MAX_BYTES; `name` is its name in messages.

    Raises:
        ConfigError: as `read_yaml`; or the file is not text, too large or unreadable.
    """
    try:
        with open_file(file) if isinstance(file, pathlib.Path) else file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise LocatedError(f"this file cannot be read: {error.strerror}", Mark(name)) from None
    if len(raw) > MAX_BYTES:
        said = f"this file is larger than {MAX_BYTES // 2**20} MiB, which is the limit"
        raise LocatedError(said, Mark(name))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            said = "this file is UTF-16, expected UTF-8; save it as UTF-8"
            raise LocatedError(said, Mark(name)) from None
        where = _place(name, raw[: error.start].decode("utf-8"), error.start)
        said = f"this file is not UTF-8 text: byte 0x{raw[error.start]:02x}; save it as UTF-8"
        raise LocatedError(said, where) from None
    return read_yaml(text, name)


def _place(name: str, text: str, position: int) -> Mark:
    """Convert a position in the text."""
    before = text[:position]
    return Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))


def read_yaml(text: str, name: str) -> Source:
    """Read YAML text; `name` is its name in messages.

    Raises:
        ConfigError: with `name`:line:column, for invalid YAML and duplicate keys.
    """
    source = Source(None, {}, {(): Mark(name, 1, 1)})  # an empty file also has a place
    problems = Problems()
    try:
        node = yaml.compose(text, Loader=_Loader)
    except _TooLarge as error:
        raise LocatedError(str(error.problem), _mark(error.problem_mark, name)) from None
    except yaml.MarkedYAMLError as error:
        said, mark = _explained(error, text)
        raise LocatedError(f"invalid YAML: {said}", _mark(mark, name)) from None
    except yaml.reader.ReaderError as error:
        said = f"invalid YAML: the character U+{int(error.character):04X} is not allowed"
        raise LocatedError(said, _place(name, text, error.position)) from None
    if node is not None:
        source.data = _Builder(source, name, problems).build(node, (), ())
    problems.raise_if_any()
    return source


def _mark(mark: yaml.Mark | None, name: str) -> Mark:
    return Mark(name, mark.line + 1, mark.column + 1) if mark else Mark(name)


def _explained(error: yaml.MarkedYAMLError, text: str) -> tuple[str, yaml.Mark | None]:
    """Say what is wrong, and where, in the words of somebody who writes a study.

    The parser finds most slips in a later line than theirs.
    """
    began, place = error.context_mark, error.problem_mark or error.context_mark
    context, problem = str(error.context), str(error.problem or error.context)
    lines = [*text.splitlines(), ""]
    if "'\\t'" in problem:
        return "there is a tab where only spaces are allowed; use spaces", place
    if problem == "could not find expected ':'" and began:
        line = brief(lines[began.line].strip())
        return f"expected KEY: VALUE, with a space after the colon, got {line}", began
    within = re.match("while parsing a flow (sequence|mapping)", context) and began
    colon = problem.startswith("mapping values") or problem.endswith("got ':'")
    if colon and place and re.search(r":\s", lines[place.line][: place.column]):
        said = "there is a second colon here; if it belongs to a text, put the text in quotes"
        return said, place
    if within:
        opened = lines[within.line][within.column]
        expected = f"expected a comma or {'}' if opened == '{' else ']'} after a value"
        return f"the {opened} here has no end: {expected}", began
    if colon:
        said = "the line above has a value of its own, so nothing can be indented below it"
        return f"{said}; keys that belong together begin in the same column", place
    return _other(context, problem), began if "quoted" in context else place


def _other(context: str, problem: str) -> str:
    if problem.endswith("but found '<block mapping start>'"):
        said = "this line begins in another column than the lines that it belongs to"
        return f"{said}; check the spaces before it"
    if "while scanning a quoted" in context:
        return "the quote that begins here has no end"
    if found := re.match(r"found character '(.)' that cannot start", problem):
        return f"a text that begins with {found[1]} must stand in quotes"
    if "while parsing a flow node" in context:
        return "a value, or the bracket that closes this, is missing"
    if found := re.match(r"expected <block end>, but found '(.)'", problem):
        return f"a {found[1]} is not expected here"
    return " ".join(dict.fromkeys(text for text in (context, problem) if text != "None"))


class _TooLarge(yaml.MarkedYAMLError):
    """The YAML is nested too deep or has too many values."""


def _resolver(tag: str, pattern: str, first: str) -> tuple[str, re.Pattern[str], list[str]]:
    return f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first)


class _Loader(yaml.SafeLoader):
    """SafeLoader restricted to the scalars of YAML 1.2's core schema, with limits."""

    depth = count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        self.count += not isinstance(parent, yaml.MappingNode) or index is not None
        if self.depth > MAX_DEPTH or self.count > MAX_VALUES:
            said = f"this is nested too deeply: at most {MAX_DEPTH} levels"
            if self.depth <= MAX_DEPTH:
                said = f"this file has more than {MAX_VALUES:,} values"
            raise _TooLarge(problem=said, problem_mark=self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
_PATTERNS: dict[str, re.Pattern[str]] = {}

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
    _PATTERNS[_tag] = _pattern
    _Loader.add_implicit_resolver(
        _tag, _pattern, [*_first, ""] if _tag.endswith("null") else _first
    )


def _scalar(tag: str, text: str) -> Any:
    if tag in _PATTERNS and not _PATTERNS[tag].fullmatch(text):
        raise ValueError  # a tag that was written, `!!bool yes`
    kind = tag.rsplit(":", 1)[-1]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        # longer ones are out of range, and slow to convert
        return int(text, base) if len(text) < 1000 else 2**63
    if kind == "float":
        plain = text.lower().replace(".inf", "inf").replace(".nan", "nan")
        number = float(plain)
        if math.isinf(number) and "inf" not in plain:
            raise LocatedError(f"{brief(text)} is too large for a number", None)
        if not number and re.search("[1-9]", plain.partition("e")[0]):
            raise LocatedError(f"{brief(text)} is too close to 0 for a number", None)
        return number
    return text


class _Builder:
    """Converts YAML nodes into data and records the place of each."""

    def __init__(self, source: Source, name: str, problems: Problems):
        self.source, self.name, self.problems, self.count = source, name, problems, 0

    def mark(self, node: yaml.Node) -> Mark:
        return Mark(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def build(self, node: yaml.Node, path: Path, inside: tuple[int, ...]) -> Any:
        self.count += 1
        mark = self.source.values[path] = self.mark(node)
        deep = len(inside) >= MAX_DEPTH
        if id(node) in inside or self.count > MAX_VALUES or deep:
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
            value = _scalar(node.tag, node.value)
        except LocatedError as error:
            raise LocatedError(str(error), mark) from None
        except (ValueError, OverflowError):
            raise LocatedError(f"{brief(repr(node.value))} is not a valid value", mark) from None
        if said := cannot_hold(value):
            raise LocatedError(f"{brief(node.value)} {said}", mark)
        return value

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
                said = f"{brief(repr(key))} is given twice (first on line {first.line})"
                self.problems.add(LocatedError(said, mark))
                continue
            self.source.keys[(*path, key)] = mark
            data[key] = self.build(value_node, (*path, key), inside)
        return data
