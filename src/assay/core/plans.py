"""Access to stored plans: trials, their runs and comparisons, and the trials of a search."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NotRequired, TypedDict, cast

from assay.core.errors import StoreError
from assay.core.metrics import MetricFormat
from assay.core.records import Config, Record
from assay.core.store_format import decode_object

__all__ = [
    "PlanData",
    "PlannedBracket",
    "PlannedBudget",
    "PlannedComparison",
    "PlannedFigure",
    "PlannedParameter",
    "PlannedRung",
    "PlannedSearch",
    "PlannedSource",
    "PlannedTrial",
    "SearchedTrial",
    "begun_with",
    "changes_of",
    "compared",
    "decode_plan",
    "is_imported",
    "needed_runs",
    "own_metrics",
    "planned_runs",
    "runs_by_label",
    "takes_place",
    "to_keep",
    "tried_runs",
]


_STRANGE = "another version of its plugin computed the stored value; `assay run` computes it again"


class PlannedTrial(TypedDict):
    """A trial of a plan: its label, identity, configuration, level of each factor, and runs."""

    label: str
    trial_id: str
    config: Config
    levels: dict[str, str]
    runs: list[str]


class PlannedComparison(TypedDict):
    """A level of a factor compared with another, all other factors being equal.

    `a` and `b` are the trials at `level` and at `against`, `where` holds the levels of the other
    factors.
    """

    factor: str
    level: str
    against: str
    a: str
    b: str
    where: dict[str, str]


class PlannedFigure(TypedDict):
    """A published figure, see `assay.studies.published`."""

    value: float
    metric: str
    source: str
    trial: str | None
    dataset: str | None
    n: int | None
    data: str | None
    epochs: float | None
    split: str | None


class PlannedRung(TypedDict):
    """A trial of a search until the end of an epoch; None for a budget in steps."""

    epochs: int | None
    runs: list[str]
    wave: int


class SearchedTrial(TypedDict):
    """A trial that a search tried, see `assay.studies.search.plan.Tried`."""

    number: int
    label: str
    values: dict[str, object]
    shown: dict[str, str]
    group: int
    same_as: int | None
    trial_id: str
    config: Config
    rungs: list[PlannedRung]


class PlannedParameter(TypedDict, total=False):
    """What a search may choose: the levels of a choice, or the ends of a number."""

    name: str
    kind: Literal["choice", "int", "float"]
    low: float
    high: float
    step: float | None
    log: bool
    levels: list[str]
    when: str


class PlannedBudget(TypedDict):
    """How many trials train until the end of an epoch."""

    trials: int
    epochs: int


class PlannedBracket(TypedDict):
    """The rungs of a bracket, from the first to the last."""

    rungs: Sequence[PlannedBudget]


class PlannedSearch(TypedDict):
    """A search: how it proposes, what it may choose, and the trials that it tried so far."""

    sampler: str
    halving: dict[str, int | str] | None
    objective: str
    higher_is_better: bool
    repeats: int
    folds: int | None
    batch: int | None
    planned: int
    points: int | None
    space: list[PlannedParameter]
    constraints: list[str]
    brackets: list[PlannedBracket]
    chosen: list[int]
    impossible: int
    trials: list[SearchedTrial]
    retrain: NotRequired[dict[str, str]]


class PlannedSource(TypedDict, total=False):
    """The study as written, the seeds of its runs, and whether their weights are kept."""

    written: dict[str, object]
    seeds: list[int]
    save_weights: bool


class PlanData(TypedDict, total=False):
    """A stored plan, plain data; all but "study" and "trials" may be missing.

    "unfinished" are runs of the same search, repeated with changes and not yet at its end (see
    `to_keep`). Readers add "related", (plan, records) of each study that compares the same runs
    (`assay.core.families`), which is not stored.
    """

    study: str
    question: str
    scale: str
    command: str
    design: str
    source: PlannedSource
    metrics: dict[str, MetricFormat]
    metric_versions: dict[str, str]
    shown: list[str]
    metric: str
    selected: str | None
    vary: list[str]
    blocks: list[str]
    equivalence: float
    published: list[PlannedFigure]
    baseline: str | None
    factors: dict[str, list[str]]
    trials: list[PlannedTrial]
    comparisons: list[PlannedComparison]
    search: PlannedSearch
    unfinished: list[str]
    related: list[tuple[PlanData, list[Record]]]


def tried_runs(plan: PlanData) -> Iterator[tuple[str, list[str]]]:
    """Yield label and runs of each rung of each trial of a search; nothing without a search."""
    for trial in (plan.get("search") or {}).get("trials", ()):
        for rung in trial["rungs"]:
            yield trial["label"], rung["runs"]


def runs_by_label(plan: PlanData) -> Iterator[tuple[str, list[str]]]:
    """Yield label and runs of every trial, those of a search first."""
    yield from tried_runs(plan)
    for trial in plan.get("trials", ()):
        yield trial.get("label", ""), trial["runs"]


def planned_runs(plan: PlanData) -> list[str]:
    """Return every run of a plan once, in order."""
    return list(dict.fromkeys(run for _, runs in runs_by_label(plan) for run in runs))


def begun_with(plan: PlanData) -> list[str]:
    """Return the stored runs whose trunks the trials of a plan begin with, once each."""
    pretrained = (trial["config"]["training"].get("pretrain") for trial in _configured(plan))
    return list(dict.fromkeys(p["run"] for p in pretrained if p and p.get("name") == "stored"))


def needed_runs(plan: PlanData) -> list[str]:
    """Return every run that must stay in the store for a plan, once each."""
    runs = (*planned_runs(plan), *begun_with(plan), *plan.get("unfinished", ()))
    return list(dict.fromkeys(runs))


def changes_of(command: str) -> str:
    """Return what a command changes in a study beside its scale: "--set training.epochs=3"."""
    changes = shlex.split(command)[3:]  # assay run STUDY
    return shlex.join(changes[2:] if changes[:1] == ["--scale"] else changes)


def takes_place(plan: PlanData, before: PlanData) -> bool:
    """Whether a plan that is about to be stored leaves out runs of one that another command made.

    An edited file, more repeats or more levels are the same study, which has grown or changed.
    """
    if plan.get("command") == before.get("command"):
        return False
    return bool(plan.get("search")) or not {*planned_runs(before)} <= {*planned_runs(plan)}


def to_keep(plan: PlanData, before: PlanData | None) -> PlanData:
    """Return what the store keeps as the plan of a study that starts or goes on.

    A search is gone through from its start whenever it is run, so until it has chosen, its plan
    may hold less than the one that is stored. That one stays, with the runs of this one beside it.
    """
    if before is None or plan.get("trials") or not plan.get("search"):
        return plan
    runs = planned_runs(plan)
    return plan if {*planned_runs(before)} <= {*runs} else {**before, "unfinished": runs}


def _configured(plan: PlanData) -> Iterator[PlannedTrial | SearchedTrial]:
    """Yield the trials that assay trains; those of imported results have no recipe."""
    trials = [*plan.get("trials", ()), *(plan.get("search") or {}).get("trials", ())]
    yield from (trial for trial in trials if trial.get("config", {}).get("training"))


def is_imported(plan: PlanData) -> bool:
    """Whether all trials of a study were made elsewhere, so that nothing can train it here."""
    trials = plan.get("trials", ())
    return not plan.get("search") and all("imported" in (t.get("config") or {}) for t in trials)


def own_metrics(plan: PlanData, records: Iterable[Record]) -> list[Record]:
    """Return records without the values that another version of a metric's plugin computed.

    Studies may share runs and name a metric of their own alike; what the other study computed last
    must not stand in tables of this one. The provenance of these records says why it is missing.
    """
    wanted = plan.get("metric_versions")
    return [_own(record, wanted) for record in records] if wanted else list(records)


def _own(record: Record, wanted: Mapping[str, str]) -> Record:
    known = record.provenance.get("metric_versions") or {}
    strange = {
        full
        for split in ("val", "test")
        for name, version in wanted.items()
        if known.get(full := f"{split}_{name}", version) != version
    }
    if not strange:
        return record
    lacking = record.provenance.get("metrics_lacking") or {}
    said = {**lacking, **dict.fromkeys(sorted(strange), _STRANGE)}
    metrics = {name: value for name, value in record.metrics.items() if name not in strange}
    return replace(
        record, metrics=metrics, provenance={**record.provenance, "metrics_lacking": said}
    )


def decode_plan(text: object, study: object) -> PlanData:
    """Read the JSON of a stored plan.

    Raises:
        StoreError: it is not a plan.
    """
    what = f"the plan of study {str(study)!r} is damaged"
    plan = cast("PlanData", decode_object(text, f"{what}: it"))
    try:
        for label, runs in runs_by_label(plan):
            if not isinstance(label, str) or not isinstance(runs, list):
                raise TypeError("a trial has no list of runs")
            if not all(isinstance(run, str) for run in runs):
                raise TypeError("a run has no name")
        if plan["study"] != study:
            raise ValueError(f"it belongs to study {plan['study']!r}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreError(f"{what}: {reason}") from error
    return plan


def compared(plan: PlanData) -> list[list[PlannedComparison]]:
    """Return all comparisons of a study, each as a list of planned comparisons: first the planned
    ones, then those that pool a level over several combinations of other factors."""
    planned = list(plan.get("comparisons") or [])
    factors = plan.get("factors") or {}
    keys = Counter((row["factor"], row["level"], row["against"]) for row in planned)
    groups: dict[tuple[str, str, str], list[PlannedComparison]] = {}
    for i, row in enumerate(planned):
        if keys[row["factor"], row["level"], row["against"]] == 1 and _at_reference(row, factors):
            planned[i] = {**row, "where": {}}  # there is only one combination
        key = (str(row["factor"]), str(row["level"]), str(row["against"]))
        groups.setdefault(key, []).append(row)
    return [[row] for row in planned] + [rows for rows in groups.values() if len(rows) > 1]


def _at_reference(row: PlannedComparison, factors: Mapping[str, Sequence[object]]) -> bool:
    where = row.get("where") or {}
    return all(k in factors and str(v) == str(factors[k][0]) for k, v in where.items())
