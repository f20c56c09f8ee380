"""Context of the results: published values, data, machine, time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict

from assay.core.plans import PlanData, PlannedFigure, PlannedTrial
from assay.core.records import Record, Spec
from assay.core.values import flatten
from assay.reports.flat import Row
from assay.reports.protocol import dataset_setting
from assay.reports.views import SPENT, data_groups, data_name
from assay.statistics import (
    Estimate,
    bad_runs,
    best_trial,
    by_trial,
    estimate_runs,
    metric_of,
    metric_title,
    primary_metric,
)

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = [
    "Circumstance",
    "DatasetRow",
    "Period",
    "PublishedRow",
    "dataset_rows",
    "environment",
    "lacking_notes",
    "published_rows",
    "published_source",
    "when",
]


class PublishedRow(TypedDict):
    """A published value beside ours, see `published_rows`."""

    trial: str
    dataset: str | None
    metric: str
    published: float
    ours: Estimate
    n: int
    verdict: str | None
    no_verdict: str
    better: bool | None
    published_n: int | None
    published_data: str | None
    published_epochs: float | None
    published_split: str | None
    source: str


class Circumstance(TypedDict):
    """A fact of the provenance with its values, and the number of runs that tell it."""

    name: str
    values: list[str]
    runs: int


class Period(TypedDict):
    """UTC times of the first and the last run's end, and seconds of training in all."""

    first: str | None
    last: str | None
    seconds: float


class DatasetRow(TypedDict):
    """What a study learns from: sizes, classes and identity; None for what is not known.

    They are those of the first trial; `differ` are the settings of the data in which others differ.
    """

    data: str
    train: int | None
    validation: int | None
    test: int | None
    image: str | None
    classes: int | None
    fingerprint: str
    same: bool | None
    differ: list[str]
    notes: list[str]


def published_rows(plan: PlanData, records: Iterable[Record]) -> list[PublishedRow]:
    """Return published values with ours.

    An entry that names a trial is compared with it; one that names a dataset (or nothing) with the
    trial chosen on validation there. "verdict" is "above" or "below" if our interval excludes the
    published mean (also for a loss), "same" if it contains it; None if they cannot be compared, and
    then "no_verdict" says why: a single run has no interval, or the images differ.
    """
    records = list(records)
    runs = by_trial(records)
    rows: list[PublishedRow] = []
    for entry in plan.get("published") or []:
        metric = str(entry.get("metric") or f"test_{primary_metric(plan, records)}")
        label, dataset = entry.get("trial"), entry.get("dataset")
        trials = [t for t in plan["trials"] if label in (None, t["label"])]
        if dataset is not None:
            named = [(t, data_name(t["config"])) for t in trials]
            trials = [t for t, name in named if dataset in (name, name.split(",")[0])]
        best = best_trial(plan, records, trials=trials)
        trial = best.trial if best else (trials[0] if trials else None)
        mine = runs.get(trial["trial_id"], []) if trial else []
        ours = estimate_runs(mine, metric, bad=bad_runs(runs, metric))
        value, reason = float(entry["value"]), _no_verdict(entry, ours, metric)
        rows.append(
            {
                "trial": str(trial["label"]) if trial else str(label or dataset or ""),
                "dataset": data_name(trial["config"]) if trial else dataset,
                "metric": metric,
                "published": value,
                "ours": ours,
                "n": ours.n,
                "verdict": None if reason else _against(value, ours),
                "no_verdict": reason,
                "better": None if reason else _better(value, ours, metric),
                "published_n": entry.get("n"),
                "published_data": entry.get("data"),
                "published_epochs": entry.get("epochs"),
                "published_split": entry.get("split"),
                "source": str(entry.get("source") or ""),
            }
        )
    return rows


_SPLITS = {"test": "test", "validation": "val"}


def published_source(row: Row | PublishedRow) -> str:
    """Return the source of a published value, and how it was measured, as far as known."""
    said = {
        "n": "one run" if row["published_n"] == 1 else f"n = {row['published_n']}",
        "data": str(row["published_data"]),
        "epochs": f"{row['published_epochs']} epochs",
        "split": f"on {row['published_split']}",
    }
    known = [text for key, text in said.items() if row.get(f"published_{key}") is not None]
    return "; ".join([row["source"] or "no source", *known])


def _no_verdict(entry: PlannedFigure, ours: Estimate, metric: str) -> str:
    """Return why a value cannot be compared; empty if it can."""
    if not ours.n:
        return "no run yet"
    if ours.n == 1:
        return "not tested: only one run of ours"
    split = entry.get("split")
    if split is not None and _SPLITS.get(split) != metric.partition("_")[0]:
        return f"not tested: {split} split"
    runs = entry.get("n")
    if runs is None or runs < 2:
        return (
            ("not tested: only one published run")
            if runs
            else "not tested: number of published runs unknown"
        )
    return ""


def _against(value: float, ours: Estimate) -> str:
    return "above" if ours.low > value else "below" if ours.high < value else "same"


