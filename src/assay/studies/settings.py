"""One configuration of a study, read into its canonical form: plain JSON data, defaults filled in.

Two ways to write the same configuration give equal data, so its hash is its identity.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import assay.engines
from assay.core.config import Entry, Option, Source, read_options
from assay.core.config import Path as Keys
from assay.core.errors import nearest
from assay.core.options import REQUIRED, choice, deferred, needs
from assay.core.records import Config, Spec
from assay.data import problems as dataset_problems
from assay.data import resolve
from assay.data.specs import LATER, SETTINGS
from assay.engines.engine import ENGINES
from assay.networks.families import FAMILIES, read_network
from assay.studies.training import TRAINING, read_training
from assay.tasks.task import TASKS, find_task, task_options

__all__ = [
    "CHOICES",
    "NEEDED",
    "PRECISIONS",
    "SECTIONS",
    "engine_names",
    "nearest_setting",
    "put_dataset",
    "read_config",
    "setting_names",
    "shorthand",
]

SECTIONS = ("dataset", "network", "training", "task", "engine", "precision")
"""Sections of a configuration, besides the seed."""

PRECISIONS = ("auto", "float32", "bfloat16", "float64")

TASK = "classify"
"""The default task of a study."""

NEEDED: dict[str, Option] = {
    "dataset": deferred(
        REQUIRED,
        help="The dataset to learn from.",
        schema={"$ref": "#/$defs/dataset"},
        accepts="a dataset, or a mapping with its `name` (see Dataset)",
        example={"name": "mnist", "train": 10_000},
    ),
    "network": deferred(
        REQUIRED,
        help="The network of the baseline.",
        schema={"$ref": "#/$defs/network"},
        accepts="a network family, or a mapping with its `family` (see Network)",
        example={"family": "mlp", "hidden": [64]},
    ),
}
"""Sections that every study must have."""
_SHORTHAND = {
    "dataset": "name",
    "task": "name",
    "network": "family",
    "training.optimizer": "name",
    "training.schedule": "name",
    "training.early_stopping": "patience",
    "network.kernel_initializer": "name",
    "network.bias_initializer": "name",
    "search.sampler": "name",
}


def shorthand(path: Keys) -> str | None:
    """Return the setting that a plain value at `path` means: `name` in `optimizer: sgd`."""
    return _SHORTHAND.get(".".join(map(str, path)))


def engine_names() -> list[str]:
    """Return the names of engines, without importing any of them."""
    modules = (m.name for m in pkgutil.iter_modules(assay.engines.__path__))
    own = {m.removesuffix("_engine") for m in modules if m.endswith("_engine")}
    return sorted(own.union(ENGINES.names()))


def setting_names() -> list[str]:
    """Return every dotted path of a setting."""
    known = {f"training.{k}" for k in TRAINING}
    known |= {f"dataset.{k}" for k in ("name", *SETTINGS, *LATER)}
    for family in FAMILIES.usable():
        known |= {f"network.{k}" for k in ("family", *FAMILIES[family].options)}
    known |= {f"task.{k}" for name in TASKS.usable() for k in ("name", *task_options(name))}
    return sorted(known | set(SECTIONS))


def nearest_setting(path: str) -> str | None:
    """Return the nearest known dotted path, even if its section is missing."""
    known = setting_names()
    by_last = {k.rsplit(".", 1)[-1]: k for k in known}
    # there are so many last words that some are a little like any word
    last = nearest(path.rsplit(".", 1)[-1], by_last, cutoff=0.75)
    return nearest(path, known) or (by_last[last] if last else None)


def put_dataset(source: Source, spec: Mapping[str, object] | None) -> None:
    """Make data given in Python the dataset of a study, keeping its other settings.

    Raises:
        ConfigError: the study names a dataset itself.
    """
    if not spec or not isinstance(source.data, dict):
        return
    given = source.data.get("dataset") or {}
    entry = Entry(given, ("dataset",), source)
    own = [key for key in ("name", *spec) if isinstance(given, dict) and key in given]
    if not isinstance(given, dict) or own:
        named = given[own[0]] if own else given
        raise entry.error(f"data= is given, but this study has dataset {named!r}; leave out one")
    source.data["dataset"] = {**spec, **given}


def read_config(entry: Entry, folders: Sequence[Path] = ()) -> Config:
    """Read the sections of a configuration into canonical data; keys besides them are ignored.

    Args:
        folders: where relative names of the user's own arrays are looked up.

    Errors are added to `entry.problems`; the result is only valid if there are none.
    """
    problems, given = entry.problems, entry.keys()
    config: Config = {}
    readers = {"dataset": partial(_read_dataset, folders=folders), "network": read_network}
    for section, read in readers.items():
        if section not in given or given[section].value is None:
            problems.add(entry.error(needs("a study", section, NEEDED[section])))
            continue
        with problems.collect(given[section]):
            config[section] = read(given[section])
    training = given.get("training") or _empty(entry, "training")
    with problems.collect(training):
        config["training"] = read_training(training)
    if "network" in config and not FAMILIES[config["network"]["family"]].recipe:
        config["training"] = {}
    stopping = config.get("training", {}).get("early_stopping")
    if stopping and config.get("dataset", {}).get("refit"):
        said = "training.early_stopping would stop by the validation images, on which dataset.refit"
        problems.add(training["early_stopping"].error(f"{said} trains; leave out one", key=True))
    config["task"] = TASK
    if "task" in given and given["task"].value is not None:
        with problems.collect(given["task"]):
            config["task"] = _read_task(given["task"])
    for section, option in CHOICES.items():
        config[section] = option.default
        if section in given and given[section].value is not None:
            with problems.collect(given[section]):
                config[section] = option.read(given[section])
    return config


CHOICES: dict[str, Option] = {
    "engine": choice(
        "torch", "engine", lambda: engine_names(), help="The engine that trains the networks."
    ),
    "precision": choice(
        "auto",
        "precision",
        PRECISIONS,
        help="Number format in training; `auto` is `float32` for dense networks, for others "
        "`bfloat16` where the hardware supports it.",
    ),
}
"""Sections that are a single choice."""


def _read_task(entry: Entry) -> Any:
    """Read a task's name, or {"name": ..., options...}; without options, return just its name.
    Options alone are those of the default task."""
    given = entry.value if isinstance(entry.value, dict) else {"name": entry.value}
    name, meant = TASK, {t for t in TASKS.usable() for key in given if key in task_options(t)}
    if "name" not in given and (meant - {TASK} or not given):
        raise entry.error(f"a task needs a name, one of: {', '.join(TASKS)}")
    if "name" in given:
        place = entry["name"] if isinstance(entry.value, dict) else entry
        name = place.choice("task", list(TASKS))
    rest = {key: value for key, value in given.items() if key != "name"}
    inner = Entry(rest, entry.path, entry.source, entry.problems)
    options = read_options(inner, f"option of task {name}", task_options(name))
    task = {"name": name, **options} if options else name
    if not entry.problems:
        with entry.problems.collect(entry):
            find_task(task)  # which checks combinations
    return task


def _empty(entry: Entry, key: str) -> Entry:
    return Entry({}, (*entry.path, key), entry.source, entry.problems)


def _read_dataset(entry: Entry, folders: Sequence[Path]) -> Spec:
    if not isinstance(entry.value, (str, dict)):
        raise entry.expected("a dataset's name or a mapping with its name")
    spec = {"name": entry.value} if isinstance(entry.value, str) else entry.value
    found = dataset_problems(spec, folders)
    for key, message in found.items():
        known = isinstance(entry.value, dict) and key in entry.value
        said = message.removeprefix(f"dataset.{key}: ") if known else message
        unknown = known and said.startswith("unknown setting")
        place = entry[key] if known else entry
        entry.problems.add(place.error(said, key=unknown))
    return {} if found else resolve(spec, folders)
