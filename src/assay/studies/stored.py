"""Whether a study can begin with the runs of a store that it names, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from assay.core.config import Entry, Problems, Source
from assay.core.errors import ConfigError, did_you_mean, nearest
from assay.core.records import VARIES, Config, Record, Spec
from assay.core.store import Store
from assay.engines.engine import Member
from assay.engines.pretraining import stored_runs
from assay.engines.stored import trunk_problem
from assay.networks.description import structure
from assay.networks.families import build_network
from assay.networks.layers import Shape
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network
from assay.networks.table import layer_table
from assay.studies.members import resolve_member
from assay.studies.search.data import folded

__all__ = ["check_stored"]

_CONTENT = ("name", "path", "fingerprint", "seed")
"""Settings of a dataset that say which images there are."""

_SPLIT = ("split_seed", "folds", "fold", "validation")
"""Settings that say which of them are for validation; the test images depend on none."""


def check_stored(
    config: Config,
    source: Source,
    store: Path | None,
    data_dir: Path | None,
    problems: Problems,
    folds: int | None = None,
) -> None:
    """Check that a trial can begin with what its recipe names: another dataset or stored runs.

    A problem is that a run is not there or damaged, has no weights or another trunk, or that a run
    or the pretraining has learned from images that the trial is validated on.

    Args:
        source: the study with the settings of the trial, which says their places.
        store: None to take the runs on trust.
        problems: what is already wrong with the trial, which then is not looked at.
        folds: parts of the cross-validation in which a search trains it.
    """
    if problems or not (pretrain := config["training"].get("pretrain")):
        return
    validated = [config["dataset"], *(folded(config["dataset"], folds) if folds else [])]
    if other := pretrain.get("dataset"):
        with problems.collect(Entry(None, ("training", "pretrain", "dataset"), source)):
            if said := _seen(other, config, validated, "the pretraining"):
                raise ConfigError(
                    f"training.pretrain learns from validation images of this study: {said}"
                )
    if store is None:
        return
    member = resolve_member({**config, "seed": 0}, data_dir)
    with problems.collect(Entry(None, ("training", "pretrain", "run"), source)):
        for run in stored_runs(member.training):
            record, shapes, learned = _stored(store, run)
            here = f"run {run} of the store {store}"
            problem = trunk_problem(member.network, shapes) or _other_layer(member, record)
            if problem:
                raise ConfigError(f"{here} {problem}")
            for name, spec in learned:
                begun = "" if name == run else f" (through run {name}, with which it began)"
                if said := _seen(spec, config, validated):
                    raise ConfigError(
                        f"{here} has learned from validation images of this study{begun}: {said}"
                    )


def _stored(store: Path, run: str) -> tuple[Record, dict[str, Shape], list[tuple[str, Spec]]]:
    """Return a record, the shapes of its weights, and the data that it has learned from."""
    if not (store / "index.sqlite").exists():
        raise ConfigError(f"there is no store at {store}, which should hold run {run}")
    with Store(store, create=False, read_only=True) as opened:
        if not opened.recorded([run], failed=True):
            hint = did_you_mean(nearest(run, opened.run_ids()))
            raise ConfigError(f"there is no run {run} in the store {store}{hint}")
        record = opened.record(run)
        if record.status != "finished":
            raise ConfigError(f"run {run} of the store {store} has {record.status}")
        if not opened.has_weights(run):
            raise ConfigError(f"in the store {store}, {record.without_weights}")
        shapes = {name: array.shape for name, array in opened.weights(run).items()}
        return record, shapes, list(_learned(record, opened))


def _learned(record: Record | None, store: Store) -> Iterator[tuple[str, Spec]]:
    """Return the datasets of a run and of what it began with, each with the name of its run."""
    while record is not None:
        yield record.run_id, record.config["dataset"]
        pretrain = record.config["training"].get("pretrain") or {}
        if "dataset" in pretrain:
            yield record.run_id, pretrain["dataset"]
        before = pretrain.get("run")
        record = store.record(before) if before and store.recorded([before]) else None


def _other_layer(member: Member, record: Record) -> str:
    """Say which layer of the trunk computes something else there, as tanh does in place of relu."""
    own = member.network
    there = build_network(
        record.config["network"], own.input_shape, dict.fromkeys(dict(own.heads), 1)
    )
    if isinstance(there, OwnNetwork):
        return "has a network of its own code, whose trunk cannot be told from its head"
    names = [_texts(own), _texts(there)]
    pairs = zip_longest(own.trunk, there.trunk)
    for number, (mine, other) in enumerate(pairs):
        if structure(mine, numbers=False) != structure(other, numbers=False):
            place = f"trunk.{number}"
            said, found = (texts.get(place, "nothing") for texts in names)
            return f"has another trunk: {place} is {found} there, {said} in this network"
    return ""


def _texts(network: Network) -> dict[str, str]:
    return {row["name"]: row["layer"] for row in layer_table(network)}


def _seen(there: Spec, config: Config, validated: Iterable[Spec], whose: str = "the run") -> str:
    """Say why a run on these data has learned from validation images of a trial; "" if it has not.

    No study can learn from test images: which they are depends on no setting.

    Args:
        validated: data on which the trial is validated.
    """
    varies = "dataset.split_seed" in config.get(VARIES, {})
    return next((said for here in validated if (said := _overlap(there, here, varies, whose))), "")


def _overlap(there: Spec, here: Spec, varies: bool, whose: str) -> str:
    if here.get("validate_on_test") or any(there.get(name) != here.get(name) for name in _CONTENT):
        return ""
    if varies:
        return "the split varies between its runs"
    for name in ("refit", "validate_on_test"):
        if there.get(name):
            return f"{whose} has dataset.{name}"
    mine, theirs = here.get("validation"), there.get("validation")
    fewer = isinstance(mine, int) and isinstance(theirs, int) and mine <= theirs
    shares = isinstance(mine, float) or here.get("folds")  # of all images that are not for testing
    for name in (*_SPLIT, *(["train"] if shares else [])):
        if name == "validation" and fewer:
            continue  # a smaller part of one order lies within the larger one
        if there.get(name) != here.get(name):
            return f"its dataset.{name} is {here.get(name)}, that of {whose} {there.get(name)}"
    return ""
