"""Tables of classes: precision, recall, F1 and PR-AUC, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.core.metrics import Metric
from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.flat import Row
from assay.reports.results import interval_text
from assay.reports.tables import Column, Table
from assay.reports.texts import ns
from assay.statistics import by_trial

__all__ = ["class_tables"]

MAX_CLASSES = 30

_FORMATS = {
    "precision": Metric("precision (%)", scale=100, decimals=1),
    "recall": Metric("recall (%)", scale=100, decimals=1),
    "f1": Metric("F1 (%)", scale=100, decimals=1),
    "pr_auc": Metric("PR-AUC", decimals=3),
}
"""Header and format (fewer decimals than elsewhere) of each of `CLASS_METRICS`."""


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
            *(Column(_FORMATS[name].name, _cell(name)) for name in known),
        )
        counts = [row["recall"].n for row in rows]
        runs_of = ns(counts).removeprefix("n = ")
        over = "one run" if max(counts) == 1 else f"mean over {runs_of} runs with its 95 % interval"
        notes = (
            f"Each class against all others: {over}. Recall is the accuracy on the images of the "
            "class.",
        )
        title = f"Classes: {trial['label']}"
        made.append(Table(title, columns, entries, f"assay report {plan['study']}", notes))
    return made


def _cell(name: str) -> Callable[[Row], str]:
    return lambda row: interval_text(row[name].interval, _FORMATS[name].number)
