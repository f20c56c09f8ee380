"""The parts of a run's identity that are not in its study: versions, plugins, number format.

The name of a run includes the digest of every plugin file of which it uses a part, and the version
of each part of assay whose numbers have changed since its first version. So old runs are never
mixed with new ones, and a plugin that a study only loads does not change names.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.core.code_digests import digest_of_code, keyed, loaded_digest, with_imports
from assay.core.config import Entry, Source
from assay.core.errors import CodeChangedError
from assay.core.imports import is_library
from assay.core.plans import PlanData
from assay.core.plugins import digest_of, load, look_in
from assay.core.records import Config, Spec, run_id
from assay.core.registry import CodePlace, Registry
from assay.data.catalog import ENTRIES
from assay.data.transforms import TRANSFORMS, switched_on
from assay.data.unchanged import FINGERPRINT, identified
from assay.engines.augmentations import AUGMENTATIONS, FILLED
from assay.engines.engine import ENGINES
from assay.engines.optimizers.optimizer import OPTIMIZERS
from assay.engines.precision import resolve_precision
from assay.engines.pretraining import PRETRAININGS
from assay.engines.schedules import SCHEDULES
from assay.engines.streams import MASKS, NOISE
from assay.engines.whitening import FILTERS
from assay.networks.families import FAMILIES
from assay.networks.modules import own_digests
from assay.tasks.task import TASKS

__all__ = [
    "PLUGINS",
    "VERSIONS",
    "identify",
    "of_earlier_versions",
    "read_plugins",
    "used_parts",
    "versions_of",
]

PLUGINS = "plugins"
"""Key of a study, and of the configurations that use a part of a plugin."""

_OURS = ("torch", "numpy")
"""Engines that draw what layers need as `assay.engines` does."""

_LAYERS = {"dropout": MASKS, "gaussian_noise": NOISE, "whitening": FILTERS}
"""Versions of the layers for which they draw."""

VERSIONS = "versions"
"""Key of the configurations that use a part whose version is not 1: "task mine" -> 2."""


def read_plugins(source: Source, folder: Path | None) -> None:
    """Load the plugins that a study names, before the rest of it is read.

    Args:
        folder: folder of the study's file; None for a built-in study or one made in Python.

    Raises:
        ConfigError: a plugin cannot be loaded; with its place.
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


def identify(config: Config, device: str = "auto", data_dir: Path | None = None) -> None:
    """Add to a configuration the parts of its runs' identity that are not in a study.

    These are the content of the user's own files, the number format of `precision: auto`, the
    versions of its parts, and the digests of their plugins.

    Args:
        device: the device on which it will train, if known.
        data_dir: folder of the user's files.
    """
    for section in _with_datasets(config):
        section["dataset"] = identified(section["dataset"], data_dir)
    config["precision"] = resolve_precision(config, device)
    if versions := versions_of(config):
        config[VERSIONS] = versions
    if digests := _plugin_digests(config):
        config[PLUGINS] = digests


def of_earlier_versions(
    runs: Mapping[str, Config],
    present: Callable[[Iterable[str]], set[str]],
    plan: PlanData | None = None,
) -> dict[str, int]:
    """Count runs that are missing under their names but stored under those of earlier versions.

    Args:
        runs: name -> configuration of every run.
        present: function from names to those that are stored.
        plan: the earlier stored plan of the study, whose plugins may differ.

    Returns:
        Reason of the difference -> number of runs.
    """
    stored = present(runs)
    before = [
        (run, run_id(older), why)
        for run, config in runs.items()
        if run not in stored
        for older, why in _earlier(config)
    ]
    found = present([name for _, name, _ in before])
    reasons = {run: why for run, name, why in before if name in found}
    if len(stored) < len(runs):
        others = dict(_of_other_plugins(runs.values(), plan or {}))
        reasons |= {run: others[run] for run in present(others)}
    return dict(Counter(reasons.values()))


def _earlier(config: Config) -> Iterator[tuple[Config, str]]:
    """Yield earlier versions of this configuration, with the difference."""
    now = config.get(VERSIONS, {})
    rest = {key: value for key, value in config.items() if key != VERSIONS}
    formats = dict.fromkeys([config["precision"], "auto"])
    older = [{**now, part: v} for part, last in now.items() for v in range(1, last)]
    for versions in (now, *older):
        kept = {part: version for part, version in versions.items() if version > 1}
        why = [
            f"{part} has had version {versions[part]}, now {last}"
            for part, last in now.items()
            if versions[part] != last
        ]
        for precision in formats:
            unsaid = precision != config["precision"]
            said = [*why, *["their identities do not include their precision"] * unsaid]
            if said:
                before = {**rest, "precision": precision} | ({VERSIONS: kept} if kept else {})
                yield before, " and ".join(said)


def _of_other_plugins(configs: Iterable[Config], plan: PlanData) -> Iterator[tuple[str, str]]:
    """Return the runs of a stored plan whose plugins have changed, and these plugins."""
    now: dict[str, str] = {}
    for config in configs:
        now |= _outside(config)
    for trial in plan.get("trials", ()):
        before = _outside(trial.get("config", {}))
        changed = [file for file in before if now.get(file, before[file]) != before[file]]
        if changed:
            have = "has" if len(changed) == 1 else "have"
            yield from ((run, f"{' and '.join(changed)} {have} changed") for run in trial["runs"])


