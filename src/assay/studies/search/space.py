"""A space: what a search may choose, as parameters with kinds, conditions and constraints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from assay.core.config import Entry
from assay.core.errors import ConfigError
from assay.studies.factors import Level
from assay.studies.search.expressions import Expression

__all__ = ["MANY", "NoPoint", "Parameter", "Space", "Values", "first_allowed"]

Values = dict[str, Any]
"""A point of a space: parameter -> a number, or the label of a choice; parameters whose condition
does not hold are left out."""

MANY = 1_000_000
"""Combinations up to which the points of a space are counted one by one."""


class NoPoint(ConfigError):
    """No allowed point was found."""


@dataclass(frozen=True)
class Parameter:
    """One thing that a search chooses.

    Attributes:
        name: a dotted setting, or a name that expressions and named levels give a meaning.
        kind: "choice", "int" or "float".
        low, high: ends of a number, both included.
        step: distance of neighbouring numbers; None for every number.
        log: whether equal ratios are equally likely.
        levels: those of a choice.
        when: the condition under which the parameter is there; None for always.
        entry: where it was written.
    """

    name: str
    kind: Literal["choice", "int", "float"]
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    levels: tuple[Level, ...] = ()
    when: Expression | None = None
    entry: Entry = field(default_factory=lambda: Entry(None), compare=False, repr=False)

    def values(self) -> Sequence[Any] | None:
        """Every value in order, made when asked for; None where a float has no step."""
        if self.kind == "choice":
            return [level.label for level in self.levels]
        return None if self.step is None else _Steps(self)

    def steps(self) -> int:
        """How many numbers a range with a step has."""
        assert self.step is not None
        if self.kind == "int":
            return int((self.high - self.low) // self.step) + 1
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def ends(self) -> list[Any]:
        """All choices, or the smallest and the largest number: what a check should try."""
        if self.kind == "choice":
            return [level.label for level in self.levels]
        return [self.tidy(self.low), self.tidy(self.high)]

    def tidy(self, number: float) -> Any:
        """A number as people write it: whole for an int, else six digits, inside the ends."""
        if self.kind == "int":
            return round(number)
        return float(min(max(float(f"{number:.6g}"), self.low), self.high))

    def shown(self, value: object) -> str:
        """A value in words."""
        return f"{value:.3g}" if self.kind == "float" else str(value)

    def meaning(self, value: object) -> Any:
        """What an expression sees of a value: the number, what a choice sets, or its label."""
        if self.kind != "choice":
            return value
        level = next(level for level in self.levels if level.label == value)
        alone = [s for s in level.settings if ".".join(map(str, s.path)) == self.name]
        return alone[0].entry.value if alone else level.entry.value if _plain(level) else value

    def to_json(self) -> dict[str, Any]:
        """Plain data for a plan."""
        numbers = {"low": self.low, "high": self.high, "step": self.step, "log": self.log}
        rest = {"levels": [lv.label for lv in self.levels]} if self.kind == "choice" else numbers
        when = {"when": self.when.text} if self.when else {}
        return {"name": self.name, "kind": self.kind, **rest, **when}


class _Steps(Sequence[Any]):
    """The numbers of a range with a step, of which there may be very many."""

    def __init__(self, parameter: Parameter):
        self._parameter, self._count = parameter, parameter.steps()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        p = self._parameter
        assert p.step is not None
        return p.tidy(p.low + index % self._count * p.step)


def _plain(level: Level) -> bool:
    """Whether a choice is a value and no set of settings."""
    return not level.settings and not isinstance(level.entry.value, dict)


@dataclass(frozen=True)
class Space:
    """Parameters in the order of their conditions, and what their values must fulfil."""

    parameters: tuple[Parameter, ...]
    constraints: tuple[Expression, ...] = ()

    def __getitem__(self, name: str) -> Parameter:
        return next(p for p in self.parameters if p.name == name)

    def meanings(self, values: Mapping[str, object]) -> Values:
        """What expressions see of a point."""
        return {p.name: p.meaning(values[p.name]) for p in self.parameters if p.name in values}

    def active(self, parameter: Parameter, values: Mapping[str, object]) -> bool:
        """Whether a parameter is there, given those before it. What a condition speaks of must be
        there as well."""
        when = parameter.when
        if when is None:
            return True
        if not when.names <= values.keys():
            return False
        try:
            return bool(when.value(self.meanings(values)))
        except ConfigError as error:
            raise parameter.entry.error(str(error)) from None

    def allows(self, values: Mapping[str, object]) -> bool:
        """Whether a point fulfils every constraint; one on a parameter that is not there does
        not count."""
        seen = self.meanings(values)
        return all(c.value(seen) for c in self.constraints if c.names <= seen.keys())

    def points(self, parameters: Sequence[Parameter] | None = None) -> Iterator[Values]:
        """Every allowed point, the last parameter fastest.

        Raises:
            ConfigError: a float without a step has no end of values.
        """
        whole = parameters is None
        for values in self._walk({}, list(self.parameters if parameters is None else parameters)):
            if not whole or self.allows(values):
                yield values

    def _walk(self, values: Values, rest: list[Parameter]) -> Iterator[Values]:
        if not rest:
            yield dict(values)
            return
        first, later = rest[0], rest[1:]
        if not self.active(first, values):
            yield from self._walk(values, later)
            return
        known = first.values()
        if known is None:
            said = f"{first.name} is a float without a step, so it has infinitely many values"
            raise first.entry.error(f"{said}; give it a step, or a choice")
        for value in known:
            yield from self._walk({**values, first.name: value}, later)

    def size(self) -> int | None:
        """Number of allowed points; None when they are infinite or more than MANY to try.

        Only parameters that a condition or a constraint speaks of are tried one by one.
        """
        if any(p.values() is None for p in self.parameters):
            return None
        spoken = {n for p in self.parameters if p.when for n in p.when.names}
        spoken |= {name for c in self.constraints for name in c.names}
        deciding = [p for p in self.parameters if p.name in spoken]
        others = [p for p in self.parameters if p.name not in spoken]
        if math.prod(len(p.values() or ()) for p in deciding) > MANY:
            return None
        total = 0
        for values in self.points(deciding):
            if self.allows(values):
                free = (len(p.values() or ()) for p in others if self.active(p, values))
                total += math.prod(free)
        return total

    def draw(self, rng: np.random.Generator) -> Values:
        """One point at random, whether allowed or not; for checks and estimates."""
        values: Values = {}
        for p in self.parameters:
            if self.active(p, values):
                values[p.name] = _draw(p, rng)
        return values

    def shown(self, values: Mapping[str, object]) -> dict[str, str]:
        """A point in words."""
        return {p.name: p.shown(values[p.name]) for p in self.parameters if p.name in values}


def _draw(p: Parameter, rng: np.random.Generator) -> Any:
    known = p.values()
    if p.log:
        number = math.exp(rng.uniform(math.log(p.low), math.log(p.high)))
        return p.tidy(number)
    if known is not None:
        return known[int(rng.integers(len(known)))]
    return p.tidy(rng.uniform(p.low, p.high))


def first_allowed(
    space: Space, rng: np.random.Generator, fixed: Values, tries: int = 500
) -> Values:
    """A point that is allowed and has these values where their conditions hold.

    Raises:
        NoPoint: none was found.
    """
    for _ in range(tries):
        values: Values = {}
        for p in space.parameters:
            if space.active(p, values):
                values[p.name] = fixed[p.name] if p.name in fixed else _draw(p, rng)
        if fixed.keys() <= values.keys() and space.allows(values):
            return values
    raise NoPoint(f"no point of the space satisfies the constraints ({tries} were tried)")
