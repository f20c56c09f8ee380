"""The tables of a study, ready to be printed, saved or set into a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assay.core.records import Record
from assay.reports.context import lacking_notes, published_rows, published_source
from assay.reports.names import marked
from assay.reports.tables import Column, Row, Table, plain
from assay.reports.views import effect_rows, flat, trial_rows
from assay.statistics import (
    CONFIDENCE,
    Comparison,
    Effect,
    compare,
    effects,
    estimate_runs,
    factor_name,
    judged,
    level_means,
    metric_of,
    metric_title,
    p_text,
    primary_metric,
    values_by_seed,
)

__all__ = [
    "compare_trials",
    "compared_text",
    "difference_text",
    "effects_table",
    "levels_table",
    "mean_text",
    "p_adjusted_text",
    "published_table",
    "results",
    "with_unit",
]


INTERVAL = "± is half of the 95 % t-interval of the mean over n runs with different seeds."


def mean_text(row: Row, name: str, metric: str | None = None) -> str:
    """Return "97.68 ± 0.12", "97.68" of a single run, or "-".

    Where the interval is longer on one side, its ends are told: "52.7 (10.2 to 66.1)".
    """
    known = metric_of(metric or name)
    mean, low, high = (row.get(k) for k in (name, f"{name}_low", f"{name}_high"))
    if mean is None:
        return "-"
    text = known.number(mean)
    if low is None or high is None:
        return text
    if math.isclose(high - mean, mean - low, rel_tol=1e-6, abs_tol=1e-12):
        return f"{text} ± {known.number((high - low) / 2)}"
    return f"{text} ({known.number(low)} to {known.number(high)})"


def with_unit(name: str) -> str:
    """Return a metric in words with its unit: "test accuracy (%)"."""
    unit = metric_of(name).unit
    return f"{metric_title(name)} ({unit})" if unit else metric_title(name)


def _number(name: str, digits: int = 0) -> Any:
    return lambda row: "-" if row[name] is None else f"{row[name]:,.{digits}f}"


def _runs_text(row: Row) -> str:
    parts = [str(row["n"])]
    parts += [f"{row[k]} {k}" for k in ("diverged", "failed", "missing") if row[k]]
    return ", ".join(parts)


def results(plan: Mapping[str, Any], records: Iterable[Record]) -> Table:
    """Return one row for each trial: n, mean with its interval, spread, median, epoch, time."""
    records = list(records)
    base = primary_metric(plan, records)
    test, val = f"test_{base}", f"val_{base}"
    spread = metric_of(test)
    rows = trial_rows(plan, records)
    columns = [
        Column("trial", lambda r: marked(r["name"], r), "left"),
        Column("n", _runs_text),
        Column(f"{with_unit(test)}, mean ± 95 %", lambda r: mean_text(r, test)),
        Column("std", lambda r: spread.number(r[f"{test}_std"])),
        Column("median", lambda r: spread.number(r[f"{test}_median"])),
        Column(f"{with_unit(val)}, mean ± 95 %", lambda r: mean_text(r, val)),
    ]
    optional = [
        ("best_epoch", Column("best epoch", _number("best_epoch", 1))),
        ("parameters", Column("parameters", _number("parameters"))),
        ("seconds", Column("s a run", lambda r: mean_text(r, "seconds"))),
        ("images_per_second", Column("images/s", _number("images_per_second"))),
    ]
    columns += [column for name, column in optional if any(r[name] is not None for r in rows)]
    notes = [INTERVAL]
    if plan.get("selected"):
        notes.append(
            "Trained on the validation images as well, so that what is measured on them tells "
            "nothing; best: of the search."
        )
    elif any(r["best"] for r in rows):
        notes.append("best: chosen by the validation metric alone, among trials on the same data.")
    notes += lacking_notes(records, [base])
    if any(r["diverged"] or r["failed"] for r in rows):
        notes.append(
            "Diverged and failed runs are counted and are in no mean; in comparisons, diverged "
            "ones count as the worst."
        )
    return Table(
        f"Results of {plan['study']}",
        tuple(columns),
        tuple(rows),
        f"assay results {plan['study']}",
        tuple(notes),
    )


def difference_text(row: Row) -> str:
    """Return a difference with its interval: "+1.2 (0.8 to 1.6)"."""
    if row["difference"] is None:
        return "-"
    known = metric_of(row["metric"])
    half = None if row["high"] is None else (row["high"] - row["low"]) / 2
    digits = known.digits(half)
    text = known.signed(row["difference"], digits).split(" ")[0]
    if row["low"] is None:
        return f"{text} (no interval)"
    return f"{text} ({known.number(row['low'], digits)} to {known.number(row['high'], digits)})"


def _p_better_text(row: Row) -> str:
    if row["p_better"] is None:
        return "-"
    text = f"{row['p_better']:.2f}"
    if row["p_better_low"] is None:
        return text
    return f"{text} ({row['p_better_low']:.2f} to {row['p_better_high']:.2f})"


def compared_text(row: Row) -> str:
    """Return what is compared: "tanh against relu, at units = 32"."""
    text = f"{row['level']} against {row['against']}"
    if row["pooled"] > 1:
        return f"{text}, over {row['pooled']} combinations"
    held = ", ".join(f"{factor_name(k)} = {v}" for k, v in row["where"].items())
    return f"{text}, at {held}" if held else text


def effects_table(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    metric: str | None = None,
    found: Sequence[Effect] | None = None,
) -> Table:
    """Return one row for each comparison of the study, corrected over all of them."""
    records = list(records)
    metric = metric or f"test_{primary_metric(plan, records)}"
    rows = effect_rows(effects(plan, records, metric) if found is None else found)
    unit = metric_of(metric).difference_unit
    factors = list(plan.get("factors") or {})
    columns = (
        Column("factor", lambda r: factor_name(r["factor"], factors), "left"),
        Column("compared", compared_text, "left"),
        Column("n", lambda r: f"{r['n']}{'' if r['paired'] or not r['n'] else ' unpaired'}"),
        Column(f"difference{f' ({unit})' if unit else ''}, corrected 95 % CI", difference_text),
        Column("p after Holm", p_adjusted_text),
        Column("P(better), 95 % CI", _p_better_text),
        Column("verdict", lambda r: r["verdict"], "left"),
    )
    notes = (
        f"Level minus reference in {metric_title(metric)}, paired by seed; the p of the paired "
        f"t-test is corrected by Holm over all {len(rows)} comparisons; better or worse: p < 0.05. "
        "The interval is that of the decision: it leaves out 0 where a difference is called.",
        "P(better): share of pairs in which the level wins (Bouthillier et al. 2021), with the "
        "interval of Clopper and Pearson, which covers at least 95 %.",
    )
    title = f"What the factors of {plan['study']} do"
    return Table(title, columns, tuple(rows), f"assay report {plan['study']}", notes)


def p_adjusted_text(row: Row) -> str:
    """Return the corrected p without its name: "0.012", "< 0.001", "no test"."""
    p = row["p_adjusted"]
    return p_text(math.nan if p is None else p).removeprefix("p ").removeprefix("= ")


def levels_table(
    plan: Mapping[str, Any], records: Iterable[Record], metric: str | None = None
) -> Table:
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
            **flat(metric, m.estimate),
        }
        for m in level_means(plan, records, metric)
    )
    columns = (
        Column("factor", lambda r: factor_name(r["factor"], factors), "left"),
        Column("level", lambda r: r["level"], "left"),
        Column("trials", lambda r: str(r["trials"])),
        Column("n", lambda r: str(r["n"])),
        Column(f"{with_unit(metric)}, mean ± 95 %", lambda r: mean_text(r, metric)),
    )
    how = (
        "Averaged over the levels of all other factors, by seed; n counts seeds."
        if plan.get("design") == "full_factorial"
        else "All other factors at their reference."
    )
    title = f"Means by level in {plan['study']}"
    return Table(title, columns, rows, f"assay report {plan['study']}", (how,))


def published_table(plan: Mapping[str, Any], records: Iterable[Record]) -> Table:
    """Return published values beside ours."""
    rows = tuple(published_rows(plan, records))

    def ours(row: Row) -> str:
        return mean_text(row, "ours", row["metric"])

    def verdict(row: Row) -> str:
        if row["verdict"] is None:
            return row["no_verdict"]
        return "no difference shown" if row["verdict"] == "same" else row["verdict"]

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
        "above, below: the published mean lies outside our 95 % interval. One run, of others or of "
        "ours, and figures of another split are not judged.",
    )
    title = f"Published values beside those of {plan['study']}"
    return Table(title, columns, rows, f"assay report {plan['study']}", notes)


def compare_trials(
    records_a: Iterable[Record],
    records_b: Iterable[Record],
    names: tuple[str, str] = ("A", "B"),
    metric: str | None = None,
) -> Table:
    """Compare two trials in every metric that both have: A minus B, paired by seed.

    The p-values are corrected by Holm over the rows. Rows of `metric` (the main one by default)
    come first.
    """
    a, b = list(records_a), list(records_b)
    main = metric or f"test_{primary_metric({}, [*a, *b])}"
    shared = _metrics(a) & _metrics(b)
    ordered = sorted(shared, key=lambda m: (m != main, not m.startswith("test_"), m))
    found = judged(
        [Effect("trial", *names, {}, 1, name, _between(a, b, name)) for name in ordered],
        lambda i, level: _between(a, b, ordered[i], level),
    )
    rows = [
        {
            "metric": e.metric,
            **flat("a", estimate_runs(a, e.metric)),
            **flat("b", estimate_runs(b, e.metric)),
            **{k: plain(v) for k, v in asdict(e.comparison).items()},
            "p_adjusted": plain(e.p_adjusted),
            "confidence": e.confidence,
            "verdict": e.verdict,
        }
        for e in found
    ]
    columns = (
        Column("metric", lambda r: with_unit(r["metric"]), "left"),
        Column(names[0], lambda r: mean_text(r, "a", r["metric"])),
        Column(names[1], lambda r: mean_text(r, "b", r["metric"])),
        Column("difference, corrected 95 % CI", difference_text),
        Column("p after Holm", p_adjusted_text),
        Column(f"P({names[0]} better), 95 % CI", _p_better_text),
        Column("n", lambda r: str(r["n"])),
    )
    notes = sorted({e.comparison.note for e in found if e.comparison.note})
    lost = [
        f"{sum(r.status != 'finished' for r in runs)} of {len(runs)} runs of {name} did not finish"
        for name, runs in zip(names, (a, b), strict=True)
        if any(r.status != "finished" for r in runs)
    ]
    title = f"{names[0]} against {names[1]}"
    return Table(
        title, columns, tuple(rows), f"assay compare {names[0]} {names[1]}", (*notes, *lost)
    )


def _between(
    a: Sequence[Record], b: Sequence[Record], metric: str, confidence: float = CONFIDENCE
) -> Comparison:
    known, sides = metric_of(metric), [values_by_seed(runs, metric) for runs in (a, b)]
    return compare(*sides, higher_is_better=known.higher_is_better, confidence=confidence)


def _metrics(records: Sequence[Record]) -> set[str]:
    names = {name for r in records if r.status == "finished" for name in r.metrics}
    return {name for name in names if name.startswith(("val_", "test_"))}
