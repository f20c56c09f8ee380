"""From records to the plain data of figures and tables, without drawing or formatting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Config, Record
from assay.reports.flat import Row, plain
from assay.reports.names import marked, trial_names
from assay.reports.protocol import DATA_WORDS, dataset_setting
from assay.statistics import (
    bad_runs,
    best_trial,
    by_trial,
    estimate,
    estimate_runs,
    mean_interval,
    metric_of,
    primary_metric,
    values_by_seed,
)
from assay.statistics.estimates import Estimate
from assay.statistics.selection import Best

__all__ = [
    "best_by_data",
    "SPENT",
    "TrialCurves",
    "TrialValues",
    "counts",
    "curve_names",
    "curves",
    "data_groups",
    "data_name",
    "data_names",
    "headline_trials",
    "images_name",
    "other_metrics",
    "run_values",
    "trial_rows",
]


class TrialValues(TypedDict):
    """A line of a dot plot: the values of a trial's finished runs (n,), with their estimate."""

    trial: str
    name: str
    group: str
    values: np.ndarray
    estimate: Estimate
    best: bool


class TrialCurves(TypedDict):
    """The learning curves of a trial, see `curves`; "training" counts unfinished runs."""

    trial: str
    name: str
    trial_id: str
    levels: dict[str, str]
    axis: str
    runs: int
    diverged: int
    series: dict[str, dict[str, np.ndarray]]
    training: NotRequired[int]


SPENT = ("train", "evaluate", "prepare")
"""Kinds of seconds whose sum is the time of a run."""


def counts(plan: PlanData, records: Iterable[Record]) -> dict[str, int]:
    """Return how many runs were planned, finished, diverged, failed and are missing."""
    planned = [run for trial in plan["trials"] for run in trial.get("runs") or ()]
    status = [record.status for record in records]
    found: dict[str, int] = {"trials": len(plan["trials"])}
    found["planned"] = max(len(planned), len(status))
    found |= {name: status.count(name) for name in ("finished", "diverged", "failed")}
    found["missing"] = found["planned"] - len(status)
    return found


def _seconds(record: Record) -> float:
    return sum(v for k, v in record.timing.items() if k in SPENT)


def _collect(records: Sequence[Record], *path: str) -> list[float]:
    """Return the finite numbers at `path` of the finished records."""
    values = []
    for record in records:
        source: Any = getattr(record, path[0])
        value = source.get(path[1]) if record.status == "finished" else None
        if isinstance(value, int | float) and math.isfinite(value):
            values.append(float(value))
    return values


def _mean(values: Sequence[float]) -> float | None:
    return plain(np.mean(values)) if values else None


def trial_rows(plan: PlanData, records: Iterable[Record]) -> list[Row]:
    """Return one row for each trial of the plan, in order.

    Keys: trial (its label), trial_id, baseline, best (chosen by validation among trials on the same
    data), planned, n, diverged, failed, missing, then estimates of the main metric and the loss and
    the other metrics of the study on validation and test, best_epoch, epochs, parameters, macs,
    seconds (estimate over runs), images_per_second (mean) and name (see `trial_names`).
    """
    records = list(records)
    runs, base = by_trial(records), primary_metric(plan, records)
    measured = dict.fromkeys((base, "loss", *other_metrics(plan, base)))
    names = [f"{split}_{name}" for name in measured for split in ("val", "test")]
    chosen = {best.trial["trial_id"] for best in best_by_data(plan, records)}
    bad = {name: bad_runs(runs, name) for name in names}
    rows: list[Row] = []
    called = trial_names(plan)
    for trial in plan["trials"]:
        mine = runs.get(trial["trial_id"], [])
        found = {name: estimate_runs(mine, name, bad=bad[name]) for name in names}
        main = found[f"test_{base}"]
        planned = max(len(trial.get("runs") or ()), len(mine))
        seconds = [_seconds(r) for r in mine if r.status == "finished" and r.timing]
        row: dict[str, Any] = {
            "trial": str(trial["label"]),
            "trial_id": trial["trial_id"],
            **_baseline(plan, trial),
            "best": trial["trial_id"] in chosen and len(plan["trials"]) > 1,
            "planned": planned,
            "n": main.n,
            "diverged": main.diverged,
            "failed": main.failed,
            "missing": planned - len(mine),
        }
        row |= found
        for name in ("best_epoch", "epochs"):
            row[name] = _mean(_collect(mine, "metrics", name))
        for name in ("parameters", "macs"):
            row[name] = next((r.provenance[name] for r in mine if name in r.provenance), None)
        row["seconds"] = estimate(seconds, bounds=metric_of("seconds").bounds)
        row["images_per_second"] = _mean(_collect(mine, "timing", "images_per_second"))
        row["name"] = called[trial["trial_id"]]
        rows.append(row)
    return rows


