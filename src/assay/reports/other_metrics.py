"""Tables of the metrics that a study names in addition to its main one."""

from __future__ import annotations

from collections.abc import Iterable

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.comparisons import (
    compared_text,
    difference_text,
    effect_column,
    effect_entries,
    p_adjusted_text,
    pairs_text,
)
from assay.reports.context import lacking_notes
from assay.reports.names import marked
from assay.reports.results import mean_text
from assay.reports.tables import Column, Table
from assay.reports.views import other_metrics, trial_rows
from assay.statistics import effects, factor_name, metric_title, primary_metric, with_unit

__all__ = ["metrics_table", "other_effects_table"]


def metrics_table(plan: PlanData, records: Iterable[Record]) -> Table | None:
    """Return one row for each trial with all other metrics on test; None if there are none."""
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
    said = (
        f"Mean ± half of the 95 % t-interval. The main metric of the study is {metric_title(main)}."
    )
    rows = tuple(trial_rows(plan, records))
    return Table(title, tuple(columns), rows, f"assay results {plan['study']}", (said, *notes))


def _column(name: str) -> Column:
    return Column(with_unit(name), lambda row: mean_text(row[name], name))


def other_effects_table(plan: PlanData, records: Iterable[Record]) -> Table | None:
    """Return the comparisons of the study in all other metrics; None if there are none."""
    records = list(records)
    main = primary_metric(plan, records)
    names = other_metrics(plan, main)
    found = [effect for name in names for effect in effects(plan, records, f"test_{name}")]
    if not found:
        return None
    factors = list(plan.get("factors") or {})
    columns = (
        effect_column("metric", lambda e: with_unit(e.metric), "left"),
        effect_column("factor", lambda e: factor_name(e.factor, factors), "left"),
        effect_column("compared", compared_text, "left"),
        effect_column("n", lambda e: pairs_text(e.comparison)),
        effect_column(
            "difference, corrected 95 % CI", lambda e: difference_text(e.comparison, e.metric)
        ),
        effect_column("p after Holm", lambda e: p_adjusted_text(e.p_adjusted)),
        effect_column("verdict", lambda e: e.verdict, "left"),
    )
    notes = (
        f"The main metric of the study is {metric_title(main)}. The p-values of each metric are "
        "corrected by Holm over its comparisons, not over the metrics.",
    )
    title = f"What the factors of {plan['study']} do to other metrics"
    return Table(title, columns, effect_entries(found), f"assay report {plan['study']}", notes)