def _better(value: float, ours: Estimate, metric: str) -> bool | None:
    verdict = _against(value, ours)
    higher = metric_of(metric).higher_is_better
    if verdict == "same" or higher is None:
        return None
    return (verdict == "above") == higher


_ELSEWHERE = {
    "metric_versions",
    "metrics_lacking",
    "parameters",
    "macs",
    "cohort",
    "process",
    "network",
    "dataset_fingerprint",
    "finished_at",
}


def environment(records: Iterable[Record]) -> list[Circumstance]:
    """Return the environment of the runs: {"name", "values": [...], "runs"}; several values if they
    differ.

    Nested provenance has dotted names; numbers that belong to a trial are left out.
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for name, value in flatten(record.provenance):
            if name.rpartition(".")[2] not in _ELSEWHERE:
                seen = found.setdefault(name, {})
                said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                seen[said] = seen.get(said, 0) + 1
    return [
        {"name": name, "values": sorted(seen), "runs": sum(seen.values())}
        for name, seen in sorted(found.items())
    ]


def when(records: Iterable[Record]) -> Period:
    """Return {"first", "last", "seconds"}: UTC times of the ends of the runs, and total training
    time.

    "seconds" is the sum of each run's share of its cohort, the time of a single worker.
    """
    records = list(records)
    ends = sorted(
        str(r.provenance["finished_at"]) for r in records if "finished_at" in r.provenance
    )
    spent = [v for r in records for k, v in r.timing.items() if k in SPENT]
    return {
        "first": ends[0] if ends else None,
        "last": ends[-1] if ends else None,
        "seconds": float(sum(spent)),
    }


def dataset_rows(
    plan: PlanData,
    records: Iterable[Record],
    dataset_of: Callable[[Spec], Dataset | None],
) -> list[DatasetRow]:
    """Return sizes, classes and identity of each dataset of the study.

    Sizes that records do not contain are None if the dataset is not available.
    """
    runs = by_trial(records)
    rows: list[DatasetRow] = []
    for name, trials in data_groups(plan).items():
        spec = trials[0].get("config", {}).get("dataset") or {"name": name}
        dataset = dataset_of(spec)
        mine = [r for trial in trials for r in runs.get(trial["trial_id"], [])]
        prints = _fingerprints(mine)
        alike = _fingerprints([r for r in mine if r.config.get("dataset") == spec])
        differ = _differences([t["config"].get("dataset") or {} for t in trials])
        tested = [len(r.predictions["test_target"]) for r in mine if "test_target" in r.predictions]
        rows.append(
            {
                "data": name,
                "train": len(dataset.train) if dataset else None,
                "validation": len(dataset.validation) if dataset else None,
                "test": len(dataset.test) if dataset else (tested[0] if tested else None),
                "image": "×".join(map(str, dataset.image_shape)) if dataset else None,
                "classes": len(dataset.class_names) or None if dataset else None,
                "fingerprint": ", ".join(sorted(prints)),
                "same": None if not (dataset and alike) else alike == {dataset.fingerprint},
                "differ": differ,
                "notes": [*_about_sizes(trials[0], differ), *dataset.notes, *_near(dataset)]
                if dataset
                else [],
            }
        )
    return rows


def _fingerprints(records: Iterable[Record]) -> set[str]:
    return {str(r.provenance.get("dataset_fingerprint", "")) for r in records} - {""}


def _differences(specs: Sequence[Spec]) -> list[str]:
    """Return the settings in which some data differ, dotted."""
    names = dict.fromkeys(name for spec in specs for name in spec)
    return [f"dataset.{n}" for n in names if any(s.get(n) != specs[0].get(n) for s in specs)]


def _about_sizes(first: PlannedTrial, differ: Sequence[str]) -> Iterator[str]:
    """Say whose the sizes are, and whether an image is counted twice."""
    if differ:
        yield f"these are the data of {first['label']}; trials differ in {', '.join(differ)}"
    if dataset_setting(first["config"], "refit"):
        yield "the validation images are among the training images"


def _near(dataset: Dataset) -> list[str]:
    """Return a note about test images that also occur (nearly) in training."""
    from assay.data.near_duplicates import near_training, other_parts

    found = near_training(dataset)
    if not found:
        return []
    are = "image is" if found == 1 else "images are"
    return [
        f"{found:,} of {len(dataset.test):,} test {are} equal to a {other_parts(dataset)} image, "
        "or its near-duplicate"
    ]


def lacking_notes(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Return a sentence for each metric that is missing in some finished runs, with the reason.

    Args:
        names: without prefix.
    """
    reasons: Counter[tuple[str, str]] = Counter()
    for record in records:
        lacking = record.provenance.get("metrics_lacking") or {}
        if record.status != "finished":
            continue
        for full in (f"{split}_{name}" for name in names for split in ("test", "val")):
            if full in lacking:
                reasons[metric_title(full), lacking[full]] += 1
    return [
        f"{title[0].upper()}{title[1:]} is unknown for {n} {'run' if n == 1 else 'runs'}: {why}."
        for (title, why), n in reasons.items()
    ]