def other_metrics(plan: PlanData, main: str) -> list[str]:
    """Return the metrics that a study names in addition to its main one, without prefix."""
    return [name for name in plan.get("shown") or () if name != main]


def run_values(plan: PlanData, records: Iterable[Record], metric: str) -> list[TrialValues]:
    """Return a dot plot's data: {"trial", "name", "group", "values" (n,), "estimate", "best"} by
    trial."""
    records = list(records)
    runs, called = by_trial(records), trial_names(plan)
    bad = bad_runs(runs, metric)
    chosen = {best.trial["trial_id"] for best in best_by_data(plan, records)}
    found: list[TrialValues] = []
    groups = data_names(trial["config"] for trial in plan["trials"])
    for group, trial in zip(groups, plan["trials"], strict=True):
        mine = runs.get(trial["trial_id"], [])
        values = values_by_seed(mine, metric)
        found.append(
            {
                "trial": str(trial["label"]),
                "name": marked(called[trial["trial_id"]], _baseline(plan, trial)),
                "group": group,
                "values": np.array(list(values.values())),
                "estimate": estimate_runs(mine, metric, bad=bad),
                "best": trial["trial_id"] in chosen and len(plan["trials"]) > 1,
            }
        )
    return found


def _baseline(plan: PlanData, trial: PlannedTrial) -> dict[str, bool]:
    return {"baseline": trial["label"] == plan.get("baseline")}


def data_name(config: Config) -> str:
    """Return the name of a trial's data: "mnist", "mnist, permuted", "mnist, validated on the test
    images"."""
    on = [word for key, word in DATA_WORDS.items() if dataset_setting(config, key)]
    return ", ".join([images_name(config), *on])


def images_name(config: Config) -> str:
    """Return the name of a trial's images, as its network sees them: "mnist, permuted"."""
    spec = config.get("dataset") or {}
    spec = {"name": spec} if isinstance(spec, str) else spec
    name = str(spec.get("name", "data"))
    words = [name]
    if spec.get("permute") is not None:
        words.append("permuted")
        if spec.get("restore"):
            words.append("restored")
    return ", ".join(words)


def data_names(configs: Iterable[Config], named: Callable[[Config], str] = data_name) -> list[str]:
    """Return the name of each configuration's data; a user's own data of one name have the start
    of their fingerprint as well, where these differ: "folder 3216".

    Args:
        named: `data_name` or `images_name`.
    """
    known = [
        (named(config), str(dataset_setting(config, "fingerprint") or "")) for config in configs
    ]
    marks: dict[str, set[str]] = {}
    for name, mark in known:
        marks.setdefault(name, set()).add(mark)
    return [f"{n} {mark[:4]}".strip() if len(marks[n]) > 1 else n for n, mark in known]


def data_groups(plan: PlanData) -> dict[str, list[PlannedTrial]]:
    """Return the trials grouped by their data; only trials of one group are compared."""
    groups: dict[str, list[PlannedTrial]] = {}
    names = data_names(trial["config"] for trial in plan["trials"])
    for name, trial in zip(names, plan["trials"], strict=True):
        groups.setdefault(name, []).append(trial)
    return groups


def best_by_data(plan: PlanData, records: Sequence[Record]) -> list[Best]:
    """Return the best trial by validation of each group of trials with the same data."""
    found = [best_trial(plan, records, trials=trials) for trials in data_groups(plan).values()]
    return [best for best in found if best is not None]


