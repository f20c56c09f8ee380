"""From configurations to members and cohorts.

`cohorts` separates structure from values: runs with different programs are in different cohorts,
runs that differ only in numbers are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from assay.core.code_places import is_own
from assay.core.config import Entry, Source
from assay.core.errors import ConfigError, NetworkError
from assay.core.plugins import load_recorded
from assay.core.records import VALIDATION_ONLY, Config, content_hash
from assay.data import Info, describe, load
from assay.engines.augmentations import ALTERNATING
from assay.engines.engine import Cohort, Member, check_engine
from assay.engines.own_recipes import try_recipe
from assay.engines.training import Training
from assay.networks.description import structure
from assay.networks.families import build_network
from assay.networks.modules import own_files
from assay.networks.network import Network
from assay.studies.parts import PLUGINS
from assay.studies.training import build_training
from assay.tasks.contracts import heads_of, try_task
from assay.tasks.task import Task, find_task, least_images, parts_of, takes_soft_targets

__all__ = [
    "check_config",
    "checked_info",
    "cohort_key",
    "cohorts",
    "resolve_info",
    "resolve_member",
    "resolve_network",
    "try_tasks",
]


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def resolve_info(config: Config, data_dir: Path | None = None) -> Info:
    """Describe the dataset of a configuration without reading its images."""
    load_recorded(config.get(PLUGINS, {}))
    return _info(_text(config["dataset"]), data_dir, _text(config.get(PLUGINS, {})))


@lru_cache(maxsize=256)
def _info(dataset: str, data_dir: Path | None, plugins: str) -> Info:
    """Describe a dataset once; with other `plugins`, its name may stand for another one."""
    return describe(json.loads(dataset), data_dir)


def resolve_network(config: Config, data_dir: Path | None = None) -> Network:
    """Build the network of a configuration for its dataset and task.

    Raises:
        NetworkError: the network is impossible; the message names the layer.
    """
    load_recorded(config.get(PLUGINS, {}))
    texts = (_text(config[section]) for section in ("network", "dataset", "task"))
    plugins = _text(config.get(PLUGINS, {}))
    return _network(*texts, data_dir, plugins, _text(_unchanged(config)))


def _unchanged(config: Config) -> dict[str, str]:
    """Check the digests of the files of a user-defined network; ConfigError if one has changed."""
    found, recorded = own_files(config["network"]), config.get(PLUGINS, {})
    for name, digest in found.items():
        if recorded.get(name, digest) != digest:
            raise ConfigError(
                f"{name} has changed since this run was trained: it has digest {digest}, expected "
                f"{recorded[name]}"
            )
    return found


@lru_cache(maxsize=4096)
def _network(
    network: str, dataset: str, task: str, data_dir: Path | None, plugins: str, files: str
) -> Network:
    """Build a network once for each digest of the `plugins` and `files` that it is written in."""
    info = _info(dataset, data_dir, plugins)
    found = find_task(json.loads(task))
    heads = heads_of(found, info)  # type: ignore[arg-type]  # the outline is enough for heads
    return build_network(json.loads(network), info.image_shape, heads, parts_of(found))


def resolve_member(config: Config, data_dir: Path | None = None) -> Member:
    """Turn the configuration of a run (with its seed) into the objects that an engine trains."""
    info = resolve_info(config, data_dir)
    training = build_training(config["training"])
    task = find_task(config["task"])
    if training.pretrain:
        training.pretrain.check(task.name, info, data_dir)
    _check_methods(training, task)
    network = resolve_network(config, data_dir)
    check_engine(network, config["engine"])
    return Member(config, network, training.on(info.train), int(config["seed"]))


def check_config(config: Config, data_dir: Path | None = None) -> None:
    """Check that the configuration of a trial can be trained on the images of its dataset.

    Raises:
        AssayError: it cannot; of an impossible network, the message says what the images are.
    """
    info = resolve_info(config, data_dir)
    try:
        member = resolve_member({**config, "seed": 0}, data_dir)
    except NetworkError as error:
        shape = "x".join(map(str, info.image_shape))
        raise NetworkError(f"{error} (images of {info.name} are {shape})") from None
    heads = heads_of(find_task(config["task"]), info)  # type: ignore[arg-type]  # as above
    classes = max(heads.values(), default=1)  # of the only output, where targets are soft
    try_recipe(member.training, info.train, info.image_shape, classes)


def try_tasks(configs: Iterable[Config], data_dir: Path | None = None) -> None:
    """Try the tasks of the user's own on the targets of their datasets, which are read for it.

    Raises:
        ConfigError: a task does not do what `Task` says.
    """
    tried = {}
    for config in configs:
        data = config["dataset"]
        tried[_text(config["task"]), data["name"], data.get("fingerprint")] = config
    for config in tried.values():
        task = find_task(config["task"])
        if is_own(task):
            try_task(task, load(config["dataset"], data_dir))


def checked_info(config: Config, source: Source, data_dir: Path | None = None) -> Info:
    """Describe the dataset of a trial, which has as many images as its task needs, and images for
    validation, by which every engine selects.

    Args:
        source: the study, for the places of errors.

    Raises:
        ConfigError: a part has too few, or the task has no outputs for it.
    """
    info, task = resolve_info(config, data_dir), find_task(config["task"])
    try:
        heads_of(task, info)  # type: ignore[arg-type]  # the outline is enough for heads
    except ConfigError as error:
        raise Entry(None, ("task",), source).error(str(error)) from None
    for part, least in ({"validation": 1} | dict(least_images(task))).items():
        if (count := getattr(info, part)) < least:
            images = f"{part} image{'s' * (least != 1)}"
            place = Entry(None, ("dataset", part), source)
            raise place.error(f"task {task.name} needs at least {least} {images}, got {count}")
    return info


def _check_methods(training: Training, task: Task) -> None:
    """Raise ConfigError for a method of a recipe that the task does not support."""
    if training.softens and not takes_soft_targets(task):
        mixing = [a.kind for a in training.augment.others if a.changes_targets]
        said = f"training.augment.{mixing[0]}" if mixing else "training.label_smoothing"
        raise ConfigError(f"{said} changes class targets, which task {task.name} does not have")
    single = {
        f"training.augment.flip: {ALTERNATING}": training.augment.flip == ALTERNATING,
        "training.swa": training.swa,
        "training.lookahead": training.lookahead,
    }
    for name in (name for name, given in single.items() if given and parts_of(task)):
        raise ConfigError(
            f"{name} is for tasks that train one network, got task {task.name}, which trains "
            f"{' and '.join(parts_of(task))}; leave it out"
        )


def cohort_key(member: Member) -> str:
    """Return the identity of a member's program; members with equal keys can train together."""
    config = member.config
    shared = [config["dataset"], config["task"], config["engine"], config["precision"]]
    shared += [config[VALIDATION_ONLY]] if VALIDATION_ONLY in config else []
    return content_hash([*shared, member.network.structure, structure(member.training)])


def cohorts(configs: Iterable[Config], data_dir: Path | None = None) -> list[Cohort]:
    """Group runs into cohorts, in order of first appearance; duplicates are dropped."""
    groups: dict[str, dict[str, Member]] = {}
    for config in configs:
        member = resolve_member(config, data_dir)
        groups.setdefault(cohort_key(member), {}).setdefault(_text(config), member)
    return [
        Cohort(tuple(group.values()), next(iter(group.values())).config["task"])
        for group in groups.values()
    ]
