"""Settings and where they were written: YAML, Python data and `--set` strings, read by the same
code.

A `Source` is plain data with the place (file, line, column) of every key and value. An `Entry` is
one value of it; its readers (`integer`, `number`, `choice`, `keys`, ...) return the checked value
or raise a ConfigError with the place, the received value and what was expected. `Problems` collects
such errors, so that users see all of them at once.

`assay.core.yaml` reads YAML.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from assay.core.errors import AssayError, CodeChangedError, ConfigError, unknown_name
from assay.core.values import cannot_hold, inside, shown, span

__all__ = [
    "Entry",
    "LocatedError",
    "Mark",
    "Option",
    "Path",
    "Problems",
    "Source",
    "dotted",
    "read_options",
]

Path = tuple[str | int, ...]
"""Path of a value in nested data: ("training", "optimizer", "name")."""


def dotted(path: Path) -> str:
    """Format a path: `training.optimizer.name`, `layers[2].units`."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.removeprefix(".")


@dataclass(frozen=True, order=True)
class Mark:
    """A place: line and column count from 1; line 0 if only the name is known."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


class LocatedError(ConfigError):
    """A ConfigError whose message already contains its place."""

    def __init__(self, message: str, mark: Mark | None):
        super().__init__(f"{mark}: {message}" if mark else message)
        self.mark = mark


class Problems:
    """Collects errors, so that all of them are shown at once, in the order of the file."""

    def __init__(self) -> None:
        self._found: dict[str, Mark | None] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        return "\n".join(self._found)

    def add(self, error: AssayError) -> None:
        """Add an error, unless the same text was added before."""
        for line in str(error).splitlines():
            self._found.setdefault(line, getattr(error, "mark", None))

    def extend(self, others: Problems) -> None:
        """Add the errors of `others`."""
        for text, mark in others._found.items():
            self._found.setdefault(text, mark)

    @contextmanager
    def collect(self, entry: Entry | None = None) -> Iterator[None]:
        """Collect an AssayError raised inside; if it has no place, it gets that of `entry`."""
        try:
            yield
        except CodeChangedError:  # nothing in the study is wrong
            raise
        except AssayError as error:
            located = isinstance(error, LocatedError) or entry is None
            self.add(error if located else entry.error(str(error)))

    def raise_if_any(self) -> None:
        """Raise one ConfigError with a line for each error."""
        if self._found:
            order = sorted(self._found.items(), key=lambda kv: kv[1] or Mark(""))
            # each line has its place already, so that nobody adds one
            raise LocatedError("\n".join(text for text, _ in order), None)


@dataclass
class Source:
    """Nested plain data (dict, list, str, int, float, bool, None) with the places of its values.

    Attributes:
        data: the data.
        keys, values: place of each key and each value by path; empty for data made in Python.
    """

    data: Any
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def copy(self) -> Source:
        """Return a deep copy."""
        return Source(copy.deepcopy(self.data), dict(self.keys), dict(self.values))

    def mark(self, path: Path, *, key: bool = False) -> Mark | None:
        """Return the place of the value (or key) at `path`, or of the closest parent."""
        if key and path in self.keys:
            return self.keys[path]
        for end in range(len(path), -1, -1):
            found = self.values.get(path[:end])
            if found:
                return found
        return None

    def put(
        self,
        path: Path,
        entry: Entry,
        shorthand: Callable[[Path], str | None],
        key: Mark | None = None,
    ) -> None:
        """Set the value at `path` to that of `entry`, which keeps its place.

        Missing mappings are created. If there is a plain value instead, `shorthand(path)` may name
        the key that it stands for: `optimizer: sgd` is `optimizer: {name: sgd}`. `key` is where the
        path was written, if not beside the value.

        Raises:
            ConfigError: a value on the path cannot have keys.
        """
        here = self.data
        for i, part in enumerate(path[:-1], start=1):
            value = here.get(part)
            if value is None:
                here[part] = {}
            elif not isinstance(value, dict):
                name = shorthand(path[:i])
                if name is None:
                    said = f"{dotted(path[:i])} is {shown(value)} and has no {dotted(path[i:])}"
                    raise LocatedError(said, key or entry.source.mark(entry.path, key=True))
                here[part] = {} if isinstance(value, bool) else {name: value}
            here = here[part]
        here[path[-1]] = copy.deepcopy(entry.value)
        self._move_marks(path, entry)
        if key:
            self.keys[path] = key

    def _move_marks(self, path: Path, entry: Entry) -> None:
        depth, start = len(path), entry.path
        for marks, others in ((self.keys, entry.source.keys), (self.values, entry.source.values)):
            for old in [p for p in marks if p[:depth] == path]:
                del marks[old]
            for p, mark in list(others.items()):
                if p[: len(start)] == start:
                    marks[path + p[len(start) :]] = mark
        if mark := entry.source.mark(start):  # its own, or that of what it is a part of
            self.values.setdefault(path, mark)


@dataclass(frozen=True)
class Entry:
    """One value of a source, with readers that check it.

    Every reader returns the converted value (for example a float for `1`) or raises a ConfigError
    that begins with its place.
    """

    value: Any
    path: Path = ()
    source: Source = field(default_factory=lambda: Source(None))
    problems: Problems = field(default_factory=Problems)

    @property
    def name(self) -> str:
        """The dotted path."""
        return dotted(self.path)

    def error(self, message: str, *, key: bool = False) -> LocatedError:
        """Return an error at this value (or at its key)."""
        mark = self.source.mark(self.path, key=key)
        return LocatedError(message if mark or not self.path else f"{self.name}: {message}", mark)

    def expected(self, what: str) -> LocatedError:
        """Return an error with the expected and the received value."""
        mark = self.source.mark(self.path)
        name = self.name or "this"
        got = "nothing" if self.value is None else shown(self.value)
        return LocatedError(f"{name} must be {what}, got {got}", mark)

    def __getitem__(self, key: str | int) -> Entry:
        return Entry(self.value[key], (*self.path, key), self.source, self.problems)

    def keys(
        self, kind: str | None = None, known: Collection[str] | None = None
    ) -> dict[str, Entry]:
        """Return the entries of a mapping; unknown keys are added to the problems."""
        if not isinstance(self.value, dict):
            raise self.expected("a mapping" if known is None else f"a mapping of {_several(kind)}")
        entries = {str(k): self[k] for k in self.value}
        if known is not None:
            for key in [k for k in entries if k not in known]:
                entry = entries.pop(key)
                mark = self.source.mark(entry.path, key=True)
                self.problems.add(LocatedError(unknown_name(kind or "key", key, known), mark))
        return entries

    def items(self) -> list[Entry]:
        """Return the entries of a list."""
        if not isinstance(self.value, (list, tuple)):
            raise self.expected("a list")
        return [self[i] for i in range(len(self.value))]

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """Return a whole number in [low, high]."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # `1e4` is a common way to write 10000
        ok = isinstance(value, int) and not isinstance(value, bool)
        if not ok or not inside(value, low, high):
            raise self.expected("a whole number" + span(low, high))
        self._check_held(value)
        return value

    def number(
        self,
        low: float | None = None,
        high: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        noun: str = "a number",
    ) -> float:
        """Return a finite number in [low, high], above `above` and below `below`, as a float."""
        value = self.value
        ok = isinstance(value, (int, float)) and not isinstance(value, bool)
        if ok:
            self._check_held(value)
            ok = math.isfinite(value)
        if not ok or not inside(value, low, high, above, below):
            raise self.expected(noun + span(low, high, above, below))
        return float(value)

    def _check_held(self, value: float) -> None:
        if said := cannot_hold(value):
            mark = self.source.mark(self.path)
            raise LocatedError(f"{self.name or 'this'}: {shown(value)} {said}", mark)

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.expected("true or false")
        return self.value

    def text(self) -> str:
        """Return text."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.expected("text")
        return self.value

    def choice(self, kind: str, names: Collection[str]) -> str:
        """Return one of `names`."""
        if self.value is None:
            raise self.error(f"{self.name or kind} is empty; expected one of: {', '.join(names)}")
        if not isinstance(self.value, str) or self.value not in names:
            raise self.error(unknown_name(kind, self.value, names))
        return self.value


def _several(kind: str | None) -> str:
    """`options of network family mlp` for `option of network family mlp`."""
    first, of, rest = str(kind).partition(" of ")
    return f"{first}s{of}{rest}"


@dataclass(frozen=True)
class Option:
    """A setting: its reader, its default and its documentation.

    `assay.core.options` makes options whose reader, check, help and JSON Schema come from one call.

    An option whose default is "off" (None, False, 0, an empty list or mapping) is left out of the
    result when it is off. So a new option with such a default leaves every old identity as it was.

    Attributes:
        help: one line for the reference of studies.
        schema: a JSON Schema of the accepted values, or a function that returns one.
        accepts: the accepted values in words; generated from the schema if empty.
        example: an example for the reference; the default if there is none.
    """

    read: Callable[[Entry], Any]
    default: Any = None
    help: str = ""
    schema: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    accepts: str = ""
    example: Any = None


def read_options(
    entry: Entry, kind: str, options: Mapping[str, Option], *, complete: bool = False
) -> dict[str, Any]:
    """Read the settings of a mapping into canonical plain data, in the order of `options`.

    Args:
        kind: name of a setting in messages ("option of network family mlp").
        complete: keep options that are off as well.

    Problems are added to `entry.problems`; the result is only valid if there are none.
    """
    given = entry.keys(kind, options)
    result = {}
    for name, option in options.items():
        value = option.default
        if name in given and given[name].value is not None:
            with entry.problems.collect(given[name]):
                value = option.read(given[name])
        if complete or value != option.default or option.default not in (None, False, 0, [], {}):
            result[name] = copy.deepcopy(value)
    return result
