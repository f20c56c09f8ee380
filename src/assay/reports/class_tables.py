"""Tables of classes: precision, recall, F1 and PR-AUC, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.flat import Row
from assay.reports.tables import Column, Table
from assay.statistics import Estimate, by_trial

__all__ = ["class_tables"]

MAX_CLASSES = 30

_HEADERS = {
    "precision": ("precision (%)", 100, 1),
    "recall": ("recall (%)", 100, 1),
    "f1": ("F1 (%)", 100, 1),
    "pr_auc": ("PR-AUC", 1, 3),
}
"""Header, scale and decimals (fewer than elsewhere) of each of `CLASS_METRICS`."""


def class_tables(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> list[Table]:
    """Return a table of the classes for each headline trial that predicts at most 30 of them."""
    runs, made = by_trial(records), []
    for trial in views.headline_trials(plan, records):
        rows = predictions.per_class(runs[trial["trial_id"]])
        if not 0 < len(rows) <= MAX_CLASSES:
            continue
        spec = trial.get("config", {}).get("dataset") or {}
        names = predictions.class_names(spec, lookup(spec), max(r["class"] for r in rows) + 1)
        entries = tuple({**row, "class": names[row["class"]]} for row in rows)
        known = [name for name in predictions.CLASS_METRICS if name in rows[0]]
        columns = (
            Column("class", lambda r: r["class"], "left"),
            Column("test images", lambda r: str(r["images"])),
            *(Column(_HEADERS[name][0], _cell(name)) for name in known),
        )
        n = rows[0]["recall"].n
        notes = (
            f"Each class against all others: "
            f"{'one run' if n == 1 else f'mean over {n} runs with its 95 % interval'}. Recall is "
            "the accuracy on the images of the class.",
        )
        title = f"Classes: {trial['label']}"
        made.append(Table(title, columns, entries, f"assay report {plan['study']}", notes))
    return made


def _cell(name: str) -> Callable[[Row], str]:
    _, scale, decimals = _HEADERS[name]

    def text(row: Row) -> str:
        """As `mean_text`, with the ends of the interval if one side is longer."""
        found: Estimate = row[name]
        mean, low, high = (f"{scale * x:.{decimals}f}" for x in (found.mean, found.low, found.high))
        if not math.isfinite(found.half_width):
            return mean
        if math.isclose(found.high - found.mean, found.mean - found.low, abs_tol=1e-9):
            return f"{mean} ± {scale * found.half_width:.{decimals}f}"
        return f"{mean} ({low} to {high})"

    return text
