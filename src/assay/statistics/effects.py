"""Effects of the levels of each factor, corrected over the whole study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from assay.core.plans import PlanData, PlannedComparison, PlannedTrial, compared
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
from assay.statistics.metrics import metric_of, primary_metric, values_by_seed
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
"""Significant verdicts; "different" if the direction of the metric is unknown."""

VERDICTS = (*DIFFERENT, "equivalent", "no significant difference", "not tested")
"""All verdicts."""


_SIDES: tuple[Literal["a"], Literal["b"]] = ("a", "b")


@dataclass(frozen=True)
class Effect:
    """The effect of one level of a factor against its reference.

    Attributes:
        factor, level, against: dotted name and the two levels.
        where: levels of the other factors; empty for a pooled effect.
        pooled: number of combinations that it averages; 1 for a single one.
        metric: the compared metric.
        comparison: level minus reference; its interval corresponds to the decision.
        p_adjusted: Holm over all `family` comparisons of the study and of those that compare the
            same runs; NaN without a test.
        confidence: confidence of the interval: 0.95 for a single comparison, more for one of
            several.
        verdict: "better", "worse", "different" (of a metric without a direction), "equivalent" (the
            interval lies within `equivalence` of zero), "no significant difference" or
            "not tested".
        equivalence: the largest difference that does not matter in the study, in the metric's own
            unit; NaN for none, and for another metric than the study's main one.
        diverged: {level: number of diverged runs}, which count as the worst.
        left_out: {level: number of excluded runs}: they failed or have no value, or diverged and it
            is unknown what is worse.
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
    metric: str,
    comparison: Comparison,
    p: float,
    equivalence: float = float("nan"),
    confidence: float = CONFIDENCE,
) -> str:
    """Return the verdict of a comparison (see `Effect`), by its corrected p (NaN: no test).

    A few differences that are all the same have an interval without any width, which shows no
    equivalence: it takes as many as could show a difference at this confidence.
    """
    if not np.isfinite(p):
        return "not tested"
    if p < ALPHA:
        higher = metric_of(metric).higher_is_better
        if higher is None:
            return "different"
        return "better" if (comparison.difference > 0) == higher else "worse"
    inside = -equivalence < comparison.low and comparison.high < equivalence
    enough = comparison.least_p <= 1 - confidence
    return "equivalent" if inside and enough else "no significant difference"


def judged(found: Sequence[Effect], again: Callable[[int, float], Comparison]) -> list[Effect]:
    """Correct a family of comparisons by Holm's method, and set the verdict of each.

    Args:
        found: effects with their comparisons.
        again: repeats the comparison at an index with another confidence.
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
                verdict=verdict_of(
                    effect.metric, comparison, corrected, effect.equivalence, float(level)
                ),
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
    over all of them: per seed, the combinations are averaged first, so that n remains the number of
    seeds, and runs with a common seed do not count as independent. All of these, single and pooled,
    are one family for Holm's correction, with those of the studies that compare the same runs: a
    comparison in two studies counts once, and has the same result in both.

    Args:
        plan: needs "comparisons"; "related" are the other studies of its family.
        metric: with its prefix; comparisons on "test_*" are only reported.
    """
    members = [(plan, list(records)), *plan.get("related", ())]
    together = by_trial({r.run_id: r for _, mine in members for r in mine}.values())
    bad = bad_runs(together, metric)
    found, known = [], Counter[frozenset[frozenset[str]]]()
    sides: list[tuple[Outcome, Outcome]] = []
    for member, mine in members:
        runs, told = by_trial(mine), Counter[frozenset[frozenset[str]]]()
        tried, margin = outcomes(runs, metric, together), _equivalence(member, mine, metric)
        for rows in compared(member):
            question = frozenset(_runs_of(rows, key, runs) for key in _SIDES)
            told[question] += 1
            if told[question] <= known[question]:
                continue  # another study makes it as well
            known[question] += 1
            a, b = (side_of([tried.get(row[key], NOTHING) for row in rows]) for key in _SIDES)
            sides.append((a, b))
            found.append(_effect(rows, sides[-1], metric, bad, margin))
    made = judged(
        found, lambda i, level: compare_outcomes(*sides[i], bad, metric=metric, confidence=level)
    )
    return made[: len(compared(plan))]


def _runs_of(
    rows: Sequence[PlannedComparison], key: Literal["a", "b"], runs: Mapping[str, Sequence[Record]]
) -> frozenset[str]:
    """Return the trials of one side of a comparison, with their runs."""
    return frozenset(
        name for row in rows for name in (row[key], *(r.run_id for r in runs.get(row[key], ())))
    )


def _equivalence(plan: PlanData, records: Sequence[Record], metric: str) -> float:
    """Return a study's `equivalence` in the metric's own unit, NaN for another than its main one.

    It is stated in the unit of the main metric, so it says nothing about the others.
    """
    known = metric_of(metric)
    if known.name != metric_of(primary_metric(plan, records)).name:
        return np.nan
    return float(plan.get("equivalence") or np.nan) / known.scale


def _effect(
    rows: Sequence[PlannedComparison],
    pair: tuple[Outcome, Outcome],
    metric: str,
    bad: BadRuns,
    equivalence: float,
) -> Effect:
    """Return the effect of these planned comparisons, without a verdict."""
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
        equivalence=equivalence,
        diverged={n: s.diverged for n, s in zip(names, pair, strict=True) if s.diverged},
        left_out={n: s.left_out for n, s in zip(names, pair, strict=True) if s.left_out},
    )


def level_means(
    plan: PlanData, records: Iterable[Record], metric: str = "test_accuracy"
) -> list[LevelMean]:
    """Return the mean at each level of each factor (the main effects' marginal means).

    In a full factorial design, a level is averaged over all combinations of the others; in other
    designs, the others are at their reference, because averaging over unequal sets would mix
    effects.
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
            valued = [values_by_seed(group, metric) for group in groups]
            diverged = sum(r.status == "diverged" for group in groups for r in group)
            found = estimate(
                list(mean_by_seed(valued).values()),
                diverged=diverged,
                failed=sum(map(len, groups)) - diverged - sum(map(len, valued)),
                bad=bad,
                bounds=metric_of(metric).bounds,
            )
            means.append(LevelMean(str(factor), str(level), found, len(trials)))
    return means


def _others_at_reference(
    trial: PlannedTrial, factor: str, factors: Mapping[str, Sequence[Any]]
) -> bool:
    levels = trial.get("levels", {})
    return all(
        str(levels.get(other)) == str(choices[0])
        for other, choices in factors.items()
        if other != factor
    )
