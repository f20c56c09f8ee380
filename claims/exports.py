"""What `assay export STUDY` wrote, read again: estimates, differences and times of its trials."""

from __future__ import annotations

import copy
import functools
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from assay.apps.api import plan_of
from assay.core.errors import AssayError, nearest
from assay.core.families import questions, related
from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.names import trial_names
from assay.statistics import (
    Comparison,
    Effect,
    Estimate,
    bad_runs,
    compare,
    effects,
    estimate_runs,
    metric_of,
    primary_metric,
    values_by_seed,
)

__all__ = ["ClaimError", "Export", "read_export"]

TOGETHER = ("train", "evaluate", "prepare")
"""What a run's time is made of."""


class ClaimError(AssayError):
    """A claim that cannot be computed: no such trial, metric, comparison or file."""


class Export:
    """One file of `results/`.

    Trials are named by their label, or by its level alone where that is unique ("tanh" for
    "activation = tanh"). Metrics are those of the test images unless the name begins with "val_".
    Values are as they are shown: shares with the unit % are given in %.

    Attributes:
        data: the file.
        records: label -> the trial's runs, without curves and weights.
        metric: the metric that the study is judged by, without prefix.
        beside: the other files of the folder, whose studies may compare the same runs.
    """

    def __init__(self, data: Mapping[str, Any], beside: Sequence[Path] = ()) -> None:
        self.data = data
        self.beside = beside
        self.records = {t["label"]: [_record(t, run) for run in t["runs"]] for t in data["trials"]}
        self.metric = primary_metric({}, self.all_records())

    def all_records(self) -> list[Record]:
        """Every run."""
        return [record for records in self.records.values() for record in records]

    def label(self, name: str | None = None) -> str:
        """The label that `name` stands for; None is the only trial that has runs."""
        if name is None:
            found = [label for label, records in self.records.items() if records]
        elif name in self.records:
            return name
        else:
            found = [x for x in self.records if x.endswith(f"= {name}") or x.startswith(f"{name} ")]
        if len(found) == 1:
            return found[0]
        known = list(self.records)
        close = nearest(str(name), known)
        hint = f"; did you mean {close!r}?" if close else ""
        raise ClaimError(f"trial {name!r} fits {len(found)} of {known}{hint}")

    def runs(self, name: str | None = None) -> list[Record]:
        """The runs of one trial."""
        return self.records[self.label(name)]

    def estimate(self, name: str | None = None, metric: str | None = None) -> Estimate:
        """n, mean, interval and so on of a metric over a trial's runs, in the unit shown."""
        full = self._name(metric)
        bad = bad_runs(self.records, full)
        return _scaled(estimate_runs(self.runs(name), full, bad=bad), self._scale(metric))

    def values(self, name: str | None = None, metric: str | None = None) -> list[float]:
        """A metric of each run of a trial, by seed."""
        found = values_by_seed(self.runs(name), self._name(metric))
        if not found:
            raise ClaimError(f"no run of {name!r} has {self._name(metric)}")
        return [self._scale(metric) * value for value in found.values()]

    def seconds(self, name: str | None = None, kinds: Iterable[str] = TOGETHER) -> list[float]:
        """Seconds of each run of a trial: its share of its cohort's time."""
        return [sum(r.timing.get(kind, 0.0) for kind in kinds) for r in self.runs(name)]

    def elapsed(self) -> float:
        """Seconds from the first start to the last end, breaks included, as the runs say."""
        ends = [datetime.fromisoformat(r.provenance["finished_at"]) for r in self.all_records()]
        starts = [
            end.timestamp() - sum(r.timing.values())
            for end, r in zip(ends, self.all_records(), strict=True)
        ]
        return max(end.timestamp() for end in ends) - min(starts)

    def compare(self, name: str, against: str, metric: str | None = None) -> Comparison:
        """One trial against another, in the recorded unit."""
        full = self._name(metric)
        a, b = (values_by_seed(self.runs(x), full) for x in (name, against))
        return compare(a, b, higher_is_better=metric_of(full).higher_is_better)

    @functools.cached_property
    def plan(self) -> PlanData:
        """The plan that the record's command makes today.

        Raises:
            AssayError: there is no such study any more.
        """
        words = shlex.split(self.data["command"])
        changes = [after for word, after in pairwise(words) if word == "--set"]
        name = self.data["study"].partition("@")[0]
        return plan_of(name, scale=self.data["scale"], set=changes).to_json()

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """Label -> how reports call the trial: a baseline by its levels."""
        try:
            called = trial_names(self.plan)
        except AssayError:
            return {}
        return {str(t["label"]): called[t["trial_id"]] for t in self.plan["trials"]}

    @functools.cached_property
    def effects(self) -> list[Effect]:
        """Every comparison that the study planned, corrected over all of them, and over those of
        the other records that compare the same runs."""
        others = {str(other.as_trained["study"]): other for other in self._near()}
        asked = [questions(other.as_trained) for other in others.values()]
        names = related(questions(self.as_trained), asked)
        family = [(others[name].as_trained, others[name].all_records()) for name in names]
        plan: PlanData = {**self.as_trained, "related": family}
        return effects(plan, self.all_records(), f"test_{self.metric}")

    @functools.cached_property
    def as_trained(self) -> PlanData:
        """Today's plan, with the trials and runs that were trained: the defaults of a study may
        have been named anew since."""
        plan = copy.deepcopy(self.plan)
        here = {label: runs[0].trial_id for label, runs in self.records.items() if runs}
        ids = {t["trial_id"]: here.get(t["label"], t["trial_id"]) for t in plan["trials"]}
        for row in plan["comparisons"]:
            row["a"], row["b"] = ids[row["a"]], ids[row["b"]]
        for trial in plan["trials"]:
            runs = self.records.get(trial["label"], ())
            trial |= {"trial_id": ids[trial["trial_id"]], "runs": [r.run_id for r in runs]}
        return plan

    def _near(self) -> list[Export]:
        """The other records of the folder that share runs with this one, or with one of these."""
        left = [read_export(path) for path in self.beside]
        near, found = [self], []
        while near:
            mine = {record.run_id for record in near.pop().all_records()}
            more = [e for e in left if mine & {r.run_id for r in e.all_records()}]
            left = [e for e in left if e not in more]
            near += more
            found += [e for e in more if _planned(e)]
        return found

    def effect(self, level: str, *where: str) -> Effect:
        """The comparison of a level with its reference, at some levels of the other factors.

        Args:
            where: what tells it from the others: the factor, levels of other factors, "against
                LEVEL". Of several the one that is pooled over most combinations.
        """
        found = [
            e
            for e in self.effects
            if e.level == level
            and {*where} <= {*e.where.values(), f"against {e.against}", e.factor.rpartition(".")[2]}
        ]
        if len(found) > 1:
            most = max(e.pooled for e in found)
            found = [e for e in found if e.pooled == most]
        if len(found) != 1:
            known = [(e.factor, e.level, e.against, e.where) for e in self.effects]
            raise ClaimError(f"effect {(level, *where)} fits {len(found)} of {known}")
        return found[0]

    def _name(self, metric: str | None) -> str:
        name = metric or self.metric
        known = {m for record in self.all_records() for m in record.metrics}
        full = name if name in known else f"test_{name}"
        if full not in known:
            raise ClaimError(f"no run has the metric {full!r} (known: {sorted(known)})")
        return full

    def _scale(self, metric: str | None) -> float:
        return metric_of(self._name(metric)).scale


