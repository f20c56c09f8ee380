"""Reading of the `search:` of a study, with the places of all errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from assay.core.config import Entry, dotted, read_options
from assay.core.errors import ConfigError
from assay.core.options import REQUIRED
from assay.studies.factors import (
    Factor,
    Level,
    Setting,
    clash,
    labels_of,
    read_settings,
    setting_path,
)
from assay.studies.search.expressions import Expression, parse_expression
from assay.studies.search.keys import HALVING_OPTIONS, PARAMETER, SEARCH
from assay.studies.search.samplers.sampler import SAMPLERS
from assay.studies.search.search import HALVING, Derived, Halving, Search
from assay.studies.search.space import Parameter, Space
from assay.studies.settings import SECTIONS

__all__ = ["factor_names", "read_search"]

MAX_STEPS = 1_000_000
"""Maximum number of steps of a range."""


def read_search(entry: Entry) -> Search:
    """Read `search:`; errors are added to `entry.problems`.

    Raises:
        ConfigError: it cannot be read at all.
    """
    known = entry.keys("key of search", SEARCH)
    given = {k: e for k, e in known.items() if e.value is not None}
    if "space" not in given:
        raise entry.error("search needs a space: {setting: {float: [low, high]}, ...}", key=True)
    take = _Taker(given, entry)
    parameters = take("space", _read_space)
    names = list(given["space"].value) if isinstance(given["space"].value, dict) else []
    constraints = take("constraints", lambda e: _read_constraints(e, names))
    name, halving = take("sampler", _read_sampler)
    search = Search(
        space=Space(tuple(parameters), tuple(constraints)),
        derived=tuple(take("set", lambda e: _read_derived(e, names))),
        sampler=name,
        halving=halving,
        **{key: take(key) for key in ("trials", "batch", "objective", "repeats", "folds", "best")},
        refit=take("refit"),
        entries=dict(given),
        entry=entry,
    )
    varied = factor_names(search)
    return replace(search, retrain=tuple(take("retrain", lambda e: _read_retrain(e, varied))))


class _Taker:
    """Reads keys; errors are added to the problems, and the default is used instead."""

    def __init__(self, given: Mapping[str, Entry], entry: Entry):
        self._given, self._problems = given, entry.problems

    def __call__(self, key: str, read: Callable[[Entry], Any] | None = None) -> Any:
        option = SEARCH[key]
        if key in self._given:
            with self._problems.collect(self._given[key]):
                return (read or option.read)(self._given[key])
        return () if option.default is REQUIRED else option.default


def _read_space(entry: Entry) -> list[Parameter]:
    found: list[Parameter] = []
    names = list(entry.keys())
    for i, (name, inner) in enumerate(entry.keys().items()):
        with entry.problems.collect(inner):
            found.append(_read_parameter(name, inner, names[:i]))
    if not entry.value:
        raise entry.error("space: it is empty, so there is nothing to choose")
    return found


def _read_parameter(name: str, entry: Entry, above: list[str]) -> Parameter:
    """Read a parameter; a plain list is a choice."""
    if "." in name:
        setting_path(name, entry, entry.source.mark(entry.path, key=True))
    elif not name.isidentifier():
        raise entry.error(f"{name!r} must be a dotted setting or a plain name", key=True)
    elif name in SECTIONS and not _is_choice(entry):
        raise entry.error(f"{name} is a whole section and can only be a choice", key=True)
    if not isinstance(entry.value, (dict, list)):
        kinds = "a list of choices, {int: [1, 8]} or {float: [0.1, 1]}"
        raise entry.expected(kinds)
    if not isinstance(entry.value, dict):
        return Parameter(name, "choice", levels=_levels(name, entry), entry=entry)
    given = entry.keys("key of a parameter", PARAMETER)
    kinds = [kind for kind in ("choice", "int", "float") if kind in given]
    if len(kinds) != 1:
        raise entry.error(f"{name} must be one of choice, int and float, such as {{int: [1, 8]}}")
    when = _expression(given["when"], above, "above it") if "when" in given else None
    if kinds[0] == "choice":
        for key in ("step", "log"):
            if key in given:
                raise given[key].error(f"a choice has no {key}", key=True)
        levels = _levels(name, given["choice"])
        return Parameter(name, "choice", levels=levels, when=when, entry=entry)
    return replace(_read_number(name, kinds[0], given), when=when, entry=entry)


def _is_choice(entry: Entry) -> bool:
    return isinstance(entry.value, list) or (
        isinstance(entry.value, dict) and "choice" in entry.value
    )


def _read_number(name: str, kind: Any, given: Mapping[str, Entry]) -> Parameter:
    """Read {int: [low, high]} or {int: {low, high, step, log}}; step and log at either level."""
    place = given[kind]
    parts = {k: e for k, e in given.items() if k in ("step", "log")}
    if isinstance(place.value, dict):
        parts |= place.keys("key of a range", ("low", "high", "step", "log"))
        if not {"low", "high"} <= parts.keys():
            raise place.error(f"{name} needs low and high")
        low, high = parts["low"], parts["high"]
    elif isinstance(place.value, list) and len(place.value) == 2:
        low, high = place.items()
    else:
        raise place.expected("two numbers [low, high]")
    read = (lambda e: e.integer()) if kind == "int" else (lambda e: e.number())
    ends = read(low), read(high)
    if ends[0] >= ends[1]:
        raise place.error(f"{name}: low must be less than high, got {low.value} and {high.value}")
    if not math.isfinite(ends[1] - ends[0]):
        raise place.error(f"{name}: high - low is too large for a number")
    log = parts["log"].flag() if "log" in parts else False
    if log and ends[0] <= 0:
        raise low.error(f"{name}: with log, low must be > 0, got {low.value}")
    step = read(parts["step"]) if "step" in parts else (1 if kind == "int" else None)
    if "step" in parts:
        _check_step(name, parts["step"], step, ends, log)
    return Parameter(name, kind, *ends, step=step, log=log)


def _check_step(name: str, entry: Entry, step: Any, ends: tuple[Any, Any], log: bool) -> None:
    if step <= 0:
        raise entry.expected("a number > 0")
    if log:
        raise entry.error(f"{name}: step and log cannot be combined", key=True)
    steps = (ends[1] - ends[0]) / step
    if steps > MAX_STEPS:
        said = f"{name}: {ends[0]:g} to {ends[1]:g} in steps of {step:g} are {steps:,.0f} steps"
        raise entry.error(f"{said}, at most {MAX_STEPS:,} can be distinguished; leave out step")
    if abs(steps - round(steps)) > 1e-6:
        said = f"{name}: high - low = {ends[1] - ends[0]:g} is not a multiple of step {step:g}"
        raise entry.error(said)


def _levels(name: str, entry: Entry) -> tuple[Level, ...]:
    """Read [value, ...], or {label: {setting: value, ...}, ...}, like the levels of a factor."""
    if isinstance(entry.value, dict):
        levels = [
            Level(label, tuple(read_settings(_mapping(level))), level)
            for label, level in entry.keys().items()
        ]
    else:
        path = tuple(name.split(".")) if "." in name or name in SECTIONS else ()
        items = entry.items()
        levels = [
            Level(label, (Setting(path, item),) if path else (), item)
            for label, item in zip(labels_of([e.value for e in items]), items, strict=True)
        ]
    labels = [level.label for level in levels]
    for level in levels:
        if labels.count(level.label) > 1:
            raise level.entry.error(f"{name}: {level.label} is given twice")
    if not levels:
        raise entry.error(f"{name}: there is nothing to choose from")
    return tuple(levels)


def _mapping(entry: Entry) -> Entry:
    value = {} if entry.value is None else entry.value
    return Entry(value, entry.path, entry.source, entry.problems)


def _expression(entry: Entry, names: Iterable[str], where: str = "") -> Expression:
    try:
        return replace(parse_expression(entry.value, list(names)), entry=entry)
    except ConfigError as error:
        hint = f" (it can use the parameters {where})" if where else ""
        raise entry.error(f"{error}{hint}") from None


def _read_constraints(entry: Entry, names: list[str]) -> list[Expression]:
    found = []
    for item in entry.items() if isinstance(entry.value, list) else [entry]:
        with entry.problems.collect(item):
            found.append(_expression(item, names))
    return found


def _read_derived(entry: Entry, names: list[str]) -> list[Derived]:
    found = []
    for name, inner in entry.keys("setting").items():
        with entry.problems.collect(inner):
            path = setting_path(name, inner, entry.source.mark(inner.path, key=True))
            for other in names:
                if f"{other}.".startswith(f"{name}.") or f"{name}.".startswith(f"{other}."):
                    raise inner.error(f"{name} is set here and also chosen by {other}", key=True)
            found.append(Derived(path, _expression(inner, names), inner))
    return found


def _read_retrain(entry: Entry, varied: list[Factor]) -> list[Setting]:
    """Settings of the best trials; what the search chooses is not among them."""
    found = read_settings(entry)
    for setting in found:
        clash(setting, varied)
    return found


def _read_sampler(entry: Entry) -> tuple[str, Halving | None]:
    """Read a name, or {name: hyperband, eta, min_epochs, rounds, proposals}."""
    known = [*SAMPLERS, *HALVING]
    if not isinstance(entry.value, dict):
        name = entry.choice("sampler", known)
        return (name, None) if name in SAMPLERS else (HALVING[name], Halving(name))
    given = entry.keys("setting of a sampler", ("name", *HALVING_OPTIONS))
    if "name" not in given:
        raise entry.error(f"a sampler needs a name, one of: {', '.join(known)}")
    name = given.pop("name").choice("sampler", known)
    if name in SAMPLERS:
        for key, inner in given.items():
            raise inner.error(
                f"sampler {name} has no {key}; only hyperband and similar samplers do", key=True
            )
        return name, None
    inner = Entry(
        {key: e.value for key, e in given.items()}, entry.path, entry.source, entry.problems
    )
    settings = read_options(inner, "setting of a sampler", HALVING_OPTIONS, complete=True)
    return settings.pop("proposals") or HALVING[name], Halving(name, **settings)


def factor_names(search: Search) -> list[Factor]:
    """Return the varied settings as factors without levels, because nothing else may fix them."""
    names = [p.name for p in search.space.parameters if "." in p.name]
    names += [dotted(d.path) for d in search.derived]
    names += [
        dotted(setting.path)
        for p in search.space.parameters
        for level in p.levels
        for setting in level.settings
    ]
    return [Factor(name, ()) for name in dict.fromkeys(names)]
