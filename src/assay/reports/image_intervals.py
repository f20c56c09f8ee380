"""Uncertainty from the choice of test images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.flat import Row
from assay.reports.names import trial_names
from assay.reports.predictions import classified, same_images
from assay.reports.protocol import tuned_note
from assay.reports.tables import Column, Table
from assay.reports.views import data_names, images_name
from assay.statistics import Interval, by_trial, image_interval, metric_of, primary_metric

__all__ = ["images_table"]

METRIC = "test_accuracy"

_NOTE = (
    "95 % bootstrap interval over the test images, with fixed runs. It covers other test images of "
    "the same kind; the interval over runs covers other seeds. Neither covers both. Differences "
    "are relative to the first trial with the same images, paired by image, and not corrected for "
    "multiple comparisons."
)


def images_table(plan: PlanData, records: Iterable[Record]) -> Table | None:
    """Return one row for each trial that classified test images: accuracy with its interval over
    the images, and the difference to the first trial with the same images; None if accuracy is not
    the main metric, or predictions were not kept."""
    records = list(records)
    if f"test_{primary_metric(plan, records)}" != METRIC:
        return None
    runs, names = by_trial(records), trial_names(plan)
    first: dict[str, tuple[str, np.ndarray, Record]] = {}
    rows: list[Row] = []
    images = data_names((trial["config"] for trial in plan["trials"]), images_name)
    for called, trial in zip(images, plan["trials"], strict=True):
        judged = _right(runs.get(trial["trial_id"], []))
        if judged is None:
            continue
        right, run = judged
        name = names[trial["trial_id"]]
        base, beside, other = first.setdefault(called, (name, *judged))
        compared = base != name and same_images(run, other)
        rows.append(
            {
                "trial": name,
                "n": len(right),
                "images": right.shape[1],
                METRIC: image_interval(right),
                "difference": image_interval(right, beside) if compared else Interval(),
                "against": base if compared else "",
            }
        )
    if not rows:
        return None
    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        Column("n", lambda r: str(r["n"])),
        Column("images", lambda r: f"{r['images']:,}"),
        Column("test accuracy (%)", lambda r: _text(r[METRIC])),
        Column("difference (points)", lambda r: _text(r["difference"])),
        Column("against", lambda r: r["against"], "left"),
    )
    title = f"Over test images: {plan['study']}"
    command = f"assay results {plan['study']} --over images"
    tuned = tuned_note(plan)
    return Table(title, columns, tuple(rows), command, (_NOTE, *([tuned] if tuned else [])))


def _right(records: Iterable[Record]) -> tuple[np.ndarray, Record] | None:
    """Return which run is correct on which image, (runs, images), and a run of those images; None
    without common images."""
    runs = classified(records)
    if not runs or not all(same_images(run, runs[0]) for run in runs):
        return None
    right = [r.predictions["test_predicted"] == r.predictions["test_target"] for r in runs]
    return np.stack(right), runs[0]


def _text(found: Interval) -> str:
    if not np.isfinite(found.value):
        return "-"
    known = metric_of(METRIC)
    return f"{known.number(found.value)} ({known.number(found.low)} to {known.number(found.high)})"
