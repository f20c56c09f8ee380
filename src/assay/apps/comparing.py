"""Comparison of two trials: how their configurations differ, and whether their results do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.apps.finding import find_stored
from assay.core.errors import ConfigError, StoreError, unknown_name
from assay.core.plans import PlanData, PlannedTrial, own_metrics
from assay.core.records import Config, Record, trial_id
from assay.core.store import Store
from assay.core.values import flatten
from assay.reports.names import trial_names

if TYPE_CHECKING:
    from assay.reports.tables import Table

__all__ = ["Side", "ComparedSides", "compare_sides", "find_side"]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a trial of a study with its records, or a single run."""

    title: str
    config: dict[str, Any]
    records: list[Record]
    study: PlanData | None = None


@dataclass(frozen=True)
class ComparedSides:
    """The result of a comparison.

    Attributes:
        settings: (dotted name, value in A, value in B) of each setting that differs.
        metrics: a table with a row for each metric.
        sentence: the verdict on the first of them, without a full stop.
    """

    settings: list[tuple[str, str, str]]
    metrics: Table
    sentence: str


def find_side(path: Path, name: str) -> Side:
    """Find what `name` means in a store.

    Args:
        path: the store.
        name: a trial's label or its name in tables, STUDY:LABEL, the start of a trial's identity or
            of a run's name, or a study, which stands for its best trial on validation.

    Raises:
        StoreError: the name is unknown or ambiguous.
    """
    with Store(path, create=False, read_only=True) as store:
        found = find_stored(store, name, trials=True)
        if found.run:
            record = store.record(found.run)
            return Side(f"run {record.run_id} (seed {record.seed})", record.config, [record])
        if found.trial is None:
            return _best(store, found.plan)
        return _trial(store, found.trial, found.plan)


def _best(store: Store, plan: PlanData) -> Side:
    from assay.statistics import best_trial, why_no_best

    runs = [run for trial in plan["trials"] for run in trial["runs"]]
    records = own_metrics(plan, store.records(store.recorded(runs), arrays=False))
    best = best_trial(plan, records)
    if best is None:
        why = why_no_best(plan, records)
        raise StoreError(f"study {plan['study']!r} has no best trial, because {why}")
    side, trials = _trial(store, best.trial, plan), len(plan["trials"])
    best_of = f", the best of {trials} trials on validation" if trials > 1 else ""
    return replace(side, title=f"{side.title}{best_of}")


def _trial(store: Store, trial: PlannedTrial, plan: PlanData) -> Side:
    study, name = plan["study"], trial_names(plan)[trial["trial_id"]]
    runs = store.recorded(trial["runs"])
    if not runs:
        raise StoreError(f"trial {trial['label']!r} of study {study!r} has no finished run yet")
    read = own_metrics(plan, store.records(runs, arrays=False))
    records = sorted(read, key=lambda r: r.seed)
    return Side(f"{name} ({study})", dict(trial["config"]), records, plan)


def compare_sides(a: Side, b: Side, metric: str | None = None) -> ComparedSides:
    """Compare two sides; runs with equal seeds are pairs.

    Args:
        metric: the only one to compare, with its prefix; by default the main one on the test set
            and all others.
    """
    from assay.reports.comparisons import compare_trials, trial_effects
    from assay.statistics import effect_sentence

    records = [*a.records, *b.records]
    known = sorted({name for record in records for name in record.metrics})
    if metric is not None and f"test_{metric}" in known:
        metric = f"test_{metric}"
    if metric is not None and metric not in known:
        raise ConfigError(unknown_name("metric", metric, known))
    effects = trial_effects(a.records, b.records, metric=metric)
    table = compare_trials(a.records, b.records, metric=metric, found=effects)
    if trial_id(a.config) == trial_id(b.config):
        sentence = "A and B are the same trial"
    else:
        sentence = effect_sentence(effects[0]) if effects else "A and B have no metric in common"
    told = (*_other_data(a.config, b.config), *_in_a_study(a, b))
    table = replace(table, notes=(*told, *table.notes))
    return ComparedSides(list(_differences(a.config, b.config)), table, sentence)


def _other_data(a: Config, b: Config) -> Iterator[str]:
    """Say that two trials have different data, which nobody would compare in a study."""
    from assay.reports.views import data_names

    ours, theirs = data_names((a, b))
    if ours != theirs:
        yield (
            f"The data differ: A has {ours}, B has {theirs}. Differences between their results are "
            "not those of their settings alone."
        )


def _in_a_study(a: Side, b: Side) -> Iterator[str]:
    """Say that a study compares the two among others, and corrects its verdict for all of them."""
    if a.study is None or b.study is None or a.study["study"] != b.study["study"]:
        return
    two, asked = {trial_id(a.config), trial_id(b.config)}, a.study.get("comparisons", ())
    if len(asked) > 1 and any({row["a"], row["b"]} == two for row in asked):
        name = a.study["study"]
        yield (
            f"The study {name} asks this as one of {len(asked)} comparisons and corrects its "
            f"verdict for all of them: `assay results {name}`."
        )


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    left, right = dict(flatten(a)), dict(flatten(b))
    for name in sorted({**left, **right}):
        if left.get(name) != right.get(name) and name != "seed":
            yield name, _text(left.get(name)), _text(right.get(name))


def _text(value: object) -> str:
    return "-" if value is None else str(value)
