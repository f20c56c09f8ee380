"""A search: its space, the configurations of points, sampler and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.core.config import Entry, LocatedError, Path, Problems
from assay.core.errors import brief, did_you_mean, nearest
from assay.core.records import Config
from assay.studies.factors import Level, Setting
from assay.studies.search.expressions import Expression
from assay.studies.search.hyperband import Bracket, hyperband, successive_halving
from assay.studies.search.space import Space, Values

__all__ = ["HALVING", "Configure", "Derived", "Halving", "Search"]

HALVING = {"hyperband": "random", "successive_halving": "random", "bohb": "tpe"}
"""Methods that stop trials at rungs -> their default sampler.

References:
    S. Falkner et al., "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018
    (bohb here: Hyperband whose trials Optuna's TPE proposes).
"""

ALIASES = ("units", "filters")
"""`network.hidden.0.units` is the element `network.hidden.0` itself."""


@dataclass(frozen=True)
class Derived:
    """A setting that is computed from a point: `network.hidden: "[units] * layers"`."""

    path: Path
    expression: Expression
    entry: Entry = field(compare=False, repr=False)


@dataclass(frozen=True)
class Halving:
    """Stopping at rungs; the largest budget is the study's `training.epochs`.

    Attributes:
        name: one of HALVING.
        eta: each rung keeps the best 1 / eta.
        min_epochs: minimum number of epochs of the first rung.
        rounds: number of passes through all brackets.
    """

    name: str
    eta: int = 3
    min_epochs: int = 1
    rounds: int = 1

    def brackets(self, max_epochs: int, trials: int | None) -> list[Bracket]:
        """Return all brackets, in order."""
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
        space: the search space; `derived`: settings computed from a point.
        sampler: registered name of the sampler.
        halving: how trials stop at rungs; None if every trial has the complete budget.
        trials: their number; None for all points of a grid, or as many as the brackets need.
        batch: number of points to propose before results are reported; None for the sampler's
            default.
        objective: a validation metric, "val_accuracy"; higher_is_better: its direction.
        repeats: runs of a trial; folds: parts of a cross-validation, None for none. The mean over
            all of them is the trial's value.
        best: number of trials to train again at the end; refit: also on the validation images.
        retrain: settings that these trials have when they are trained again.
        brackets: brackets of `halving`, set when the study's epochs are known.
        points: size of the space; None if it is infinite or too many to count.
        samples: configurations of some points that can be trained.
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

    @property
    def whole_epochs(self) -> int | None:
        """Epochs of a trial that is not stopped at a rung; None without rungs."""
        return self.brackets[0].rungs[-1].epochs if self.brackets else None

    def place(self, key: str) -> Entry:
        """Return the place of `key`, or of the search itself."""
        return self.entries.get(key, self.entry)

    def configs(self, values: Values) -> tuple[Config, Config]:
        """Return the configurations of a point: in the search, and with the settings of `retrain`.

        Raises:
            AssayError: one of them cannot be trained.
        """
        config = again = self.configure(values)
        if self.retrain:
            problems = Problems()
            with problems.collect(self.place("retrain")):
                again = self.configure(values, self.retrain)
            problems.raise_if_any()
        return config, again

    def level(self, values: Values) -> Level:
        """Return the settings of a point, as the level of a factor.

        Raises:
            ConfigError: a derived setting cannot be computed, a setting is set twice, or a list has
                a gap.
        """
        flat = _Settings()
        for p in self.space.parameters:
            if p.name not in values:
                continue
            if p.kind == "choice":
                (level,) = (lv for lv in p.levels if lv.label == values[p.name])
                for setting in level.settings:
                    flat.add(setting, p.name)
            elif "." in p.name:
                path = tuple(p.name.split("."))
                flat.add(Setting(path, _with(p.entry, values[p.name])), p.name)
        meanings = self.space.meanings(values)
        for derived in self.derived:
            missing = sorted(derived.expression.names - meanings.keys())
            if missing:
                said = f"{derived.expression.text!r} needs {missing[0]}, which is not active for"
                raise derived.entry.error(f"{said} {self.space.shown(values)}")
            made = derived.expression.value(meanings)
            flat.add(Setting(derived.path, _with(derived.entry, made)), "search.set")
        return Level("point", tuple(_lists(flat)), self.entry)


class _Settings(dict[Path, Setting]):
    """The settings of a point by path, each from one parameter."""

    def __init__(self) -> None:
        self._whose: dict[Path, str] = {}

    def add(self, setting: Setting, whose: str) -> None:
        """Add a setting of a parameter; ConfigError if another one has set it."""
        if other := self._whose.get(setting.path):
            name = ".".join(map(str, setting.path))
            raise _at(setting, f"{name} is set by {whose} and by {other} at the same time")
        self._whose[setting.path] = whose
        self[setting.path] = setting


def _with(entry: Entry, value: Any) -> Entry:
    """Return an entry with another value at the same place."""
    return Entry(value, entry.path, entry.source, entry.problems)


def _lists(flat: Mapping[Path, Setting]) -> list[Setting]:
    """Join settings such as `network.hidden.0` and `network.hidden.1` to one list."""
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
    """Return the part of a path after a list's name as whole numbers."""
    for i, part in enumerate(parts[cut:], cut):
        if not part.isdecimal():
            hint = did_you_mean(nearest(part, ALIASES) if part not in ALIASES else None)
            before = ".".join(parts[:i])
            said = f"{before} is an element of a list and has no {brief(repr(part))}{hint}"
            raise _at(setting, said)
    return [int(part) for part in parts[cut:]]


def _at(setting: Setting, message: str) -> LocatedError:
    """Return an error at the place of a setting's path."""
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