def _planned(export: Export) -> bool:
    """Whether its study still plans what was run."""
    try:
        return bool(export.as_trained)
    except (AssayError, KeyError):
        return False


def _scaled(found: Estimate, scale: float) -> Estimate:
    counts = (found.n, found.diverged, found.failed)
    shown = (found.mean, found.std, found.low, found.high)
    return Estimate(
        *counts, *(scale * x for x in (*shown, found.median, found.minimum, found.maximum))
    )


def _record(trial: Mapping[str, Any], run: Mapping[str, Any]) -> Record:
    return Record(
        run_id=run["run_id"],
        trial_id=trial["trial_id"],
        seed=run["seed"],
        status=run["status"],
        config=trial["config"],
        curves={},
        metrics={k: v for k, v in run["metrics"].items() if v is not None},
        timing=run["seconds"],
        provenance={k: run[k] for k in ("precision", "cohort", "finished_at")},
    )


@functools.cache
def read_export(path: Path) -> Export:
    """Read a file that `assay export STUDY` wrote.

    Raises:
        ClaimError: there is no such file.
    """
    try:
        beside = [other for other in sorted(path.parent.glob("*.json")) if other != path]
        return Export(json.loads(path.read_text()), beside)
    except OSError as error:
        raise ClaimError(f"{path} cannot be read: {error.strerror}") from error
