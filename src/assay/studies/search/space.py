"""The search space: parameters with kinds, conditions and constraints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from assay.core.config import Entry
from assay.core.errors import ConfigError
from assay.core.plans import PlannedParameter
from assay.studies.factors import Level
from assay.studies.search.expressions import Expression

__all__ = ["MANY", "TRIES", "NoPoint", "Parameter", "Space", "Values", "first_allowed"]

Values = dict[str, Any]
"""A point of a space: active parameter -> a number, or the label of a choice."""

MANY = 1_000_000
"""Maximum number of combinations to count one by one."""

TRIES = 500
"""Number of random points among which an allowed one is looked for."""


class NoPoint(ConfigError):
    """No allowed point was found."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a search.

    Attributes:
        name: a dotted setting, or a name that expressions use or whose levels are settings.
        kind: "choice", "int" or "float".
        low, high: bounds of a number, both included.
        step: step of a range; None for all numbers.
        log: whether equal ratios are equally likely.
        levels: levels of a choice.
        when: the condition of the parameter; None for always.
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

    def values(self) -> Sequence[float | str] | None:
        """All values in order, computed on demand; None for a float without a step."""
        if self.kind == "choice":
            return [level.label for level in self.levels]
        return None if self.step is None else _Steps(self)

    def steps(self) -> int:
        """Return the number of values of a range with a step."""
        assert self.step is not None
        if self.kind == "int":
            return int((self.high - self.low) // self.step) + 1
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def ends(self) -> list[float | str]:
        """Return all choices, or the smallest and the largest number, for checks."""
        if self.kind == "choice":
            return [level.label for level in self.levels]
        return [self.tidy(self.low), self.tidy(self.high)]

    def tidy(self, number: float) -> float:
        """Round a number: whole for an int, else six digits (twelve where a step must be met),
        within the bounds."""
        if self.kind == "int":
            return round(number)
        short = f"{number:.6g}" if self.step is None else f"{number:.12g}"
        return float(min(max(float(short), self.low), self.high))

    def shown(self, value: object) -> str:
        """Return a value as text."""
        return f"{value:.3g}" if self.kind == "float" else str(value)

    def meaning(self, value: object) -> object:
        """Return the value in expressions: the number, the setting of a choice, or its label."""
        if self.kind != "choice":
            return value
        level = next(level for level in self.levels if level.label == value)
        alone = [s for s in level.settings if ".".join(map(str, s.path)) == self.name]
        return alone[0].entry.value if alone else level.entry.value if _plain(level) else value

    def to_json(self) -> PlannedParameter:
        """Return plain data for a plan."""
        found: PlannedParameter = {"name": self.name, "kind": self.kind}
        if self.kind == "choice":
            found["levels"] = [level.label for level in self.levels]
        else:
            found |= {"low": self.low, "high": self.high, "step": self.step, "log": self.log}
        if self.when:
            found["when"] = self.when.text
        return found


class _Steps(Sequence[Any]):
    """The numbers of a range with a step, which may be very many."""

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
    """Whether a choice is a single value instead of several settings."""
    return not level.settings and not isinstance(level.entry.value, dict)


@dataclass(frozen=True)
class Space:
    """Parameters in the order of their conditions, and constraints on their values."""

    parameters: tuple[Parameter, ...]
    constraints: tuple[Expression, ...] = ()

    def __getitem__(self, name: str) -> Parameter:
        return next(p for p in self.parameters if p.name == name)

    def meanings(self, values: Mapping[str, object]) -> Values:
        """Return the values of a point in expressions."""
        return {p.name: p.meaning(values[p.name]) for p in self.parameters if p.name in values}

    def active(self, parameter: Parameter, values: Mapping[str, object]) -> bool:
        """Whether a parameter is active, given those before it; so must be those in its
        condition."""
        when = parameter.when
        if when is None:
            return True
        if not when.names <= values.keys():
            return False
        return bool(when.value(self.meanings(values)))

    def allows(self, values: Mapping[str, object]) -> bool:
        """Whether a point satisfies every constraint on active parameters."""
        seen = self.meanings(values)
        return all(c.value(seen) for c in self.constraints if c.names <= seen.keys())

    def points(self, parameters: Sequence[Parameter] | None = None) -> Iterator[Values]:
        """Yield every allowed point, the last parameter fastest.

        Raises:
            ConfigError: a float without a step has infinitely many values.
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
        """Return the number of allowed points; None if it is infinite or needs more than MANY
        trials.

        Only parameters in conditions or constraints are tried one by one.
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
        """Draw a random point, allowed or not, for checks and estimates."""
        values: Values = {}
        for p in self.parameters:
            if self.active(p, values):
                values[p.name] = _draw(p, rng)
        return values

    def shown(self, values: Mapping[str, object]) -> dict[str, str]:
        """Return a point as text."""
        return {p.name: p.shown(values[p.name]) for p in self.parameters if p.name in values}


def _draw(p: Parameter, rng: np.random.Generator) -> Any:
    known = p.values()
    if p.log:
        number = math.exp(rng.uniform(math.log(p.low), math.log(p.high)))
        return p.tidy(number)
    if known is not None:
        return known[int(rng.integers(len(known)))]
    return p.tidy(rng.uniform(p.low, p.high))


def first_allowed(space: Space, rng: np.random.Generator, fixed: Values) -> Values:
    """Return an allowed point in which these parameters are active and have these values.

    Args:
        fixed: parameter -> its value; None for any value.

    Raises:
        NoPoint: none was found.
    """
    for _ in range(TRIES):
        values: Values = {}
        for p in space.parameters:
            if space.active(p, values):
                given = fixed.get(p.name)
                values[p.name] = _draw(p, rng) if given is None else given
        if fixed.keys() <= values.keys() and space.allows(values):
            return values
    raise NoPoint(f"no point of the space satisfies the constraints ({TRIES} were tried)")
