"""Scales, which are smaller versions of a study, and changes from the command line.

`full` is the study as written. `quick` and `smoke` are defined by its `scales:`, or else derived
from each configuration.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from assay.core.config import Entry, LocatedError, Mark, Problems, Source
from assay.core.errors import ConfigError, unknown_name
from assay.core.records import Config
from assay.core.yaml import read_yaml
from assay.data import Info, resolve
from assay.studies.factors import Factor, Setting, clash, read_settings, setting_path
from assay.studies.names import read_scale_name
from assay.studies.settings import shorthand

__all__ = [
    "Changes",
    "StudyChanges",
    "command_of",
    "from_command_line",
    "read_scale",
    "setting_of",
    "shrink",
]

_NUMBERS = ("repeats", "seed", "save_weights")
"""Keys of a study that --set may change."""

_WHOLE = (*_NUMBERS, "factors", "trials", "design", "search")
"""Keys of a study that a scale may replace; also single keys of the search (`search.trials`)."""

_AUTOMATIC = {
    "quick": {"epochs": 5, "steps": 500, "train": 10_000, "repeats": 3},
    "smoke": {"epochs": 1, "steps": 20, "train": 500, "repeats": 2},
}


class StudyChanges(TypedDict, total=False):
    """Settings of `parse_study`, as the command line and the Python interface pass them on."""

    scale: str
    set: Sequence[str]
    seed: int | None
    repeats: int | None
    precision: str | None
    engine: str | None
    data_dir: Path | None
    dataset: Mapping[str, object] | None
    device: str
    store: Path | None


def command_of(
    study: str, scale: str, assignments: Iterable[str], given: Mapping[str, object]
) -> str:
    """Return the command that runs a study with these changes, as a shell reads it."""
    words = ["assay", "run", study, *(["--scale", scale] if scale != "full" else [])]
    words += [word for text in assignments for word in ("--set", text)]
    words += [word for key, value in given.items() for word in (f"--{key}", str(value))]
    return shlex.join(words)


@dataclass(frozen=True)
class Changes:
    """Changes of a scale and a command line.

    Attributes:
        settings: settings by dotted path that override the levels of every trial.
        keys: entries that replace keys of the study ("repeats", "factors").
        automatic: name of the scale that `shrink` has to make, or None.
    """

    settings: tuple[Setting, ...] = ()
    keys: dict[str, Entry] = field(default_factory=dict)
    automatic: str | None = None

    @property
    def repeats(self) -> int | None:
        """Return the maximum number of repeats of an automatic scale."""
        return _AUTOMATIC[self.automatic]["repeats"] if self.automatic else None

    def beside(self, factors: Sequence[Factor], problems: Problems) -> Changes:
        """Return the changes without those that fix a factor, which are added to the problems."""
        kept = []
        for setting in self.settings:
            with problems.collect():
                clash(setting, factors)
                kept.append(setting)
        return replace(self, settings=tuple(kept))

    def in_search(self, top: dict[str, Entry], source: Source, problems: Problems) -> Source:
        """Apply changes of single keys of the search, such as `search.trials`, to `top`; return the
        source with them."""
        inner = {name: e for name, e in self.keys.items() if name.startswith("search.")}
        if not inner or "search" not in top:
            for name, entry in inner.items():
                problems.add(entry.error(f"{name}: this study has no search", key=True))
            return source
        changed = source.copy()
        changed.put(("search",), top["search"], shorthand)
        for name, entry in inner.items():
            with problems.collect(entry):
                changed.put(_path_in(changed.data, name), entry, shorthand)
        top["search"] = Entry(changed.data["search"], ("search",), changed, problems)
        return changed


def _path_in(data: Any, name: str) -> tuple[str, ...]:
    """Return the path of a key of a search. Keys of its `space`, `set` and `retrain` are dotted
    themselves; one that is there is found, any other is new as a whole."""
    search, key, *rest = name.split(".")
    path, here = [search, key], _mapping(_mapping(data[search]).get(key))
    while rest:
        ends = range(len(rest), 0, -1)
        known = [n for n in ends if isinstance(here.get(".".join(rest[:n])), dict)]
        end = known[0] if known else len(rest)
        path.append(".".join(rest[:end]))
        here, rest = _mapping(here.get(path[-1])), rest[end:]
    return tuple(path)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def read_scale(scales: Entry | None, name: str) -> Changes:
    """Read the scale `name` of a study's `scales:`.

    Raises:
        ConfigError: the scale is unknown, or sets something that it cannot.
    """
    written = scales.keys() if scales else {}
    for key, entry in written.items():
        with entry.problems.collect():
            read_scale_name(entry, key)
    if "full" in written:
        raise written["full"].error("full is the study as written and cannot be changed", key=True)
    if name == "full":
        return Changes()
    if name not in written:
        if name in _AUTOMATIC:
            return Changes(automatic=name)
        raise ConfigError(unknown_name("scale", name, {"full", *_AUTOMATIC, *written}))
    scale = written[name]
    keys = {key: entry for key, entry in scale.keys().items() if _is_whole(key)}
    rest = {key: value for key, value in scale.value.items() if key not in keys}
    inner = Entry(rest, scale.path, scale.source, scale.problems)
    return Changes(tuple(read_settings(inner, _WHOLE)), keys)


def _is_whole(key: str) -> bool:
    return key in _WHOLE or key.startswith("search.")


def from_command_line(
    changes: Changes,
    assignments: Iterable[str],
    given: Mapping[str, object],
    problems: Problems,
) -> Changes:
    """Add `path=value` strings of --set to the changes of a scale; they take precedence.

    Args:
        given: values of other arguments, such as --repeats, which may not be set as well.
    """
    settings, keys = list(changes.settings), dict(changes.keys)
    before = {name: f"--{name} {value}" for name, value in given.items()}
    for text in assignments:
        with problems.collect():
            name, entry = _assignment(text, problems)
            meant = setting_of(text)
            if meant in before:
                said = f"{before[meant]} sets it as well; expected one of the two"
                raise LocatedError(said, Mark(f"--set {text}"))
            before[meant] = f"--set {text}"
            if name in _NUMBERS or name.startswith("search."):
                keys[name] = entry
            else:
                path = setting_path(name, entry, others=_NUMBERS)
                settings = [s for s in settings if s.path != path]
                settings.append(Setting(path, entry, entry.source.mark(entry.path)))
    return replace(changes, settings=tuple(settings), keys=keys)


def setting_of(text: str) -> str:
    """Return the setting that a `path=value` string sets: dataset.name for `dataset=mnist`."""
    name, _, value = (part.strip() for part in text.partition("="))
    short = None if value.startswith("{") else shorthand(tuple(name.split(".")))
    return f"{name}.{short}" if short else name


def _assignment(text: str, problems: Problems) -> tuple[str, Entry]:
    name, equals, value = text.partition("=")
    where = Mark(f"--set {text}")
    if not equals or not name.strip():
        raise LocatedError("expected path=value, for example training.epochs=5", where)
    try:
        data = read_yaml(value, "--set").data
    except ConfigError as error:
        said = str(error).split(": ", 1)[-1]
        raise LocatedError(said, where) from None
    path = tuple(name.strip().split("."))
    return name.strip(), Entry(data, path, Source(data, {path: where}, {path: where}), problems)


def shrink(config: Config, scale: str, info: Info, factors: Iterable[Factor]) -> Config:
    """Make a configuration smaller for an automatic scale, except what factors vary."""
    limits, varied = _AUTOMATIC[scale], frozenset[str]().union(*(f.varied for f in factors))
    training, dataset = dict(config["training"]), dict(config["dataset"])
    for key in ("epochs", "steps"):
        if key in training and f"training.{key}" not in varied:
            training[key] = min(training[key], limits[key])
    if "steps" in training and training.get("evaluate_every", 0) > training["steps"]:
        del training["evaluate_every"]
    if "dataset.train" not in varied and info.train > limits["train"]:
        dataset["train"] = limits["train"]
        if dataset.get("validation") is not None and "dataset.validation" not in varied:
            dataset["validation"] = min(info.validation, limits["train"] // 5)
    return {**config, "training": training, "dataset": resolve(dataset)}
