"""Tables of comparisons: effects of factors, and two trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.flat import Row
from assay.reports.protocol import tuned_sides
from assay.reports.results import mean_text
from assay.reports.tables import Column, Table
from assay.statistics import (
    CONFIDENCE,
    Comparison,
    Effect,
    bad_runs,
    compare_outcomes,
    difference_digits,
    effects,
    estimate_runs,
    factor_name,
    family_sentences,
    family_size,
    judged,
    metric_of,
    metric_title,
    outcomes,
    p_text,
    primary_metric,
    with_unit,
)

__all__ = [
    "compare_trials",
    "compared_text",
    "difference_text",
    "effect_column",
    "effect_entries",
    "effects_table",
    "p_adjusted_text",
    "pairs_text",
    "trial_effects",
]


def difference_text(found: Comparison, metric: str) -> str:
    """Return a difference with its interval: "+1.2 (0.8 to 1.6)"."""
    if math.isnan(found.difference):
        return "-"
    known = metric_of(metric)
    digits = difference_digits(known, found)
    text = known.signed(found.difference, digits).split(" ")[0]
    if math.isnan(found.low):
        return f"{text} (no interval)"
    return f"{text} ({known.number(found.low, digits)} to {known.number(found.high, digits)})"


def _p_better_text(comparison: Comparison) -> str:
    found = comparison.p_better
    if math.isnan(found.value):
        return "-"
    text = f"{found.value:.2f}"
    return text if math.isnan(found.low) else f"{text} ({found.low:.2f} to {found.high:.2f})"


def compared_text(effect: Effect) -> str:
    """Describe a comparison: "tanh against relu, at units = 32"."""
    text = f"{effect.level} against {effect.against}"
    if effect.pooled > 1:
        return f"{text}, over {effect.pooled} combinations"
    held = ", ".join(f"{factor_name(k)} = {v}" for k, v in effect.where.items())
    return f"{text}, at {held}" if held else text


def pairs_text(found: Comparison) -> str:
    """Return the number of pairs, or runs, of a comparison: "5", "5 unpaired"."""
    return f"{found.n}{'' if found.paired or not found.n else ' unpaired'}"


def p_adjusted_text(p: float) -> str:
    """Return the corrected p without its name: "0.012", "< 0.001", "no test"."""
    return p_text(p).removeprefix("p ").removeprefix("= ")


def effects_table(
    plan: PlanData,
    records: Iterable[Record],
    metric: str | None = None,
    found: Sequence[Effect] | None = None,
) -> Table:
    """Return one row for each comparison of the study, corrected over all of them."""
    records = list(records)
    metric = metric or f"test_{primary_metric(plan, records)}"
    found = effects(plan, records, metric) if found is None else found
    unit = metric_of(metric).difference_unit
    factors = list(plan.get("factors") or {})
    columns = (
        effect_column("factor", lambda e: factor_name(e.factor, factors), "left"),
        effect_column("compared", compared_text, "left"),
        effect_column("n", lambda e: pairs_text(e.comparison)),
        effect_column(
            f"difference{f' ({unit})' if unit else ''}, corrected 95 % CI",
            lambda e: difference_text(e.comparison, e.metric),
        ),
        effect_column("p after Holm", lambda e: p_adjusted_text(e.p_adjusted)),
        effect_column("P(better), 95 % CI", lambda e: _p_better_text(e.comparison)),
        effect_column("verdict", lambda e: e.verdict, "left"),
    )
    size = family_size(found)
    corrected = f"is corrected by Holm over all {size} comparisons"
    if size == 1:
        corrected = "needs no correction, because it is the only one"
    odd = any(e.comparison.n and not e.comparison.paired for e in found)
    notes = (
        f"Level minus reference in {metric_title(metric)}, paired by seed; the p of the paired "
        f"t-test {corrected}; better or worse: p < 0.05. The interval belongs to this decision: it "
        "excludes 0 if the difference is significant.",
        *(["Unpaired: too few runs have a common seed, so Welch's t-test is used."] if odd else []),
        "P(better): fraction of pairs in which the level wins (Bouthillier et al. 2021), with the "
        "interval of Clopper and Pearson, which covers at least 95 %.",
        *family_sentences(plan, found),
    )
    title = f"What the factors of {plan['study']} do"
    return Table(title, columns, effect_entries(found), f"assay report {plan['study']}", notes)


def effect_entries(found: Iterable[Effect]) -> tuple[Row, ...]:
    """Return effects as the entries of a table of `effect_column`s."""
    return tuple({"effect": effect} for effect in found)


def effect_column(
    header: str, text: Callable[[Effect], str], align: Literal["left", "right"] = "right"
) -> Column:
    """Return a column of a table of effects."""
    return Column(header, lambda row: text(row["effect"]), align)


def trial_effects(
    a: Sequence[Record],
    b: Sequence[Record],
    names: tuple[str, str] = ("A", "B"),
    metric: str | None = None,
) -> list[Effect]:
    """Compare two trials in every metric that both have: A minus B, paired by seed. As in a study,
    a diverged run counts as the worst.

    The main metric comes first and is tested alone; the p-values of the others are corrected by
    Holm over these.

    Args:
        metric: the only one to compare; by default the main one and all others.
    """
    main = metric or f"test_{primary_metric({}, [*a, *b])}"
    measured = [_metrics(runs) for runs in (a, b)]
    lost = [{r.status for r in runs} == {"diverged"} for runs in (a, b)]
    # a side that diverged as a whole has no metric, and is the worst in all of the other's
    shared = set.union(*measured) if any(lost) else set.intersection(*measured)
    others = sorted(shared - {main}, key=lambda m: (not m.startswith("test_"), m))
    found: list[Effect] = []
    for family in ([main] if main in shared else [], [] if metric else others):
        found += judged(
            [Effect("trial", *names, {}, 1, name, _between(a, b, name)) for name in family],
            lambda i, level, family=family: _between(a, b, family[i], level),
        )
    return found


def compare_trials(
    records_a: Iterable[Record],
    records_b: Iterable[Record],
    names: tuple[str, str] = ("A", "B"),
    metric: str | None = None,
    found: Sequence[Effect] | None = None,
) -> Table:
    """Return a row for each metric that two trials have in common (see `trial_effects`)."""
    a, b = list(records_a), list(records_b)
    found = trial_effects(a, b, names, metric) if found is None else found
    bad = {e.metric: bad_runs([a, b], e.metric) for e in found}
    rows = [
        {
            "metric": e.metric,
            "a": estimate_runs(a, e.metric, bad=bad[e.metric]),
            "b": estimate_runs(b, e.metric, bad=bad[e.metric]),
            "comparison": e.comparison,
            "p_adjusted": e.p_adjusted,
            "confidence": e.confidence,
            "verdict": e.verdict,
        }
        for e in found
    ]
    columns = (
        Column("metric", lambda r: with_unit(r["metric"]), "left"),
        Column(names[0], lambda r: mean_text(r["a"], r["metric"])),
        Column(names[1], lambda r: mean_text(r["b"], r["metric"])),
        Column("difference, 95 % CI", lambda r: difference_text(r["comparison"], r["metric"])),
        Column("p", lambda r: p_adjusted_text(r["p_adjusted"])),
        Column(f"P({names[0]} better), 95 % CI", lambda r: _p_better_text(r["comparison"])),
        Column("n", lambda r: str(r["comparison"].n)),
    )
    lost = [
        f"{sum(r.status != 'finished' for r in runs)} of {len(runs)} runs of {name} did not finish"
        for name, runs in zip(names, (a, b), strict=True)
        if any(r.status != "finished" for r in runs)
    ]
    tuned = tuned_sides(dict(zip(names, (a, b), strict=True)))
    told = (*_notes(found), *lost, *_families(found), *([tuned] if tuned else []))
    title = f"{names[0]} against {names[1]}"
    return Table(title, columns, tuple(rows), f"assay compare {names[0]} {names[1]}", told)


def _notes(found: Sequence[Effect]) -> list[str]:
    """Return the notes of comparisons, each once, with its metrics unless it holds for all."""
    said: dict[str, list[str]] = {}
    for effect in found:
        for note in filter(None, effect.comparison.note.split("; ")):
            said.setdefault(note, []).append(metric_title(effect.metric))
    every = len(found)
    named = {note: "" if len(of) == every else f"{', '.join(of)}: " for note, of in said.items()}
    return [f"{of[:1].upper()}{of[1:]}{note}" for note, of in named.items()]


def _families(found: Sequence[Effect]) -> list[str]:
    """Say over which metrics the p-values are corrected."""
    if len(found) < 2 or found[0].family > 1:
        return []
    rest = found[1:]
    others = "the other metric is tested alone, too"
    if len(rest) > 1:
        others = (
            f"intervals and p-values of the {len(rest)} others are corrected by Holm over these "
            f"{len(rest)}"
        )
    main = metric_title(found[0].metric)
    return [f"{main[0].upper()}{main[1:]} decides and is tested alone; {others}."]


def _between(
    a: Sequence[Record], b: Sequence[Record], metric: str, confidence: float = CONFIDENCE
) -> Comparison:
    runs = {"a": a, "b": b}
    sides, bad = outcomes(runs, metric), bad_runs(runs, metric)
    return compare_outcomes(sides["a"], sides["b"], bad, metric=metric, confidence=confidence)


def _metrics(records: Sequence[Record]) -> set[str]:
    names = {name for r in records if r.status == "finished" for name in r.metrics}
    return {name for name in names if name.startswith(("val_", "test_"))}
