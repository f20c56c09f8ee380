"""What a stored plan lists: the trials that are compared, and those that a search tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["planned_runs", "runs_by_label", "tried_runs"]


def tried_runs(plan: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield label and runs of every rung of every trial of a search; nothing without a search."""
    for trial in (plan.get("search") or {}).get("trials", ()):
        for rung in trial["rungs"]:
            yield trial["label"], rung["runs"]


def runs_by_label(plan: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield label and runs of every trial, those of a search first."""
    yield from tried_runs(plan)
    for trial in plan.get("trials", ()):
        yield trial.get("label", ""), trial["runs"]


def planned_runs(plan: Mapping[str, Any]) -> list[str]:
    """Every run of a plan once, in its order."""
    return list(dict.fromkeys(run for _, runs in runs_by_label(plan) for run in runs))
