"""The tables of a study, for printing, files and pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.context import lacking_notes, published_rows, published_source
from assay.reports.flat import Row
from assay.reports.names import marked, trial_names
from assay.reports.protocol import ahead_text, choice_note, dataset_setting, tuned_note
from assay.reports.tables import Column, Table
from assay.reports.texts import far_runs
from assay.reports.views import best_by_data, trial_rows
from assay.statistics import (
    Estimate,
    Interval,
    bad_runs,
    by_trial,
    factor_name,
    level_means,
    metric_of,
    metric_title,
    primary_metric,
    with_unit,
)

__all__ = [
    "interval_text",
    "levels_table",
    "mean_text",
    "published_table",
    "results",
]


def varied_words(plan: PlanData) -> list[str]:
    """Return what differs between the runs of a trial in addition to their seeds, in words."""
    # the seed of the split also chooses the test images, unless all of them are used
    some = any(dataset_setting(trial["config"], "test") is not None for trial in plan["trials"])
    images = "training, validation and test images" if some else "training and validation images"
    words = {"split": f"choices of {images}", "pictures": "drawn pictures"}
    return [text for name, text in words.items() if name in plan.get("vary", ())]


def covered(plan: PlanData) -> str:
    """Describe what the intervals of a study cover."""
    more = varied_words(plan)
    what = ", ".join(["seeds", *more[:-1]]) + "".join(f" and {text}" for text in more[-1:])
    return (
        f"± is half of the 95 % t-interval of the mean over n runs with different {what}; its "
        "ends stand in parentheses where it is longer on one side."
    )


def mean_text(found: Estimate, metric: str) -> str:
    """Return the mean with its interval, in the format of a metric, see `interval_text`."""
    return interval_text(found.interval, metric_of(metric).number)


def interval_text(found: Interval, number: Callable[[float], str]) -> str:
    """Return "97.68 ± 0.12", "97.68" of a single run, or "-".

    If the interval is longer on one side, its ends are given: "52.7 (10.2 to 66.1)".

    Args:
        number: format of the number, of half of its interval and of the ends; "-" for NaN.
    """
    text = number(found.value)
    if not math.isfinite(found.half_width):
        return text
    above, below = found.high - found.value, found.value - found.low
    if math.isclose(above, below, rel_tol=1e-6, abs_tol=1e-12):
        return f"{text} ± {number(found.half_width)}"
    return f"{text} ({number(found.low)} to {number(found.high)})"


def _mean(metric: str) -> Callable[[Row], str]:
    return lambda row: mean_text(row[metric], metric)


def _known(value: float | Estimate | None) -> bool:
    return value.n > 0 if isinstance(value, Estimate) else value is not None


def _number(name: str, digits: int = 0) -> Callable[[Row], str]:
    return lambda row: "-" if row[name] is None else f"{row[name]:,.{digits}f}"


def _runs_text(row: Row) -> str:
    parts = [str(row["n"])]
    parts += [f"{row[k]} {k}" for k in ("diverged", "failed", "missing") if row.get(k)]
    return ", ".join(parts)


def results(plan: PlanData, records: Iterable[Record]) -> Table:
    """Return one row for each trial: n, mean with its interval, spread, median, epoch, time."""
    records = list(records)
    base = primary_metric(plan, records)
    test, val = f"test_{base}", f"val_{base}"
    spread = metric_of(test)
    rows = trial_rows(plan, records)
    columns = [
        Column("trial", lambda r: marked(r["name"], r), "left"),
        Column("n", _runs_text),
        Column(f"{with_unit(test)}, mean ± 95 %", _mean(test)),
        Column("std", lambda r: spread.number(r[test].std)),
        Column("median", lambda r: spread.number(r[test].median)),
    ]
    optional = [
        (val, Column(f"{with_unit(val)}, mean ± 95 %", _mean(val))),
        ("best_epoch", Column("best epoch", _number("best_epoch", 1))),
        ("parameters", Column("parameters", _number("parameters"))),
        ("seconds", Column("s a run", _mean("seconds"))),
        ("images_per_second", Column("images/s", _number("images_per_second"))),
    ]
    done = any(r["n"] for r in rows)  # imported results may have no validation
    columns += [
        column
        for name, column in optional
        if any(_known(r[name]) for r in rows) or (name == val and not done)
    ]
    notes = [covered(plan)]
    said = (
        _room_note(records, test),
        choice_note(plan, any(r["best"] for r in rows)),
        tuned_note(plan),
    )
    notes += [note for note in said if note]
    called = trial_names(plan)
    ahead = [called[t["trial_id"]] for b in best_by_data(plan, records) for t in b.ahead]
    notes += [f"{ahead_text(ahead)}."] if ahead else []
    notes += lacking_notes(records, [base])
    if any(r["diverged"] or r["failed"] for r in rows):
        worst = "; in comparisons, diverged runs count as the worst."
        notes.append(
            "Diverged and failed runs are counted but excluded from means"
            + (" and comparisons." if spread.higher_is_better is None else worst)
        )
    if {"s a run", "images/s"} <= {column.header for column in columns}:
        notes.append("s a run: with preparation and evaluation; images/s: of training alone.")
    return Table(
        f"Results of {plan['study']}",
        tuple(columns),
        tuple(rows),
        f"assay results {plan['study']}",
        tuple(notes),
    )


def _room_note(records: Sequence[Record], metric: str) -> str:
    """Say that intervals are longer than those of t, as a reader would compute them, and why."""
    bad = bad_runs(by_trial(records), metric)
    if not bad.runs:
        return ""
    longer = metric_of(metric).size(float(bad.margin))
    return (
        f"Intervals of {metric_title(metric)} are up to {longer} longer on a side than by t "
        f"alone, because {far_runs(int(bad.runs))}."
    )


def levels_table(plan: PlanData, records: Iterable[Record], metric: str | None = None) -> Table:
    """Return the metric at each level of each factor (main effects)."""
    records = list(records)
    metric = metric or f"test_{primary_metric(plan, records)}"
    factors = list(plan.get("factors") or {})
    rows = tuple(
        {
            "factor": m.factor,
            "level": m.level,
            "trials": m.trials,
            "n": m.estimate.n,
            "diverged": m.estimate.diverged,
            "failed": m.estimate.failed,
            metric: m.estimate,
        }
        for m in level_means(plan, records, metric)
    )
    columns = (
        Column("factor", lambda r: factor_name(r["factor"], factors), "left"),
        Column("level", lambda r: r["level"], "left"),
        Column("trials", lambda r: str(r["trials"])),
        Column("n", _runs_text),
        Column(f"{with_unit(metric)}, mean ± 95 %", _mean(metric)),
    )
    how = (
        "Averaged over the levels of all other factors, by seed; n counts the seeds with a value "
        "at all of them."
        if plan.get("design") == "full_factorial"
        else "All other factors at their reference."
    )
    title = f"Means by level in {plan['study']}"
    return Table(title, columns, rows, f"assay report {plan['study']}", (how,))


def published_table(plan: PlanData, records: Iterable[Record]) -> Table:
    """Return a table of published values with ours."""
    rows = tuple(published_rows(plan, records))

    def ours(row: Row) -> str:
        return mean_text(row["ours"], row["metric"])

    def verdict(row: Row) -> str:
        if row["verdict"] is None:
            return row["no_verdict"]
        return "no significant difference" if row["verdict"] == "same" else row["verdict"]

    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        Column("metric", lambda r: with_unit(r["metric"]), "left"),
        Column("published", lambda r: metric_of(r["metric"]).number(r["published"])),
        Column("ours, mean ± 95 %", ours),
        Column("n", lambda r: str(r["n"])),
        Column("ours is", verdict, "left"),
        Column("source", published_source, "left"),
    )
    notes = (
        "above, below: the published mean lies outside our 95 % interval. Single runs, ours or "
        "published, and results of another split are not tested.",
    )
    title = f"Published values compared with {plan['study']}"
    return Table(title, columns, rows, f"assay report {plan['study']}", notes)
