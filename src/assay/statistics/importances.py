"""Importances of the parameters of a search by two methods of Optuna, with their variation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.seeds import stream
from assay.statistics.estimates import Interval
from assay.statistics.searches import SearchTrial, finished_trials

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["METHODS", "RESAMPLES", "Importance", "importances", "optuna_trials"]

METHODS: dict[Literal["fanova", "ped_anova"], str] = {"fanova": "fANOVA", "ped_anova": "PED-ANOVA"}
"""Method -> its displayed name."""

FEWEST = 8
"""Minimum number of trials for importances."""


RESAMPLES = 40


class Importance(TypedDict):
    """How much a parameter mattered, by each method."""

    parameter: str
    fanova: Interval
    ped_anova: Interval


def optuna_trials(plan: PlanData, trials: Sequence[SearchTrial]) -> list[FrozenTrial]:
    """Return the trials of a search as Optuna's frozen trials, with values at rungs and states.

    Missing trials are skipped; proposals of equal configuration are separate trials, as for the
    sampler.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.trial import TrialState, create_trial

    kinds: dict[str, BaseDistribution] = {}
    for p in plan["search"]["space"]:
        if p["kind"] == "choice":
            kinds[p["name"]] = CategoricalDistribution(tuple(p["levels"]))
        elif p["kind"] == "int":
            step = 1 if p["log"] else int(p["step"] or 1)
            low, high = int(p["low"]), int(p["high"])
            kinds[p["name"]] = IntDistribution(low, high, log=p["log"], step=step)
        else:
            kinds[p["name"]] = FloatDistribution(p["low"], p["high"], log=p["log"], step=p["step"])
    states = {
        "complete": TrialState.COMPLETE,
        "stopped": TrialState.PRUNED,
        "diverged": TrialState.FAIL,
        "failed": TrialState.FAIL,
    }
    found = []
    for trial in trials:
        if trial.state not in states:
            continue
        rungs = {s.epochs: s.value for s in trial.steps if s.epochs is not None}
        attributes: dict[str, object] = {"label": trial.label, "group": trial.group}
        attributes |= {} if trial.same_as is None else {"same_as": trial.same_as}
        found.append(
            create_trial(
                state=states[trial.state],
                value=trial.value if trial.state == "complete" else None,
                params=trial.values,
                distributions={name: kinds[name] for name in trial.values},
                intermediate_values={e: v for e, v in rungs.items() if np.isfinite(v)},
                user_attrs=attributes,
            )
        )
    return found


def importances(
    plan: PlanData,
    trials: Sequence[SearchTrial],
    *,
    resamples: int = RESAMPLES,
    middle: float = 0.95,
    seed: int = 0,
) -> list[Importance]:
    """Return {"parameter", "fanova", "ped_anova"} by importance, the methods with their bands.

    The band of a method is the central range of its values over bootstrap resamples of the trials.
    It shows how much they depend on these trials, but is not a confidence interval: it contained
    the values of a large search in only two thirds of the cases (`benchmarks/importances.py`).

    Shares of the variance (fANOVA) and of the divergence between good and all trials (PED-ANOVA),
    each adding up to 1 over the parameters, namely those that every trial has and that took more
    than one value. The result is empty for fewer than FEWEST different finished trials.

    References:
        F. Hutter et al., "An Efficient Approach for Assessing Hyperparameter Importance", ICML
        2014; S. Watanabe et al., "PED-ANOVA", IJCAI 2023.
    """
    done = finished_trials(trials)
    names = [p["name"] for p in plan["search"]["space"]]
    names = [n for n in names if len({str(t.values.get(n)) for t in done}) > 1]
    names = [n for n in names if all(n in t.values for t in done)]
    if len(done) < FEWEST or not names or len({t.value for t in done}) < 3:
        return []
    frozen = optuna_trials(plan, done)
    higher = bool(plan["search"]["higher_is_better"])
    bands: dict[str, list[Interval]] = {}
    share = 100 * (1 - middle) / 2
    for method in METHODS:
        found = _evaluate(method, frozen, names, higher)
        rng = stream(seed, "bootstrap", "importances", method)
        drawn = []
        for _ in range(resamples):
            sample = [frozen[i] for i in rng.integers(len(frozen), size=len(frozen))]
            if all(len({str(t.params[n]) for t in sample}) > 1 for n in names):
                drawn.append(_evaluate(method, sample, names, higher))
        ends = np.percentile(drawn, [share, 100 - share], axis=0) if len(drawn) > 1 else None
        lows, highs = np.full((2, len(names)), math.nan) if ends is None else ends
        bands[method] = list(map(Interval, found, lows.tolist(), highs.tolist()))
    rows: list[Importance] = [
        {"parameter": name, "fanova": fanova, "ped_anova": ped_anova}
        for name, fanova, ped_anova in zip(names, *bands.values(), strict=True)
    ]
    return sorted(rows, key=lambda row: -row["fanova"].value)


def _evaluate(
    method: str, frozen: Sequence[FrozenTrial], names: Sequence[str], higher: bool
) -> list[float]:
    import optuna
    from optuna import importance as kinds

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # warnings: experimental, and parameters that hardly vary
            study = optuna.create_study(direction="maximize" if higher else "minimize")
            study.add_trials(frozen)
            # few trees, because the bootstrap shows their variation
            evaluator = (
                kinds.FanovaImportanceEvaluator(n_trees=16, max_depth=16, seed=0)
                if method == "fanova"
                else kinds.PedAnovaImportanceEvaluator()
            )
            found = kinds.get_param_importances(study, evaluator=evaluator, params=list(names))
    finally:
        optuna.logging.set_verbosity(level)
    return [float(found[name]) for name in names]
