"""Which parts of a configuration come from plugins, and from which version of them.

The digest of a plugin's file is part of the name of every run that uses a part of it. So a changed
plugin never mixes old runs with new ones, and a plugin that a study only loads changes no name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.core.config import Entry, Source
from assay.core.plugins import digest_of, load, look_in
from assay.core.records import Config
from assay.core.registry import CodePlace, Registry
from assay.data.catalog import ENTRIES
from assay.engines.engine import ENGINES
from assay.engines.optimizers.optimizer import OPTIMIZERS
from assay.engines.pretraining import PRETRAININGS
from assay.engines.schedules import SCHEDULES
from assay.networks.families import FAMILIES
from assay.networks.modules import own_files
from assay.tasks.task import TASKS

__all__ = ["PLUGINS", "plugin_digests", "read_plugins"]

PLUGINS = "plugins"
"""Key of a study, and of the configurations that use a part of a plugin."""


def read_plugins(source: Source, folder: Path | None) -> None:
    """Load the plugins that a study names, before anything of it is read.

    Args:
        folder: that of the study's file; None for a study made in Python or a built-in one.

    Raises:
        ConfigError: with its place, for a plugin that cannot be loaded.
    """
    look_in(folder)
    given = source.data.get(PLUGINS) if isinstance(source.data, dict) else None
    if given is None:
        return
    entry = Entry(given, (PLUGINS,), source)
    entries = [entry] if isinstance(given, str) else entry.items()
    for item in entries:
        with item.problems.collect(item):
            load(item.text(), folder)
        item.problems.raise_if_any()


def plugin_digests(config: Mapping[str, Any]) -> dict[str, str]:
    """File name -> digest of every plugin that registered a part of this configuration, and of the
    files of a network of the user's own."""
    places = [registry.place(name) for registry, name in _used(config)]
    foreign = [Path(place.file) for place in places if _is_foreign(place)]
    found = {file.name: digest_of(file) for file in foreign} | own_files(config["network"])
    return dict(sorted(found.items()))


def _used(config: Config | Mapping[str, Any]) -> Iterator[tuple[Registry[Any], str]]:
    yield ENTRIES, config["dataset"]["name"]
    yield FAMILIES, config["network"]["family"]
    task = config["task"]
    yield TASKS, task if isinstance(task, str) else task["name"]
    training = config["training"]
    yield OPTIMIZERS, training["optimizer"]["name"]
    for key, registry in (("schedule", SCHEDULES), ("pretrain", PRETRAININGS)):
        if training.get(key):
            yield registry, training[key]["name"]
    if config["engine"] in ENGINES.names():
        yield ENGINES, config["engine"]


def _is_foreign(place: CodePlace) -> bool:
    """Whether a part is not assay's own; a prompt or a notebook's cell has no file to look at."""
    return not place.module.startswith("assay.") and Path(place.file).is_file()
