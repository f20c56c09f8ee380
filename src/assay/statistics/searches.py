"""Results of a search as plain data: its trials, its history, its importances.

Everything is read from the plan and the records of the search's runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.plans import PlanData, PlannedRung
from assay.core.records import Record, mean_metric
from assay.core.seeds import stream
from assay.statistics.estimates import Estimate, estimate
from assay.statistics.metrics import metric_of

__all__ = [
    "SearchTrial",
    "Step",
    "best_so_far",
    "different_trials",
    "expected_best",
    "finished_trials",
    "search_trials",
]


@dataclass(frozen=True)
class Step:
    """A trial at the end of a rung.

    Attributes:
        epochs: epochs from the trial's start to this rung; None for a budget in steps.
        estimate: the objective over the runs (repeats and folds).
        wave: index of its execution in the search; equal indices trained together.
        images, seconds: training images seen and seconds spent in this rung alone, without those
            of runs that belong to an earlier trial of equal configuration as well.
        value: what the search compares, see `mean_metric`.
    """

    epochs: int | None
    wave: int
    estimate: Estimate
    images: float
    seconds: float
    value: float


@dataclass(frozen=True)
class SearchTrial:
    """One trial of a search.

    Attributes:
        number: in the order of the proposals; label: displayed label.
        values: parameter -> number or label of a choice; shown: the same as text.
        group: batch or bracket; same_as: an earlier trial of equal configuration, or None.
        steps: rungs that it reached, or one without rungs; those without a record are skipped.
        state: "complete", "stopped" at a rung, "diverged", "failed", or "missing".
    """

    number: int
    label: str
    values: dict[str, object]
    shown: dict[str, str]
    group: int
    same_as: int | None
    steps: tuple[Step, ...]
    state: str

    @property
    def value(self) -> float:
        """The value at the end of the trial; NaN if there is none."""
        able = self.state in ("complete", "stopped")
        return self.steps[-1].value if able and self.steps else math.nan


def search_trials(plan: PlanData, records: Iterable[Record]) -> list[SearchTrial]:
    """Return the trials of a search in order.

    Args:
        plan: a stored plan with "search".
        records: of the search's runs.
    """
    runs = {record.run_id: record for record in records}
    search = plan["search"]
    deepest = max((r["epochs"] or 0 for t in search["trials"] for r in t["rungs"]), default=0)
    if search["brackets"]:
        deepest = max(r["epochs"] for b in search["brackets"] for r in b["rungs"])
    found = []
    charged: set[str] = set()
    for trial in search["trials"]:
        mine = [[runs.get(run) for run in rung["runs"]] for rung in trial["rungs"]]
        steps = [
            _step(rung, there, search["objective"], charged)
            for rung, there in zip(trial["rungs"], mine, strict=True)
            if any(there)
        ]
        budget = trial["rungs"][-1]["epochs"] if trial["rungs"] else None
        whole = not search["brackets"] or budget == deepest
        state = _state(mine[-1] if mine else [], search["objective"], whole)
        found.append(
            SearchTrial(
                number=trial["number"],
                label=trial["label"],
                values=trial["values"],
                shown=trial["shown"],
                group=trial["group"],
                same_as=trial["same_as"],
                steps=tuple(steps),
                state=state,
            )
        )
    return found


def _step(
    rung: PlannedRung, planned: Sequence[Record | None], objective: str, charged: set[str]
) -> Step:
    runs = [run for run in planned if run is not None]
    values = [r.metrics.get(objective, math.nan) for r in runs if r.status == "finished"]
    values = [value for value in values if np.isfinite(value)]
    diverged = sum(run.status == "diverged" for run in runs)
    failed = len(runs) - diverged - len(values)
    spent = [run for run in runs if run.run_id not in charged]
    charged |= {run.run_id for run in runs}
    images = sum(r.timing.get("images_per_second", 0) * r.timing.get("train", 0) for r in spent)
    seconds = sum(r.timing.get(kind, 0) for r in spent for kind in ("train", "evaluate", "prepare"))
    bounds = metric_of(objective).bounds
    found = estimate(values, diverged=diverged, failed=failed, bounds=bounds)
    value = mean_metric(planned, objective)
    return Step(rung["epochs"], rung.get("wave", 0), found, float(images), float(seconds), value)


def _state(last: Sequence[Record | None], objective: str, whole: bool) -> str:
    status = {run.status if run else "missing" for run in last} or {"missing"}
    for bad in ("failed", "diverged", "missing"):
        if bad in status:
            return bad
    if math.isnan(mean_metric(last, objective)):
        return "failed"
    return "complete" if whole else "stopped"


def different_trials(trials: Iterable[SearchTrial]) -> list[SearchTrial]:
    """Return one trial of each configuration, in order: the one that went furthest, which need not
    be the first, because a later bracket may propose again what an earlier one stopped."""
    order = {"complete": 3, "stopped": 2, "diverged": 1, "failed": 1}

    def reached(trial: SearchTrial) -> tuple[int, int]:
        rungs = len(trial.steps) if trial.state == "stopped" else 0
        return order.get(trial.state, 0), rungs

    furthest: dict[int, SearchTrial] = {}
    for trial in trials:
        first = trial.number if trial.same_as is None else trial.same_as
        known = furthest.setdefault(first, trial)
        if reached(trial) > reached(known):
            furthest[first] = trial
    return sorted(furthest.values(), key=lambda trial: trial.number)


def finished_trials(trials: Iterable[SearchTrial]) -> list[SearchTrial]:
    """Return the different trials with the complete budget and a value."""
    return [trial for trial in different_trials(trials) if trial.state == "complete"]


def best_so_far(trials: Sequence[SearchTrial], higher_is_better: bool) -> list[dict[str, float]]:
    """Return the history of a search, an entry for each trial with a value at each rung in the
    order of training.

    Keys: "trials" proposed so far, "images" and "seconds" spent so far (of one worker), "value" of
    this trial at this rung, "whole" 1 if that is its complete budget, else 0, "best" value so far
    with the complete budget, and "low" and "high" the ends of its interval, NaN if it has one run.
    Before the first such value all three are NaN.
    """
    events = sorted(
        (
            step.wave,
            trial.number,
            place,
            step,
            trial.state == "complete" and step is trial.steps[-1],
        )
        for trial in trials
        for place, step in enumerate(trial.steps)
    )
    sign = 1 if higher_is_better else -1
    found: list[dict[str, float]] = []
    proposed = images = seconds = 0.0
    best: Estimate | None = None
    for _, _, place, step, whole in events:
        proposed += place == 0
        images, seconds = images + step.images, seconds + step.seconds
        if not np.isfinite(step.value):
            continue
        if whole and (best is None or sign * step.estimate.mean > sign * best.mean):
            best = step.estimate
        found.append(
            {
                "trials": proposed,
                "images": images,
                "seconds": seconds,
                "value": step.estimate.mean,
                "whole": float(whole),
                "best": best.mean if best else math.nan,
                "low": best.low if best else math.nan,
                "high": best.high if best else math.nan,
            }
        )
    return found


def expected_best(
    values: Sequence[float],
    higher_is_better: bool = True,
    *,
    resamples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return the expected best of n trials drawn from these values, for n = 1 to their number.

    With replacement, as in the paper: E = sum of v_i ((i / N)^n - ((i - 1) / N)^n) over the
    sorted values. Exact for a random search; for an adaptive sampler, it describes the values
    without their order.

    Returns:
        "n" (N,), "mean", "low" and "high" (N,), ends of a percentile bootstrap over the values.
        This is not a 95 % interval, because the best value bounds every resample: for 20 normal
        values it contains the truth in 90 % of the cases for n = 1, and in half of them for n = 20.

    References:
        J. Dodge et al., "Show Your Work: Improved Reporting of Experimental Results", EMNLP 2019.
    """
    x = np.asarray(values, dtype=np.float64)
    n = np.arange(1, len(x) + 1)
    rng = stream(seed, "bootstrap", "expected_best")
    drawn = x[rng.integers(len(x), size=(resamples, len(x)))] if len(x) else np.zeros((0, 0))
    curves = _expected(drawn, n, higher_is_better)
    share = (1 - confidence) / 2
    low, high = np.quantile(curves, [share, 1 - share], axis=0) if len(x) > 1 else [n * np.nan] * 2
    return {"n": n, "mean": _expected(x[None], n, higher_is_better)[0], "low": low, "high": high}


def _expected(x: np.ndarray, n: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Expected best of n draws for each row of x (rows, N); (rows, len(n))."""
    ordered = np.sort(x, axis=-1) if higher_is_better else -np.sort(-x, axis=-1)
    size = ordered.shape[-1]
    below = np.arange(size + 1) / max(size, 1)
    weights = np.diff(below[:, None] ** n, axis=0)  # (N, len(n))
    return ordered @ weights
