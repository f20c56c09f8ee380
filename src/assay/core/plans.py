"""Access to stored plans: trials, their runs and comparisons, and the trials of a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay.core.errors import StoreError
from assay.core.store_format import decode_object

__all__ = ["PlanData", "compared", "decode_plan", "planned_runs", "runs_by_label", "tried_runs"]

PlanData = Mapping[str, Any]
"""A stored plan, plain data: "study", "trials" (each with "label", "trial_id", "config",
"levels" and "runs") and, if the study has them, "baseline", "factors", "comparisons", "published"
and "search". Readers add "related", (plan, records) of each study that compares the same runs
(`assay.core.families`), which is not stored."""


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


def decode_plan(text: object, study: object) -> dict[str, Any]:
    """Read the JSON of a stored plan.

    Raises:
        StoreError: it is not a plan.
    """
    what = f"the plan of study {str(study)!r} is damaged"
    plan = decode_object(text, f"{what}: it")
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


def compared(plan: PlanData) -> list[list[Mapping[str, Any]]]:
    """Return all comparisons of a study, each as a list of planned comparisons: first the planned
    ones, then those that pool a level over several combinations of other factors."""
    planned = list(plan.get("comparisons") or [])
    factors = plan.get("factors") or {}
    keys = Counter((row["factor"], row["level"], row["against"]) for row in planned)
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for i, row in enumerate(planned):
        if keys[row["factor"], row["level"], row["against"]] == 1 and _at_reference(row, factors):
            planned[i] = {**row, "where": {}}  # there is only one combination
        key = (str(row["factor"]), str(row["level"]), str(row["against"]))
        groups.setdefault(key, []).append(row)
    return [[row] for row in planned] + [rows for rows in groups.values() if len(rows) > 1]


def _at_reference(row: Mapping[str, Any], factors: Mapping[str, Sequence[Any]]) -> bool:
    where = row.get("where") or {}
    return all(k in factors and str(v) == str(factors[k][0]) for k, v in where.items())