def headline_trials(
    plan: PlanData, records: Iterable[Record], limit: int = 4
) -> list[PlannedTrial]:
    """Return the trials worth a closer look: the best on each data, then the baseline."""
    records = list(records)
    present = {record.trial_id for record in records if record.status == "finished"}
    chosen = [best.trial for best in best_by_data(plan, records)][:limit]
    baseline = [t for t in plan["trials"] if _baseline(plan, t)["baseline"]]
    seen = {trial["trial_id"] for trial in chosen}
    more = [t for t in baseline if t["trial_id"] in present - seen]
    return [*chosen, *more][:limit]


def _axis(plan: PlanData) -> str:
    """Return the x axis of curves: steps if every trial's budget is in steps."""
    recipes = [trial.get("config", {}).get("training", {}) for trial in plan["trials"]]
    return "step" if recipes and all("steps" in recipe for recipe in recipes) else "epoch"


def _band(runs: Sequence[Record], name: str, axis: str) -> dict[str, np.ndarray]:
    """Return mean and interval over the runs at the points of `axis` where enough of them have one.

    With less than half of the runs at a point, their mean does not represent the trial: runs that
    ended early have left, or a run that ends by time was evaluated there at its own end.
    """
    values = np.concatenate([np.asarray(r.curves[name], dtype=np.float64) for r in runs])
    points = np.concatenate([np.asarray(r.curves[axis], dtype=np.float64) for r in runs])
    finite = np.isfinite(values)
    values, points = values[finite], points[finite].round(6)
    order = np.argsort(points, kind="stable")
    values = values[order]
    places, first, n = np.unique(points[order], return_index=True, return_counts=True)
    kept = n >= n.max(initial=0) / 2
    places, first, n = places[kept], first[kept], n[kept]
    mean, low, high = np.empty((3, len(places)))
    for count in np.unique(n):  # points that equally many runs reached are computed together
        where = n == count
        there = values[first[where][:, None] + np.arange(count)]
        mean[where], low[where], high[where] = mean_interval(there, bounds=metric_of(name).bounds)
    return {"x": places, "mean": mean, "low": low, "high": high, "n": n}


def curve_names(series: Iterable[Iterable[str]]) -> list[str]:
    """Return the names of drawn curves, without prefix, the main metric first and the loss last:
    those that some run measures on training and on validation images.

    Args:
        series: names of the curves of each run or trial.
    """
    known = [set(names) for names in series]
    every = set().union(*known)
    twins = [n for n in every if f"val_{n}" in every or n == "loss"]
    return sorted(twins, key=lambda name: (metric_of(name).rank, name))


def curves(plan: PlanData, records: Iterable[Record], *, alone: bool = False) -> list[TrialCurves]:
    """Return the learning curves of each trial that has some.

    Each entry holds trial, name, trial_id, levels, runs (finished), diverged, and "series":
    {"loss": {...}, "val_loss": {...}, ...}, and test_loss if the study requested it, each
    {"x", "mean", "low", "high", "n"} of equal length; "axis" says whether x counts epochs or, if
    the study's budget is in steps, steps. Means exclude diverged runs. If runs end early, n
    decreases, and the mean only covers the remaining ones, at least half of them.

    Args:
        alone: also return metrics that are only measured on validation images, such as the distance
            of generated pictures.
    """
    records = list(records)
    runs, axis, called = by_trial(records), _axis(plan), trial_names(plan)
    names = curve_names(record.curves for record in records)[::-1]
    if alone:
        measured = {n[4:] for r in records for n in r.curves if n.startswith("val_")}
        names += sorted(measured - {*names})
    found: list[TrialCurves] = []
    for trial in plan["trials"]:
        mine = runs.get(trial["trial_id"], [])
        finished = [r for r in mine if r.status == "finished" and axis in r.curves]
        series = {}
        for name in [n for base in names for n in (base, f"val_{base}", f"test_{base}")]:
            having = [r for r in finished if name in r.curves]
            if having and (band := _band(having, name, axis))["x"].size:
                series[name] = band
        if series:
            found.append(
                {
                    "trial": str(trial["label"]),
                    "name": marked(called[trial["trial_id"]], _baseline(plan, trial)),
                    "trial_id": trial["trial_id"],
                    "levels": {k: str(v) for k, v in (trial.get("levels") or {}).items()},
                    "axis": axis,
                    "runs": len(finished),
                    "diverged": sum(r.status == "diverged" for r in mine),
                    "series": series,
                }
            )
    return found
