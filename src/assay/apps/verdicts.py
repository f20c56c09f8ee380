"""Sequential comparison: trains pairs of runs until it is decided whether A is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from assay.core.errors import ConfigError
from assay.statistics import (
    NO_BAD_RUNS,
    Comparison,
    bad_runs,
    by_trial,
    compare_outcomes,
    look_levels,
    looks,
    metric_of,
    outcomes,
)

if TYPE_CHECKING:
    from assay.core.records import Config, Record
    from assay.studies.plan import Plan
    from assay.studies.scales import StudyChanges
    from assay.studies.study import Study
    from assay.studies.trials import Trial

__all__ = ["BETTER", "NOT_BETTER", "UNDECIDED", "Verdict", "decide", "paired_plan", "trial_of"]

BETTER, NOT_BETTER, UNDECIDED = "better", "not better", "undecided"


@dataclass(frozen=True)
class Verdict:
    """The result of the comparison.

    Attributes:
        verdict: "better": A is ahead of B by more than `at_least`; "not better": A is ahead by
            less, or behind; or "undecided".
        comparison: A minus B; its interval is that of the last test.
        level: level of that test.
        looked: numbers of pairs at which the test was made.
        bad_runs: number of runs so far from the rest that the interval is widened to allow for more
            of them.
    """

    verdict: str
    metric: str
    at_least: float
    comparison: Comparison
    level: float
    looked: tuple[int, ...]
    bad_runs: int = 0


def trial_of(study: Study, name: str) -> tuple[str, Config]:
    """Return the label and the configuration that `name` means, "STUDY" or "STUDY:LABEL".

    Raises:
        ConfigError: the study is a search, has no such trial, or has several trials and no
            baseline.
    """
    from assay.studies.trials import find_trial

    label = name.rpartition(":")[2] if ":" in name else study.baseline
    if not label and len(study.trials) > 1:
        told = ", ".join(f"{study.name}:{trial.label}" for trial in study.trials)
        raise ConfigError(f"{study.name} has several trials and no baseline; name one: {told}")
    found = find_trial(study, label or None)
    return found.label, found.config


def paired_plan(
    like: Study,
    name: str,
    question: str,
    trials: Mapping[str, Config],
    seeds: Sequence[int],
) -> Plan:
    """Return the plan of a study of these trials, {label: configuration}; the last is the baseline.

    Args:
        like: a study from which it takes metrics and other settings.
    """
    from assay.studies.contrasts import Contrasts, comparisons
    from assay.studies.plan import Plan
    from assay.studies.trials import Trial

    made = [Trial(label, {"trial": label}, config) for label, config in trials.items()]
    baseline = made[-1].label
    factors = {"trial": [baseline, *(trial.label for trial in made[:-1])]}
    study = replace(
        like,
        name=name,
        question=question,
        design="trials",
        seeds=tuple(seeds),
        baseline=baseline,
        factors=factors,
        trials=tuple(made),
        comparisons=tuple(comparisons(factors, [(t.id, t.levels) for t in made], Contrasts())),
        published=(),
        search=None,
        contrasts=Contrasts(),
        command=f"assay report {name}" + f" --scale {like.scale}" * (like.scale != "full"),
    )
    return Plan(study, _different(made))


def _different(trials: Sequence[Trial]) -> Sequence[Trial]:
    known: dict[str, str] = {}
    for trial in trials:
        if trial.id in known:
            raise ConfigError(f"{known[trial.id]} and {trial.label} are the same trial")
        known[trial.id] = trial.label
    return trials


def decide(
    train: Callable[[int], Sequence[Record]],
    sides: tuple[str, str],
    metric: str,
    *,
    at_least: float = 0.0,
    most: int = 30,
) -> Verdict:
    """Train more pairs until it is decided whether A is ahead of B by more than `at_least`.

    Uses two-sided tests of "ahead by exactly `at_least`" at the levels of `look_levels`: A is
    called better, or not better, by mistake in at most 2.5 % of the cases each. A diverged run
    counts as the worst.

    Args:
        train: function from a number of seeds to the records of both sides.
        sides: trial_id of A and of B.
        metric: with its prefix, "val_accuracy".
        at_least: in the unit of the table, such as points.
        most: maximum number of pairs.
    """
    known = metric_of(metric)
    if known.higher_is_better is None:
        raise ConfigError(
            f"it is unknown whether a higher {metric} is better, so nothing can be decided"
        )
    sizes = looks(most)
    sign, threshold = (1 if known.higher_is_better else -1), at_least / known.scale
    found, level, looked = Comparison(0, True), math.nan, []
    said, bad = UNDECIDED, NO_BAD_RUNS
    for n, level in zip(sizes, look_levels(sizes), strict=True):
        runs = by_trial(train(n))
        tried, looked = outcomes(runs, metric), [*looked, n]
        bad = bad_runs(runs, metric)
        found = compare_outcomes(
            tried[sides[0]], tried[sides[1]], bad, metric=metric, confidence=1 - level
        )
        low, high = sorted((sign * found.low, sign * found.high))
        said = BETTER if low > threshold else NOT_BETTER if high < threshold else UNDECIDED
        if said != UNDECIDED:
            break
    return Verdict(said, metric, at_least, found, level, tuple(looked), int(bad.runs))


def study_of(name: str, **changes: Unpack[StudyChanges]) -> Study:
    """Return the study of "STUDY" or "STUDY:LABEL"; a file name may contain a colon itself."""
    from assay.apps.api import plan_of

    path = name if Path(name).exists() else name.rpartition(":")[0] or name
    return plan_of(path, **changes).study
