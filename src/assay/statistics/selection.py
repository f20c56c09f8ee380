"""Selection on validation; the test result is only reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record
from assay.statistics.effects import by_trial
from assay.statistics.estimates import Estimate, estimate_runs
from assay.statistics.metrics import metric_of, primary_metric
from assay.statistics.noise import bad_runs

__all__ = ["Best", "best_run", "best_trial", "why_no_best"]


@dataclass(frozen=True)
class Best:
    """The trial chosen on validation, with its test result.

    Attributes:
        trial: the chosen trial; the first of the plan if several are equally good.
        metric: without prefix.
        validation, test: its estimates.
        candidates: number of trials among which it was chosen; those of which every run finished,
            if any other is `ahead`.
        ties: the other trials with the same mean on validation.
        ahead: trials with a better mean, which were not chosen because it lacks runs that did not
            finish.
    """

    trial: PlannedTrial
    metric: str
    validation: Estimate
    test: Estimate
    candidates: int
    ties: tuple[PlannedTrial, ...] = ()
    ahead: tuple[PlannedTrial, ...] = ()


def best_trial(
    plan: PlanData,
    records: Iterable[Record],
    metric: str | None = None,
    trials: Iterable[PlannedTrial] | None = None,
) -> Best | None:
    """Return the trial with the best mean validation metric, or None if no run has finished or the
    direction of the metric is unknown.

    The test metric is not used. Trials whose planned runs have all finished come before those with
    diverged, failed or missing runs, whose mean only includes the successful ones. Trials that
    train on their validation images (`dataset.refit`) are considered only if there are no others.
    A trial that the plan names as "selected" (by a search) takes precedence.

    Args:
        metric: without prefix; the study's main metric by default.
        trials: choose among these only; all of the plan by default.
    """
    records = list(records)
    base = metric or primary_metric(plan, records)
    higher = metric_of(base).higher_is_better
    if higher is None:
        return None
    sign = 1 if higher else -1
    runs = by_trial(records)
    ranked = []
    for trial in plan["trials"] if trials is None else trials:
        mine = runs.get(trial["trial_id"], [])
        validation = estimate_runs(mine, f"val_{base}")
        if validation.n:
            planned = max(len(trial.get("runs") or ()), len(mine))
            ranked.append(
                ((validation.n == planned, sign * validation.mean), trial, validation, mine)
            )
    if not ranked:
        return None
    selected = [e for e in ranked if e[1]["trial_id"] == plan.get("selected")]
    if not selected:
        ranked = [e for e in ranked if not _trains_on_validation(e[1])] or ranked
    key, trial, validation, mine = max(selected or ranked, key=lambda entry: entry[0])
    test = estimate_runs(mine, f"test_{base}", bad=bad_runs(runs, f"test_{base}"))
    others = [e for e in ranked if e[1] is not trial and not selected]
    alike = [e for e in others if e[0][0] == key[0]]
    ties = tuple(e[1] for e in alike if math.isclose(e[0][1], key[1], rel_tol=1e-12))
    ahead = tuple(e[1] for e in others if e[0][0] != key[0] and e[0][1] > key[1])
    number = len(ranked) if not ahead else len(alike) + 1
    return Best(trial, base, validation, test, number, ties, ahead)


def _trains_on_validation(trial: PlannedTrial) -> bool:
    dataset = (trial.get("config") or {}).get("dataset")
    return isinstance(dataset, Mapping) and bool(dataset.get("refit"))


def why_no_best(plan: PlanData, records: Iterable[Record]) -> str:
    """Return why `best_trial` finds none."""
    records = list(records)
    main = primary_metric(plan, records)
    if metric_of(main).higher_is_better is None:
        return f"it is unknown whether a higher {main} is better"
    done = any(record.status == "finished" for record in records)
    return f"no run has a validation {main}" if done else "no run has finished"


def best_run(records: Iterable[Record], metric: str) -> Record | None:
    """Return the finished run with the best value of the validation `metric` (with prefix), or None
    if there is none or the direction is unknown."""
    higher = metric_of(metric).higher_is_better
    if higher is None:
        return None
    sign = 1 if higher else -1
    finished = [r for r in records if r.status == "finished" and metric in r.metrics]
    return max(finished, key=lambda r: (sign * r.metrics[metric], -r.seed), default=None)
