"""A study as one small file of plain data without weights, as evidence for claims."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.answers import answers
from assay.statistics import search_trials

__all__ = ["study_data"]

_MACHINE = ("cpu", "cores", "system", "device_name", "device", "threads", "cpu_features")
_VERSIONS = ("assay", "python", "engine", "torch", "keras")


def study_data(
    plan: PlanData, records: Iterable[Record], tried: Iterable[Record] = ()
) -> dict[str, object]:
    """Return a study's configuration, command, machine, sentences and every run's numbers.

    Returns:
        JSON data: "study", "question", "scale", "command", "sentences", "machine" (each different
        one once), "trials" with "config" and "runs", each with its seed, status, metrics, seconds
        and the number of its machine; of a study with a search also "search", with the value and
        cost of every trial that it tried (`tried` are the records of their runs).
    """
    records = list(records)
    by_run = {record.run_id: record for record in records}
    machines: list[dict[str, Any]] = []
    trials = []
    for trial in plan["trials"]:
        found = [by_run[run] for run in trial["runs"] if run in by_run]
        trials.append(
            {
                "label": trial["label"],
                "trial_id": trial["trial_id"],
                "config": trial["config"],
                "runs": [_run(record, machines) for record in found],
            }
        )
    said = answers(plan, records)
    sentences = [*said["best"], *said["factors"], *said["published"], *said["beware"]]
    searched = _search(plan, tried) if plan.get("search") else {}
    return {
        **{key: plan.get(key) for key in ("study", "question", "scale", "command", "design")},
        "sentences": [entry["text"] for entry in sentences],
        "machines": machines,
        "trials": trials,
        **searched,
    }


def _search(plan: PlanData, tried: Iterable[Record]) -> dict[str, object]:
    """Return the settings of a search, and value, state and cost of every trial."""
    kept = {k: v for k, v in plan["search"].items() if k != "trials"}
    trials = [
        {
            "number": t.number,
            "values": t.values,
            "state": t.state,
            "same_as": t.same_as,
            "rungs": [
                {
                    "epochs": s.epochs,
                    "value": _number(s.estimate.mean),
                    "n": s.estimate.n,
                    "seconds": _number(s.seconds, 4),
                }
                for s in t.steps
            ],
        }
        for t in search_trials(plan, tried)
    ]
    return {"search": {**kept, "tried": trials}}


def _run(record: Record, machines: list[dict[str, Any]]) -> dict[str, Any]:
    known = record.provenance
    machine = {key: known[key] for key in (*_MACHINE, *_VERSIONS) if key in known}
    if machine not in machines:
        machines.append(machine)
    return {
        "run_id": record.run_id,
        "seed": record.seed,
        "status": record.status,
        "metrics": {k: _number(v) for k, v in sorted(record.metrics.items())},
        "seconds": {k: _number(v, 4) for k, v in record.timing.items() if k != "images_per_second"},
        "images_per_second": _number(record.timing.get("images_per_second", math.nan), 5),
        "precision": known.get("precision"),
        "cohort": known.get("cohort"),
        "finished_at": known.get("finished_at"),
        "machine": machines.index(machine),
        **({"message": record.message} if record.message else {}),
    }


def _number(value: float, digits: int = 6) -> float | None:
    """Return a rounded number for JSON."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
