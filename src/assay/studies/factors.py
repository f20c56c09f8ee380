"""Factors and their levels: what a study varies, and the settings that each level stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

from assay.core.config import Entry, LocatedError, Mark, Path, Source, dotted
from assay.core.errors import AssayError, CodeChangedError, did_you_mean, nearest
from assay.core.values import shown
from assay.studies.settings import SECTIONS, nearest_setting, shorthand

__all__ = [
    "SIZES",
    "TRIAL",
    "Factor",
    "Level",
    "Setting",
    "apply",
    "blame",
    "clash",
    "label_of",
    "labels_of",
    "read_factors",
    "read_trials",
]


TRIAL = "trial"
"""Name of the factor whose levels are explicit trials."""

SIZES = (
    "training.epochs",
    "training.steps",
    "dataset.train",
    "dataset.validation",
)
"""Settings that automatic scales make smaller."""


@dataclass(frozen=True)
class Setting:
    """A dotted path set to the value of an entry; `key` is where the path was written."""

    path: Path
    entry: Entry
    key: Mark | None = None


@dataclass(frozen=True)
class Level:
    """One level of a factor: its label and its settings."""

    label: str
    settings: tuple[Setting, ...]
    entry: Entry


@dataclass(frozen=True)
class Factor:
    """A factor: a dotted path, or a name for several settings at once."""

    name: str
    levels: tuple[Level, ...]

    @cached_property
    def varied(self) -> frozenset[str]:
        """Dotted names of the settings of size that it varies: those without which two levels, or
        a level and the baseline, would be the same.

        Levels and explicit trials are often whole recipes, each with its own size, which it does
        not vary.
        """
        groups: dict[frozenset[tuple[str, str]], list[set[str]]] = {}
        if self.name != TRIAL:
            groups[frozenset()] = [set()]  # the baseline
        for level in self.levels:
            values = dict(value for setting in level.settings for value in _values(setting))
            rest = frozenset((k, v) for k, v in values.items() if k not in SIZES)
            groups.setdefault(rest, []).append({name for name in SIZES if name in values})
        sizes = [size for alike in groups.values() if len(alike) > 1 for size in alike]
        return frozenset({self.name}.union(*sizes))  # a factor of a search has no levels


def _values(setting: Setting) -> Iterator[tuple[str, str]]:
    """Yield the dotted name and value of a setting, or of each setting of a section."""
    name, value = dotted(setting.path), setting.entry.value
    if not isinstance(value, Mapping) and (key := shorthand(setting.path)):
        value = {key: value}
    inner = {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, Mapping) else {}
    yield from ((key, repr(v)) for key, v in (inner or {name: value}).items())


@contextmanager
def blame(
    settings: Sequence[Setting], source: Source, as_written: Callable[[], str]
) -> Iterator[None]:
    """Give an error of a whole configuration the place of the level that set what it names, or of
    the last one that changed networks or images. If the study has it without levels, which
    `as_written()` says, its place is in `source`: the setting with which it begins, as in
    "training.swa 0.5 and ...", or the network."""
    try:
        yield
    except (LocatedError, CodeChangedError):
        raise
    except AssayError as error:
        said = str(error)
        named = [s.entry for s in settings if said.startswith(".".join(map(str, s.path)))]
        changed = named or [s.entry for s in settings if s.path[0] in ("network", "dataset")]
        if changed and said not in as_written():
            raise changed[-1].error(said) from None
        path = tuple(said.partition(" ")[0].rstrip(":").split("."))
        if len(path) > 1 and path[0] in SECTIONS:
            raise LocatedError(said, source.mark(path)) from None
        raise Entry(None, ("network",), source).error(said) from None


def apply(settings: Sequence[Setting], source: Source) -> None:
    """Set every path in `source`; whole sections first, then settings in them."""
    for s in sorted(settings, key=lambda s: len(s.path)):
        source.put(s.path, s.entry, shorthand, s.key)


def read_factors(entry: Entry) -> list[Factor]:
    """Read `factors:`: {path: [value, ...]} or {name: {label: {path: value, ...}, ...}}."""
    factors = []
    for name, factor in entry.keys().items():
        with entry.problems.collect(factor):
            named = isinstance(factor.value, dict)
            if named and name in SECTIONS:
                _refuse_nested(name, factor)
            levels = _named(factor) if named else _listed(name, factor)
            if len(levels) < 2 - named:  # a single named level is compared with the baseline
                said = f"factor {name} needs at least two levels, got {len(levels)}"
                entry.problems.add(factor.error(said))
            if levels:  # so that errors in a single one are reported as well
                factors.append(Factor(name, tuple(levels)))
    if not entry.value:
        entry.problems.add(entry.error("factors is empty; leave it out, or name a factor"))
    return factors


def _refuse_nested(section: str, factor: Entry) -> None:
    """Raise ConfigError if settings are nested as in the study itself: a factor has their dotted
    names."""
    for key, levels in factor.keys().items():
        if isinstance(levels.value, (list, tuple)):
            said = f"a factor has the dotted name of its setting; write {section}.{key}: ["
            raise levels.error(f"{said}{', '.join(shown(v) for v in levels.value)}]", key=True)


def read_trials(entry: Entry) -> Factor:
    """Read `trials:`: {label: {path: value, ...}, ...}."""
    levels = _named(entry)
    if not levels:
        raise entry.error("trials is empty; name at least one trial")
    return Factor(TRIAL, tuple(levels))


def _listed(name: str, entry: Entry) -> list[Level]:
    if not isinstance(entry.value, (list, tuple)):
        raise entry.expected("a list of levels, or a mapping of named levels to settings")
    key = entry.source.mark(entry.path, key=True)
    path = setting_path(name, entry, key)
    items = entry.items()
    labels = labels_of([item.value for item in items])
    return [
        Level(label, (Setting(path, item, key),), item)
        for label, item in zip(labels, items, strict=True)
    ]


def labels_of(values: Sequence[object]) -> list[str]:
    """Return the label of each value; numbers equal in six digits have all their digits."""
    short = Counter(map(label_of, values))
    return [label_of(value, exact=short[label_of(value)] > 1) for value in values]


def _named(entry: Entry) -> list[Level]:
    levels = []
    for label, level in entry.keys().items():
        if level.value is None:
            level = Entry({}, level.path, level.source, level.problems)
        with entry.problems.collect(level):
            if not label.strip():
                raise level.error(
                    f"a label must contain a visible character, got {label!r}", key=True
                )
            levels.append(Level(label, tuple(read_settings(level)), level))
    return levels


def read_settings(entry: Entry, others: Collection[str] = ()) -> list[Setting]:
    """Read {dotted path: value, ...}; `others` as in `setting_path`."""
    settings = []
    for name, value in entry.keys().items():
        key = entry.source.mark(value.path, key=True)
        with entry.problems.collect(value):
            settings.append(Setting(setting_path(name, value, key, others), value, key))
    return settings


def setting_path(
    name: str, entry: Entry, key: Mark | None = None, others: Collection[str] = ()
) -> Path:
    """Split a dotted path; raises ConfigError, with the nearest one, if it starts in no section.

    Args:
        others: other valid names to suggest.
    """
    path = tuple(name.split("."))
    if path[0] not in SECTIONS or not all(path):
        hint = did_you_mean(nearest(name, others) or nearest_setting(name))
        known = f"a setting starts with one of: {', '.join(SECTIONS)}"
        more = f"; other names: {', '.join(others)}" if others else ""
        raise entry.error(f"unknown setting {name!r}{hint} ({known}{more})", key=True)
    return path


def label_of(value: object, *, exact: bool = False) -> str:
    """Format a level: `0.001`, `300-100`, `adam, beta_1 0.91`, `none`.

    Args:
        exact: show all digits of numbers instead of six.
    """
    label = partial(label_of, exact=exact)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if exact else f"{value:g}"
    if isinstance(value, Mapping):
        main = [label(value[k]) for k in ("name", "family") if k in value]
        rest = [f"{k} {label(v)}" for k, v in value.items() if k not in ("name", "family")]
        return ", ".join(main + rest) or "none"
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(v, (list, tuple)) for v in value)
        return (", " if nested else "-").join(map(label, value)) or "none"
    return str(value)


def clash(setting: Setting, factors: Sequence[Factor]) -> None:
    """Raise ConfigError, at its place, if a setting fixes what a factor varies."""
    fixed = ".".join(map(str, setting.path))
    for factor in factors:
        if (factor.name + ".").startswith(fixed + ".") and setting.path[0] in SECTIONS:
            said = f"{fixed} cannot be set, because this study varies {factor.name}"
            raise setting.entry.error(said, key=True)
