"""What each factor does: effects of its levels, corrected over the whole study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from assay.core.plans import PlanData, compared
from assay.core.records import Record
from assay.statistics.compare import Comparison
from assay.statistics.correction import ALPHA, holm, holm_confidence
from assay.statistics.divergence import (
    NOTHING,
    Outcome,
    compare_outcomes,
    mean_by_seed,
    outcomes,
    side_of,
)
from assay.statistics.estimates import CONFIDENCE, Estimate, estimate
from assay.statistics.metrics import metric_of, values_by_seed
from assay.statistics.noise import BadRuns, bad_runs

__all__ = [
    "DIFFERENT",
    "VERDICTS",
    "Effect",
    "LevelMean",
    "by_trial",
    "effects",
    "judged",
    "level_means",
    "verdict_of",
]

DIFFERENT = ("better", "worse", "different")
"""Verdicts that call a difference one; "different" where no direction of the metric is known."""

VERDICTS = (*DIFFERENT, "equivalent", "no significant difference", "not tested")
"""Everything that is said of a comparison."""


@dataclass(frozen=True)
class Effect:
    """The effect of one level of a factor against its reference.

    Attributes:
        factor, level, against: dotted name and the two levels.
        where: levels of the other factors at which it was measured; empty for a pooled effect.
        pooled: number of combinations that it averages; 1 for a single one.
        metric: what was measured.
        comparison: level minus reference; its interval is that of the decision.
        p_adjusted: Holm over all `family` comparisons of the study and of those that compare the
            same runs; NaN without a test.
        confidence: of the interval: 0.95 for the only comparison, more for one of several.
        verdict: "better", "worse", "different" (of a metric without a direction), "equivalent" (the
            interval lies within `equivalence` of zero), "no significant difference" or
            "not tested".
        equivalence: the difference that the study says does not matter, in the metric's own unit;
            NaN for none.
        diverged: {level: number} of runs that diverged, which count as the worst.
        left_out: {level: number} of runs that failed, which count nowhere.
    """

    factor: str
    level: str
    against: str
    where: dict[str, str]
    pooled: int
    metric: str
    comparison: Comparison
    p_adjusted: float = float("nan")
    family: int = 1
    confidence: float = CONFIDENCE
    verdict: str = "not tested"
    equivalence: float = float("nan")
    diverged: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LevelMean:
    """The metric at one level of a factor, averaged over the levels of the others (by seed)."""

    factor: str
    level: str
    estimate: Estimate
    trials: int


def by_trial(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return {trial_id: records sorted by seed}."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda r: r.seed):
        groups.setdefault(record.trial_id, []).append(record)
    return groups


def verdict_of(
    metric: str, comparison: Comparison, p: float, equivalence: float = float("nan")
) -> str:
    """What a comparison is called (see `Effect`), by its corrected p (NaN: no test)."""
    if not np.isfinite(p):
        return "not tested"
    if p < ALPHA:
        higher = metric_of(metric).higher_is_better
        if higher is None:
            return "different"
        return "better" if (comparison.difference > 0) == higher else "worse"
    inside = -equivalence < comparison.low and comparison.high < equivalence
    return "equivalent" if inside else "no significant difference"


def judged(found: Sequence[Effect], again: Callable[[int, float], Comparison]) -> list[Effect]:
    """Correct a family of comparisons by Holm, and call each what it is.

    Args:
        found: with their comparisons.
        again: makes the comparison of that place with an interval of this confidence.
    """
    p = np.array([effect.comparison.p for effect in found])
    made = []
    for i, (effect, corrected, level) in enumerate(
        zip(found, holm(p), holm_confidence(p), strict=True)
    ):
        comparison = again(i, float(level))
        made.append(
            replace(
                effect,
                comparison=comparison,
                p_adjusted=float(corrected),
                family=len(found),
                confidence=float(level),
                verdict=verdict_of(effect.metric, comparison, corrected, effect.equivalence),
            )
        )
    return made


def effects(
    plan: PlanData,
    records: Iterable[Record],
    metric: str = "test_accuracy",
) -> list[Effect]:
    """Return every comparison of the plan, in its order, then the pooled ones.

    A level that the plan compares at several combinations of the other factors is also compared
    over all of them: per seed, the combinations are averaged first, so that n stays the number of
    seeds and runs with a common seed are not taken for independent ones. All of these, single and
    pooled, are one family for Holm's correction, with those of the studies that compare the same
    runs: what two studies ask of the same runs counts once, and gets one answer in both.

    Args:
        plan: needs "comparisons"; "related" are the other studies of its family.
        metric: with its prefix; comparisons on "test_*" choose nothing, they report.
    """
    members = [(plan, list(records)), *plan.get("related", ())]
    together = by_trial({r.run_id: r for _, mine in members for r in mine}.values())
    bad = bad_runs(together, metric)
    found, known = [], Counter[frozenset[frozenset[str]]]()
    sides: list[tuple[Outcome, Outcome]] = []
    for member, mine in members:
        runs, told = by_trial(mine), Counter[frozenset[frozenset[str]]]()
        tried = outcomes(runs, metric, together)
        for rows in compared(member):
            question = frozenset(_runs_of(rows, key, runs) for key in "ab")
            told[question] += 1
            if told[question] <= known[question]:
                continue  # another study asks it, too
            known[question] += 1
            a, b = (side_of([tried.get(row[key], NOTHING) for row in rows]) for key in "ab")
            sides.append((a, b))
            found.append(_effect(member, rows, sides[-1], metric, bad))
    made = judged(
        found, lambda i, level: compare_outcomes(*sides[i], bad, metric=metric, confidence=level)
    )
    return made[: len(compared(plan))]


def _runs_of(
    rows: Sequence[Mapping[str, Any]], key: str, runs: Mapping[str, Sequence[Record]]
) -> frozenset[str]:
    """The trials of one side of a comparison, with the runs that are there of them."""
    return frozenset(
        name for row in rows for name in (row[key], *(r.run_id for r in runs.get(row[key], ())))
    )


def _effect(
    plan: PlanData,
    rows: Sequence[Mapping[str, Any]],
    pair: tuple[Outcome, Outcome],
    metric: str,
    bad: BadRuns,
) -> Effect:
    """A comparison that is made of these planned ones, not judged yet."""
    first = rows[0]
    names = [str(first[key]) for key in ("level", "against")]
    where = {k: str(v) for k, v in (first.get("where") or {}).items()}
    return Effect(
        factor=str(first["factor"]),
        level=names[0],
        against=names[1],
        where=where if len(rows) == 1 else {},
        pooled=len(rows),
        metric=metric,
        comparison=compare_outcomes(*pair, bad, metric=metric),
        equivalence=float(plan.get("equivalence") or np.nan) / metric_of(metric).scale,
        diverged={n: s.diverged for n, s in zip(names, pair, strict=True) if s.diverged},
        left_out={n: s.left_out for n, s in zip(names, pair, strict=True) if s.left_out},
    )


def level_means(
    plan: PlanData, records: Iterable[Record], metric: str = "test_accuracy"
) -> list[LevelMean]:
    """Return the mean at each level of each factor (the main effects' marginal means).

    In a full factorial design a level is averaged over all combinations of the others; in any
    other, the others stay at their reference, since averaging over unequal sets would mix effects.
    """
    runs = by_trial(records)
    bad = bad_runs(runs, metric)
    factors = plan.get("factors") or {}
    factorial = plan.get("design") == "full_factorial"
    means = []
    for factor, levels in factors.items():
        for level in levels:
            trials = [
                trial
                for trial in plan["trials"]
                if str(trial.get("levels", {}).get(factor)) == str(level)
                and (factorial or _others_at_reference(trial, factor, factors))
            ]
            if not trials:
                continue
            groups = [runs.get(trial["trial_id"], []) for trial in trials]
            values = mean_by_seed([values_by_seed(group, metric) for group in groups])
            diverged = sum(r.status == "diverged" for group in groups for r in group)
            found = estimate(
                list(values.values()),
                diverged=diverged,
                bad=bad,
                bounds=metric_of(metric).bounds,
            )
            means.append(LevelMean(str(factor), str(level), found, len(trials)))
    return means


def _others_at_reference(
    trial: Mapping[str, Any], factor: str, factors: Mapping[str, Sequence[Any]]
) -> bool:
    levels = trial.get("levels", {})
    return all(
        str(levels.get(other)) == str(choices[0])
        for other, choices in factors.items()
        if other != factor
    )
