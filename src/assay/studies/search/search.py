"""A search as it was read: its space, how points become configurations, sampler and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.core.config import Entry, LocatedError, Path
from assay.core.errors import ConfigError, brief, did_you_mean, nearest
from assay.core.records import Config
from assay.studies.factors import Level, Setting
from assay.studies.search.expressions import Expression
from assay.studies.search.hyperband import Bracket, hyperband, successive_halving
from assay.studies.search.space import Space, Values

__all__ = ["HALVING", "Configure", "Derived", "Halving", "Search"]

HALVING = {"hyperband": "random", "successive_halving": "random", "bohb": "tpe"}
"""What stops trials at rungs, and the sampler that proposes its trials unless told otherwise.

References:
    S. Falkner et al., "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018
    (bohb here: Hyperband whose trials Optuna's TPE proposes).
"""

ALIASES = ("units", "filters")
"""`network.hidden.0.units` is the element `network.hidden.0` itself."""


@dataclass(frozen=True)
class Derived:
    """A setting that is computed from the point: `network.hidden: "[units] * layers"`."""

    path: Path
    expression: Expression
    entry: Entry = field(compare=False, repr=False)


@dataclass(frozen=True)
class Halving:
    """Stopping at rungs; the largest budget is the study's `training.epochs`.

    Attributes:
        name: one of HALVING.
        eta: each rung keeps the best 1 / eta.
        min_epochs: epochs of the first rung, at least.
        rounds: how often all brackets are gone through.
    """

    name: str
    eta: int = 3
    min_epochs: int = 1
    rounds: int = 1

    def brackets(self, max_epochs: int, trials: int | None) -> list[Bracket]:
        """All brackets, in their order."""
        if self.name == "successive_halving":
            assert trials is not None
            one = successive_halving(trials, max_epochs, self.min_epochs, self.eta)
        else:
            one = hyperband(max_epochs, self.min_epochs, self.eta)
        return one * self.rounds


class Configure(Protocol):
    """From a point, and settings beside it, to the canonical configuration, without a seed."""

    def __call__(self, values: Values, beside: Sequence[Setting] = ()) -> Config: ...


def _nothing(values: Values, beside: Sequence[Setting] = ()) -> Config:
    del values, beside
    return {}


@dataclass(frozen=True)
class Search:
    """A search.

    Attributes:
        space: what is chosen; `derived`: settings computed from it.
        sampler: registered name of what proposes points.
        halving: how trials stop at rungs; None when every trial has its whole budget.
        trials: how many; None is all points of a grid, or what the brackets need.
        batch: points asked for before any is told; None is the sampler's own.
        objective: a validation metric, "val_accuracy"; higher_is_better: its direction.
        repeats: runs of a trial; folds: parts of a cross-validation, None for none. The mean over
            all of them is the trial's value.
        best: how many trials are trained again at the end; refit: on the validation images, too.
        retrain: settings that these trials have when they are trained again.
        brackets: of `halving`, filled in when the study's epochs are known.
        points: how many the space has; None when they are infinite or too many to count.
        samples: configurations of some points, which showed that the space can be trained.
        configure: makes the configuration of a point.
        entries, entry: where it was written.
    """

    space: Space
    derived: tuple[Derived, ...]
    sampler: str
    halving: Halving | None
    trials: int | None
    batch: int | None
    objective: str
    repeats: int
    folds: int | None
    best: int
    refit: bool
    entries: Mapping[str, Entry] = field(compare=False, repr=False)
    entry: Entry = field(compare=False, repr=False)
    higher_is_better: bool = True
    retrain: tuple[Setting, ...] = ()
    brackets: tuple[Bracket, ...] = ()
    points: int | None = None
    samples: tuple[Config, ...] = field(default=(), compare=False, repr=False)
    configure: Configure = field(default=_nothing, compare=False, repr=False)

    def place(self, key: str) -> Entry:
        """Where `key` was written, or the search itself."""
        return self.entries.get(key, self.entry)

    def level(self, values: Values) -> Level:
        """What a point sets, as the level of a factor.

        Raises:
            ConfigError: a derived setting cannot be computed, or a list has a hole.
        """
        flat: dict[Path, Setting] = {}
        for p in self.space.parameters:
            if p.name not in values:
                continue
            if p.kind == "choice":
                (level,) = (lv for lv in p.levels if lv.label == values[p.name])
                flat |= {s.path: s for s in level.settings}
            elif "." in p.name:
                path = tuple(p.name.split("."))
                flat[path] = Setting(path, _with(p.entry, values[p.name]))
        meanings = self.space.meanings(values)
        for derived in self.derived:
            missing = sorted(derived.expression.names - meanings.keys())
            if missing:
                said = f"{derived.expression.text!r} needs {missing[0]}, which is not active for"
                raise derived.entry.error(f"{said} {self.space.shown(values)}")
            try:
                made = derived.expression.value(meanings)
            except ConfigError as error:
                raise derived.entry.error(str(error)) from None
            flat[derived.path] = Setting(derived.path, _with(derived.entry, made))
        return Level("point", tuple(_lists(flat)), self.entry)


def _with(entry: Entry, value: Any) -> Entry:
    """Another value, written at the same place."""
    return Entry(value, entry.path, entry.source, entry.problems)


def _lists(flat: Mapping[Path, Setting]) -> list[Setting]:
    """Settings in which `network.hidden.0` and `network.hidden.1` have become one list."""
    kept: dict[Path, Setting] = {}
    lists: dict[Path, dict[Any, Any]] = {}
    places: dict[Path, Entry] = {}
    for path, setting in flat.items():
        parts = [str(p) for p in path]
        if len(parts) > 1 and parts[-1] in ALIASES and parts[-2].isdecimal():
            parts.pop()
        cut = next((i for i, part in enumerate(parts) if part.isdecimal()), None)
        if cut is None:
            kept[path] = setting
            continue
        head = tuple(parts[:cut])
        places.setdefault(head, setting.entry)
        here = lists.setdefault(head, {})
        *way, last = _indices(parts, cut, setting)
        for index in way:
            here = here.setdefault(index, {}) if isinstance(here, dict) else None
        if not isinstance(here, dict) or last in here:
            raise _at(setting, f"{'.'.join(parts)} is set more than once")
        here[last] = setting.entry.value
    for head, tree in lists.items():
        name = ".".join(map(str, head))
        if head in kept:
            raise _at(kept[head], f"{name} and elements of it are both set")
        kept[head] = Setting(head, _with(places[head], _listed(tree, name, places[head])))
    return list(kept.values())


def _indices(parts: list[str], cut: int, setting: Setting) -> list[int]:
    """The part of a path after a list's name as whole numbers."""
    for i, part in enumerate(parts[cut:], cut):
        if not part.isdecimal():
            hint = did_you_mean(nearest(part, ALIASES) if part not in ALIASES else None)
            before = ".".join(parts[:i])
            said = f"{before} is an element of a list and has no {brief(repr(part))}{hint}"
            raise _at(setting, said)
    return [int(part) for part in parts[cut:]]


def _at(setting: Setting, message: str) -> LocatedError:
    """An error where a setting's path was written."""
    if setting.key:
        return LocatedError(message, setting.key)
    return setting.entry.error(message, key=True)


def _listed(tree: Any, name: str, entry: Entry) -> Any:
    if not isinstance(tree, dict):
        return tree
    for i in range(len(tree)):
        if i not in tree:
            have = ", ".join(f"{name}.{k}" for k in sorted(tree))
            raise entry.error(f"{name}.{i} is missing, there is only {have}")
    return [_listed(tree[i], f"{name}.{i}", entry) for i in range(len(tree))]