def _outside(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the user's own code and files, by what changes with them."""
    found = dict(config.get(PLUGINS, {}))
    data = config.get("dataset")
    if isinstance(data, Mapping) and FINGERPRINT in data:
        place = data.get("path") or data.get("images") or f"dataset {data['name']}"
        found[f"the content of {place}"] = data[FINGERPRINT]
    return found


def versions_of(config: Config) -> dict[str, int]:
    """Return the versions of a configuration's parts that are not 1, by part."""
    found: dict[str, int] = {}
    for registry, name, spec in _used(config):
        part = f"{registry.kind} {name}"
        found[part] = max(found.get(part, 1), _version(registry, name, spec))
    if config["engine"] in _OURS:
        layers = ((n, v) for n, v in _LAYERS.items() if _has(config["network"], n))
        found |= {f"layer {name}": version for name, version in layers}
    uncentred = config["dataset"].get("normalize") in ("unit", "none")
    if uncentred and "cutout" in (config["training"].get("augment") or {}):
        found["augmentation cutout"] = FILLED
    return {part: version for part, version in sorted(found.items()) if version > 1}


def _has(described: object, layer: str) -> bool:
    """Whether (a part of) the canonical description of a network has such a layer, "dropout"."""
    if isinstance(described, Mapping):
        named = (value for key, value in described.items() if str(key).endswith(layer))
        return any(named) or any(_has(value, layer) for value in described.values())
    return isinstance(described, list) and any(x == layer or _has(x, layer) for x in described)


def _version(registry: Registry[Any], name: str, spec: Spec) -> int:
    """Return the version of a part; that of its settings, if it has one, counts as well."""
    version_of = getattr(registry[name], "version_of", None)
    return registry.version(name) + (version_of(spec) - 1 if version_of else 0)


def _plugin_digests(config: Config) -> dict[str, str]:
    """Return file name -> digest of every plugin with a part of this configuration, and of the
    files of a user-defined network, with what these files import from beside them. A part of a
    notebook's cell has no file, but its name."""
    files = own_digests(config["network"])
    cells = {}
    for registry, name in used_parts(config):
        place = registry.place(name)
        if place.module.startswith("assay."):
            continue
        if Path(place.file).is_file() and not place.in_cell:
            files |= dict(_written_in(registry, name)) | {Path(place.file): _digest_of(place)}
        else:
            cells[f"{registry.kind} {name}"] = digest_of_code(registry[name], place.module)
    files = with_imports(files)
    found = {key: files[file] for key, file in keyed(files).items()}
    return dict(sorted((found | cells).items()))


def _written_in(registry: Registry[Any], name: str) -> Iterator[tuple[Path, str]]:
    """Yield file and digest of the modules in which a part is written, where another one registers
    it; of other packages' modules the provenance tells the version."""
    package = registry.place(name).module.partition(".")[0]
    for module in map(sys.modules.get, registry.modules(name)):
        file = Path(str(getattr(module, "__file__", None) or ""))
        if module is None or module.__name__.startswith("assay.") or not file.is_file():
            continue
        if not is_library(file) or module.__name__.partition(".")[0] == package:
            yield file, loaded_digest(module)


def _with_datasets(config: Config) -> Iterator[dict[str, Any]]:
    """Yield what trains on a dataset: the configuration, and its pretraining."""
    yield config
    pretrain = config["training"].get("pretrain")
    if pretrain and "dataset" in pretrain:
        yield pretrain


def used_parts(config: Config) -> Iterator[tuple[Registry[Any], str]]:
    """Yield the registered parts of a configuration: registry and name."""
    for registry, name, _ in _used(config):
        yield registry, name


def _used(config: Config) -> Iterator[tuple[Registry[Any], str, Spec]]:
    """Yield registry and name of the parts of a configuration, with the settings of datasets and of
    pretraining; {} for others."""
    for section in _with_datasets(config):
        yield ENTRIES, section["dataset"]["name"], section["dataset"]
        for name in switched_on(section["dataset"]):
            yield TRANSFORMS, name, {}
    yield FAMILIES, config["network"]["family"], {}
    task = config["task"]
    yield TASKS, task if isinstance(task, str) else task["name"], {}
    training = config["training"]
    named = (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("pretrain", PRETRAININGS))
    for key, registry in named:
        if training.get(key):
            yield registry, training[key]["name"], training[key] if key == "pretrain" else {}
    for name in training.get("augment") or {}:
        if name in AUGMENTATIONS:
            yield AUGMENTATIONS, name, {}
    if config["engine"] in ENGINES.names():
        yield ENGINES, config["engine"], {}


def _digest_of(place: CodePlace) -> str:
    """Return the digest of a part's file; CodeChangedError if it is no longer what was loaded."""
    found = digest_of(Path(place.file))
    if place.digest not in ("", found):
        raise CodeChangedError(place.file)
    return found
