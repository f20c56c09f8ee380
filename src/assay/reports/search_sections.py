"""The part of a report about a search: its trials, progress and importances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from assay.core.plans import PlanData, PlannedParameter
from assay.core.records import Record
from assay.reports.drawing import Plot
from assay.reports.search_views import (
    search_sentences,
    search_table,
    short_names,
    space_table,
)
from assay.reports.tables import Table
from assay.statistics import (
    METHODS,
    RESAMPLES,
    SearchTrial,
    best_so_far,
    different_trials,
    expected_best,
    finished_trials,
    importances,
    metric_title,
    search_trials,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["parameter_axes", "search_section"]


class SearchSection(TypedDict):
    """What the report shows of a search."""

    sentences: list[str]
    table: Table
    space: Table
    brackets: list[str]
    figures: list[Plot]


class Axis(TypedDict):
    """Places (n,) in [0, 1], NaN for none, and ticks with their texts."""

    places: np.ndarray
    ticks: list[tuple[float, str]]


class ParameterAxis(Axis):
    """The axis of a parameter of a search, see `parameter_axes`."""

    title: str
    kind: str


def search_section(plan: PlanData, records: Iterable[Record]) -> SearchSection | None:
    """Return {"sentences", "table", "space", "figures", "brackets"}; None for other studies.

    Args:
        records: of the search's runs.
    """
    if not plan.get("search"):
        return None
    trials = search_trials(plan, records)
    return {
        "sentences": search_sentences(plan, trials),
        "table": search_table(plan, trials),
        "space": space_table(plan),
        "brackets": bracket_rows(plan),
        "figures": _figures(plan, trials),
    }


def bracket_rows(plan: PlanData) -> list[str]:
    """Return each bracket in words: "9 trials to epoch 1, 3 to 3, 1 to 9"."""
    found = []
    for bracket in plan["search"]["brackets"]:
        first, *rest = bracket["rungs"]
        parts = [f"{first['trials']} trials to epoch {first['epochs']}"]
        found.append(", ".join(parts + [f"{r['trials']} to {r['epochs']}" for r in rest]))
    return found


def _figures(plan: PlanData, trials: Sequence[SearchTrial]) -> list[Plot]:
    from assay.reports import search_figures as draw

    metric = plan["search"]["objective"]
    higher, title = plan["search"]["higher_is_better"], metric_title(metric)
    valued = [t for t in different_trials(trials) if np.isfinite(t.value)]
    done = finished_trials(trials)
    if len(valued) < 2:
        return []
    axes, values = parameter_axes(plan, valued), np.array([t.value for t in valued])
    whole = np.array([t.state == "complete" for t in valued])
    stopped = " Grey: stopped at a rung." * bool((~whole).any())
    course = best_so_far(trials, higher)
    passed = np.array([point["value"] for point in course])
    cut = " The axis omits the worst values."
    made = [
        _figure(
            "search-history",
            "Best so far",
            f"{title} of every trial and the best so far, over trials, training images and "
            "seconds, in the order of training; seconds of worker time."
            + " Paler: at a rung, before the complete budget, which the line does not count."
            * any(not point["whole"] for point in course)
            + cut * draw.omitted(passed, metric),
            partial(draw.draw_history, course, metric),
        ),
        _figure(
            "search-slices",
            "Each parameter",
            f"{title} of every trial over each parameter.{stopped}"
            + cut * draw.omitted(values, metric),
            partial(draw.draw_slices, axes, values, whole, metric),
        ),
        _figure(
            "search-parallel",
            "All parameters together",
            "Each line is a trial; the best tenth is emphasized. Inactive parameters are skipped.",
            partial(draw.draw_parallel, axes, values, metric),
        ),
    ]
    return made + _expected_figure(plan, done) + _importance_figure(plan, trials)


def _expected_figure(plan: PlanData, done: Sequence[SearchTrial]) -> list[Plot]:
    from assay.reports.search_figures import draw_expected

    if len(done) < 2:
        return []
    metric, higher = plan["search"]["objective"], plan["search"]["higher_is_better"]
    curve = expected_best([t.value for t in done], higher)
    images = np.mean([sum(step.images for step in t.steps) for t in done])
    seconds = np.mean([sum(step.seconds for step in t.steps) for t in done])
    caption = (
        f"Expected best {metric_title(metric)} by number of trials, drawn from these {len(done)} "
        "with replacement (Dodge et al. 2019). The band contains 95 % of the resamples; it covers "
        f"the true value less often, especially for many trials. A trial took {images:,.0f} "
        f"training images and {seconds:,.1f} s on average."
    )
    if plan["search"].get("halving"):
        caption += " Trials that were stopped early are not among them."
    if plan["search"]["sampler"] not in ("random", "grid", "qmc"):
        caption += (
            " The sampler learned from results, so this describes its trials regardless of their "
            "order."
        )
    drawn = partial(draw_expected, curve, metric)
    return [_figure("search-expected", "Expected best value by number of trials", caption, drawn)]


def _importance_figure(plan: PlanData, trials: Sequence[SearchTrial]) -> list[Plot]:
    from assay.reports.search_figures import draw_importances

    rows = importances(plan, trials)
    if not rows:
        return []
    short = short_names([p["name"] for p in plan["search"]["space"]])
    shown = [{**row, "title": short[row["parameter"]]} for row in rows]
    return [
        _figure(
            "search-importances",
            "What mattered",
            "Importance of each parameter for the differences between trials (fANOVA) and for the "
            "difference between the best tenth and all of them (PED-ANOVA), over trials with their "
            f"whole budget. Lines span the middle 95 % of {RESAMPLES} bootstrap resamples of the "
            "trials; they are not confidence intervals, and contain the importance in a larger "
            "search less often. Only parameters that are always active.",
            partial(draw_importances, shown, METHODS),
        )
    ]


def _figure(name: str, title: str, caption: str, draw: Callable[[float], Figure]) -> Plot:
    alt = f"{title}. {caption} The table of the best trials holds numbers."
    return Plot(name, title, alt, caption[:1].upper() + caption[1:], (draw,))


def parameter_axes(plan: PlanData, trials: Sequence[SearchTrial]) -> list[ParameterAxis]:
    """Return an axis for each varied parameter: {"title", "kind", "places", "ticks"}.

    Places are in [0, 1], on a log scale if the space has one; NaN if a trial has no value.
    """
    short = short_names([p["name"] for p in plan["search"]["space"]])
    found: list[ParameterAxis] = []
    for p in plan["search"]["space"]:
        values = [trial.values.get(p["name"]) for trial in trials]
        if len({str(value) for value in values}) < 2:
            continue
        axis = _choice_axis(p, values) if p["kind"] == "choice" else _number_axis(p, values)
        found.append({"title": short[p["name"]], "kind": p["kind"], **axis})
    return found


def _choice_axis(p: PlannedParameter, values: Sequence[Any]) -> Axis:
    levels = list(p["levels"])
    span = max(len(levels) - 1, 1)
    places = [levels.index(v) / span if v is not None else np.nan for v in values]
    return {"places": np.array(places), "ticks": [(i / span, lv) for i, lv in enumerate(levels)]}


def _number_axis(p: PlannedParameter, values: Sequence[Any]) -> Axis:
    change = np.log if p["log"] else np.asarray
    low, high = float(change(p["low"])), float(change(p["high"]))
    x = np.array([np.nan if v is None else float(change(v)) for v in values])
    middle = np.exp((low + high) / 2) if p["log"] else (p["low"] + p["high"]) / 2
    ends = [(0.0, f"{p['low']:g}"), (0.5, f"{middle:.2g}"), (1.0, f"{p['high']:g}")]
    if p["kind"] == "int" and p["high"] - p["low"] < 3 * (p["step"] or 1):
        count = round((p["high"] - p["low"]) / (p["step"] or 1))
        ends = [(i / count, f"{p['low'] + i * (p['step'] or 1):g}") for i in range(count + 1)]
    return {"places": (x - low) / (high - low), "ticks": ends}
