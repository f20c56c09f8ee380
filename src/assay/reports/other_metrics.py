"""The metrics that a study asks for beside the one that it is judged by, in tables of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.core.records import Record
from assay.reports.context import lacking_notes
from assay.reports.names import marked
from assay.reports.results import (
    compared_text,
    difference_text,
    mean_text,
    p_adjusted_text,
    with_unit,
)
from assay.reports.tables import Column, Row, Table
from assay.reports.views import effect_rows, other_metrics, trial_rows
from assay.statistics import effects, factor_name, metric_title, primary_metric

__all__ = ["metrics_table", "other_effects_table"]


def metrics_table(plan: Mapping[str, Any], records: Iterable[Record]) -> Table | None:
    """Return one row for each trial with all other metrics on test; None where there are none."""
    records = list(records)
    main = primary_metric(plan, records)
    names = other_metrics(plan, main)
    if not names:
        return None
    notes = lacking_notes(records, names)
    columns = [
        Column("trial", lambda r: marked(r["name"], r), "left"),
        Column("n", lambda r: str(r["n"])),
        *(_column(f"test_{name}") for name in names),
    ]
    title = f"Other metrics of {plan['study']}"
    said = f"Mean ± half of the 95 % t-interval. The study is judged by {metric_title(main)}."
    rows = tuple(trial_rows(plan, records))
    return Table(title, tuple(columns), rows, f"assay results {plan['study']}", (said, *notes))


def _column(name: str) -> Column:
    def text(row: Row) -> str:
        return mean_text(row, name)

    return Column(with_unit(name), text)


def other_effects_table(plan: Mapping[str, Any], records: Iterable[Record]) -> Table | None:
    """Return the comparisons of the study in all other metrics; None where there are none."""
    records = list(records)
    main = primary_metric(plan, records)
    names = other_metrics(plan, main)
    found = {name: effect_rows(effects(plan, records, f"test_{name}")) for name in names}
    rows = tuple(row for of_metric in found.values() for row in of_metric)
    if not rows:
        return None
    factors = list(plan.get("factors") or {})
    columns = (
        Column("metric", lambda r: with_unit(r["metric"]), "left"),
        Column("factor", lambda r: factor_name(r["factor"], factors), "left"),
        Column("compared", compared_text, "left"),
        Column("n", lambda r: f"{r['n']}{'' if r['paired'] or not r['n'] else ' unpaired'}"),
        Column("difference, corrected 95 % CI", difference_text),
        Column("p after Holm", p_adjusted_text),
        Column("verdict", lambda r: r["verdict"], "left"),
    )
    notes = (
        f"The study is judged by {metric_title(main)} alone. The p-values of each metric are "
        "corrected by Holm over its comparisons, not over the metrics.",
    )
    title = f"What the factors of {plan['study']} do to other metrics"
    return Table(title, columns, rows, f"assay report {plan['study']}", notes)
