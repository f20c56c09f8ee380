"""Errors of clock readers as plain data: by time, by kind, and the largest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

import numpy as np

from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record
from assay.reports.flat import Row
from assay.statistics import Estimate, best_run, by_trial, estimate
from assay.subjects.clocks.time import (
    HALF_DAY,
    HOUR,
    distance,
    hour_flip,
    minutes_of,
    text,
    wrapped_error,
)

__all__ = ["BLOCK", "clock_answers", "clock_runs", "error_map", "fault_rows", "seam", "worst"]

BLOCK = 5
"""Minutes in one column of an error map."""

SEAM = 30
"""A time is at the seam of the dial if it is at most so many minutes from 12:00."""

Read = tuple[np.ndarray, np.ndarray]
"""Predicted and true minutes of the test images, float64 (n,) each."""


def clock_runs(records: Iterable[Record]) -> list[Record]:
    """Return the finished runs that read times and kept the true ones."""
    return [
        r
        for r in records
        if r.status == "finished"
        and {"test_minutes", "test_target"} <= set(r.predictions)
        and r.predictions["test_target"].ndim == 2
    ]


def _read(record: Record) -> Read:
    target = record.predictions["test_target"].astype(float)
    read = record.predictions["test_minutes"].astype(float)
    return read, np.asarray(minutes_of(target[:, 0], target[:, 1]))


def error_map(runs: Sequence[Record]) -> np.ndarray:
    """Mean error in minutes by true hour and block of minutes, (12, 12); NaN without images.

    Pooled over the runs of a trial.
    """
    read, true = (np.concatenate(part) for part in zip(*map(_read, runs), strict=True))
    cell = (true // BLOCK).astype(int)
    cells = HALF_DAY // BLOCK
    count = np.bincount(cell, minlength=cells)
    total = np.bincount(cell, distance(read, true), minlength=cells)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.reshape(HALF_DAY // HOUR, HOUR // BLOCK)


def seam(record: Record) -> tuple[float, float]:
    """Mean error of a run for times at the seam of the dial, and for all others; minutes."""
    read, true = _read(record)
    error, near = distance(read, true), distance(true, 0) <= SEAM
    return tuple(float(error[k].mean()) if k.any() else float("nan") for k in (near, ~near))  # type: ignore[return-value]


class WrongReading(TypedDict):
    """A reading and the true time as texts, its error in minutes, its certainty from 0 to 1.

    `index` is the image's place in the test split.
    """

    index: int
    true: str
    read: str
    error: float
    certainty: float | None


class WorstReadings(TypedDict):
    """The largest errors of a run, the worst first."""

    run: Record
    items: list[WrongReading]


def fault_rows(plan: PlanData, records: Iterable[Record]) -> list[Row]:
    """Return the frequencies of errors by kind for each trial, as estimates over its runs.

    Keys: trial, n, and estimates of minutes, within_1_minute, within_5_minutes,
    hour_flips, wraps (shares of all test images), seam and elsewhere (mean error in minutes).
    """
    runs = by_trial(records)
    rows: list[Row] = []
    for trial in plan["trials"]:
        mine = clock_runs(runs.get(trial["trial_id"], []))
        if not mine:
            continue
        found: dict[str, list[float]] = {}
        for record in mine:
            for name, value in _faults(record).items():
                found.setdefault(name, []).append(value)
        faults = {name: estimate(values, bounds=_bounds(name)) for name, values in found.items()}
        rows.append({"trial": str(trial["label"]), "n": len(mine), **faults})
    return rows


def _bounds(name: str) -> tuple[float, float]:
    """Return the range of a frequency, or of a mean error in minutes."""
    return (0.0, HALF_DAY / 2) if name in ("minutes", "seam", "elsewhere") else (0.0, 1.0)


def _faults(record: Record) -> dict[str, float]:
    read, true = _read(record)
    error = distance(read, true)
    near, elsewhere = seam(record)
    return {
        "minutes": float(error.mean()),
        "within_1_minute": float((error <= 1).mean()),
        "within_5_minutes": float((error <= 5).mean()),
        "hour_flips": float(hour_flip(read, true).mean()),
        "wraps": float(wrapped_error(read, true).mean()),
        "seam": near,
        "elsewhere": elsewhere,
    }


def worst(runs: Sequence[Record], count: int = 12) -> WorstReadings:
    """Return the largest errors of the run with the best validation result."""
    run = best_run(runs, "val_minutes") or runs[0]
    read, true = _read(run)
    error = distance(read, true)
    certainty = run.predictions.get("test_certainty", np.full(len(read), np.nan)).astype(float)
    items: list[WrongReading] = [
        {
            "index": int(i),
            "true": text(true[i]),
            "read": text(read[i]),
            "error": float(error[i]),
            "certainty": float(certainty[i]) if np.isfinite(certainty[i]) else None,
        }
        for i in np.argsort(-error, kind="stable")[:count]
        if error[i] > 0
    ]
    return {"run": run, "items": items}


def _labels(trial: PlannedTrial) -> str:
    task = trial.get("config", {}).get("task")
    return str(task.get("labels", "")) if isinstance(task, Mapping) else ""


def _said(found: Estimate, unit: str, scale: float = 1.0) -> str:
    if found.n < 2:
        return f"{scale * found.mean:.2f} {unit} (one run)"
    low, high = scale * found.low, scale * found.high
    return f"{scale * found.mean:.2f} {unit} (95 % CI {low:.2f} to {high:.2f}, n = {found.n})"


def clock_answers(plan: PlanData, records: Iterable[Record]) -> list[str]:
    """Return answers to questions about representations, one sentence for each.

    What is wrong with plain regression, can 720 classes be learned, and what do several heads and
    periodic labels do? Only measured answers are included.
    """
    runs = by_trial(records)
    texts = []
    for trial in plan["trials"]:
        mine = clock_runs(runs.get(trial["trial_id"], []))
        if not mine:
            continue
        faults = [_faults(record) for record in mine]
        found = {
            name: estimate([f[name] for f in faults], bounds=_bounds(name)) for name in faults[0]
        }
        seams = estimate([f["seam"] - f["elsewhere"] for f in faults])
        texts.append(_sentence(str(trial["label"]), _labels(trial), found, seams))
    return texts


def _sentence(label: str, labels: str, found: Mapping[str, Estimate], seams: Estimate) -> str:
    said = f"{label}: mean error {_said(found['minutes'], 'min')}"
    flips = _said(found["hour_flips"], "%", 100)
    if labels in ("regression", "circular_regression"):
        worse = seams.n > 1 and seams.low > 0
        beside = f"{found['seam'].mean:.1f} min within half an hour of 12:00, "
        beside += f"{found['elsewhere'].mean:.1f} elsewhere"
        why = "; the seam costs it" if worse else "; no cost of the seam is shown" * (seams.n > 1)
        return f"{said}: {beside}{why}."
    if labels.startswith("classes_"):
        exact = _said(found["within_1_minute"], "%", 100)
        learned = found["minutes"].high < HALF_DAY / 4
        verdict = ": above chance" if learned else ": not distinguishable from guessing (180 min)"
        return f"{said}, within one minute in {exact}{verdict * (found['minutes'].n > 1)}."
    return f"{said}; the minute right and the hour wrong in {flips}."
