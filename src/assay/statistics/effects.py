"""What each factor does: effects of its levels, corrected over the whole study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from assay.core.plans import compared
from assay.core.records import Record
from assay.statistics.compare import Comparison, compare, holm
from assay.statistics.estimates import Estimate, estimate, values_by_seed
from assay.statistics.metrics import metric_of

__all__ = [
    "ALPHA",
    "DIFFERENT",
    "Effect",
    "LevelMean",
    "by_trial",
    "effects",
    "level_means",
    "verdict_of",
]

ALPHA = 0.05
"""A difference is called one when its corrected p is below this."""

DIFFERENT = ("better", "worse", "different")
"""Verdicts that call a difference one; "different" where no direction of the metric is known."""


@dataclass(frozen=True)
class Effect:
    """The effect of one level of a factor against its reference.

    Attributes:
        factor, level, against: dotted name and the two levels.
        where: levels of the other factors at which it was measured; empty for a pooled effect.
        pooled: number of combinations that it averages; 1 for a single one.
        metric: what was measured.
        comparison: level minus reference.
        p_adjusted: Holm over all `family` comparisons of the study; NaN without a test.
        verdict: "better", "worse", "different" (of a metric without a direction), "no difference",
            or "unknown" when nothing could be tested.
        left_out: {level: number} of diverged and failed runs of the two sides.
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
    verdict: str = "unknown"
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


def _mean_by_seed(sides: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Average over combinations, for the seeds that all of them have."""
    if len(sides) == 1:
        return dict(sides[0])
    shared = sorted(set(sides[0]).intersection(*sides[1:])) if sides else []
    if not shared:
        return {}
    means = np.array([[side[seed] for side in sides] for seed in shared]).mean(-1)
    return dict(zip(shared, means.tolist(), strict=True))


def _effect(
    rows: Sequence[Mapping[str, Any]],
    runs: Mapping[str, list[Record]],
    values: Mapping[str, dict[int, float]],
    metric: str,
    seed: int,
) -> Effect:
    first = rows[0]
    sides, left_out = [], {}
    for key, name in (("a", "level"), ("b", "against")):
        found = [values.get(row[key], {}) for row in rows]
        sides.append(_mean_by_seed(found))
        lost = sum(len(runs.get(row[key], ())) for row in rows) - sum(map(len, found))
        if lost:
            left_out[str(first[name])] = lost
    higher = metric_of(metric).higher_is_better
    return Effect(
        factor=str(first["factor"]),
        level=str(first["level"]),
        against=str(first["against"]),
        where={k: str(v) for k, v in (first.get("where") or {}).items()} if len(rows) == 1 else {},
        pooled=len(rows),
        metric=metric,
        comparison=compare(sides[0], sides[1], higher_is_better=higher, seed=seed),
        left_out=left_out,
    )


def verdict_of(metric: str, difference: float, p: float, alpha: float = ALPHA) -> str:
    """What a difference in a metric is called (see `Effect`), by its corrected p (NaN: no test)."""
    if not np.isfinite(p):
        return "unknown"
    if p >= alpha:
        return "no difference"
    higher = metric_of(metric).higher_is_better
    if higher is None:
        return "different"
    return "better" if (difference > 0) == higher else "worse"


def _judged(effect: Effect, p: float, family: int, alpha: float) -> Effect:
    verdict = verdict_of(effect.metric, effect.comparison.difference, p, alpha)
    return replace(effect, p_adjusted=float(p), family=family, verdict=verdict)


def effects(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    metric: str = "test_accuracy",
    *,
    alpha: float = ALPHA,
    seed: int = 0,
) -> list[Effect]:
    """Return every comparison of the plan, in its order, then the pooled ones.

    A level that the plan compares at several combinations of the other factors is also compared
    over all of them: per seed, the combinations are averaged first, so that n stays the number of
    seeds and runs with a common seed are not taken for independent ones. All of these, single and
    pooled, are one family for Holm's correction.

    Args:
        plan: needs "comparisons".
        metric: with its prefix; comparisons on "test_*" choose nothing, they report.
        seed: of the bootstrap.
    """
    runs = by_trial(records)
    values = {trial: values_by_seed(mine, metric) for trial, mine in runs.items()}
    found = [_effect(rows, runs, values, metric, seed) for rows in compared(plan)]
    adjusted = holm(np.array([e.comparison.p for e in found]))
    return [_judged(e, p, len(found), alpha) for e, p in zip(found, adjusted, strict=True)]


def level_means(
    plan: Mapping[str, Any], records: Iterable[Record], metric: str = "test_accuracy"
) -> list[LevelMean]:
    """Return the mean at each level of each factor (the main effects' marginal means).

    In a full factorial design a level is averaged over all combinations of the others; in any
    other, the others stay at their reference, since averaging over unequal sets would mix effects.
    """
    runs = by_trial(records)
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
            values = _mean_by_seed([values_by_seed(group, metric) for group in groups])
            diverged = sum(r.status == "diverged" for group in groups for r in group)
            found = estimate(list(values.values()), diverged=diverged)
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
