"""The figures of the report, with their titles, texts and captions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports import views
from assay.reports.context import published_rows
from assay.reports.drawing import Plot
from assay.reports.panels import Panel, curve_panels
from assay.reports.protocol import refit_note, tuned_note
from assay.reports.texts import ns
from assay.reports.views import TrialValues
from assay.statistics import DIFFERENT, Effect, metric_of, metric_title, with_unit

if TYPE_CHECKING:
    pass

__all__ = [
    "curves_plot",
    "effects_plot",
    "figures",
    "runs_plot",
]

MAX_EFFECTS = 60
"""Maximum number of rows of a forest plot; the table has all."""

MAX_RUNS = 60
"""Maximum number of trials of a dot plot on one kind of data."""

MAX_PANELS = 12
"""Maximum number of rows of the figure of learning curves."""

_CUT = " An arrow at the edge marks a value, or an end of an interval, beyond the axis."


def figures(
    plan: PlanData, records: Sequence[Record], metric: str, found: Sequence[Effect]
) -> list[Plot]:
    """Return the figures that apply."""
    made = [
        effects_plot(plan, metric, found),
        runs_plot(plan, records, metric),
        curves_plot(plan, records),
    ]
    return [figure for figure in made if figure is not None]


def effects_plot(plan: PlanData, metric: str, found: Sequence[Effect]) -> Plot | None:
    from assay.reports.forest import draw_effects, effect_reach, one_axis

    if all(math.isnan(effect.comparison.difference) for effect in found):
        return None
    shown = [e for e in found if e.pooled > 1] if len(found) > MAX_EFFECTS else found
    shown = (shown or found)[:MAX_EFFECTS]
    called = sum(e.verdict in DIFFERENT for e in shown)
    known = metric_of(metric).difference_unit
    unit = f" ({known})" if known else ""
    corrected = f" after Holm's correction over all {found[0].family} comparisons"
    corrected *= found[0].family > 1
    judged = (
        "with the interval that belongs to the decision. "
        f"Filled: significant{corrected} (the interval excludes 0); open: not significant."
    )
    tested = any(e.verdict != "not tested" for e in shown)
    caption = (
        f"Difference in {metric_title(metric)}{unit} of each level against its reference, "
        f"{ns(e.comparison.n for e in shown)}, {judged if tested else 'not tested.'}"
    )
    if not one_axis(shown):
        caption += " Each factor has an axis of its own."
    by_factor = [[e for e in shown if e.factor == f] for f in {e.factor for e in shown}]
    axes = [shown] if one_axis(shown) else by_factor
    if not all(effect_reach(effects).complete for effects in axes):
        caption += _CUT
    if len(shown) < len(found):
        caption += f" {len(found) - len(shown)} more comparisons are in the table."
    return Plot(
        "effects",
        "Effect of each factor",
        f"Forest plot of {len(shown)} differences in {metric_title(metric)} with corrected 95 % "
        f"intervals; {called} of them are significant. The table of comparisons contains the "
        "numbers.",
        caption,
        (lambda width: draw_effects(shown, list(plan.get("factors") or {}), width),),
        lesser=1,
    )


def runs_plot(plan: PlanData, records: Sequence[Record], metric: str) -> Plot | None:
    from assay.reports.figures import draw_runs, published_beside, run_reach

    groups: dict[str, list[TrialValues]] = {}
    for entry in views.run_values(plan, records, metric):
        groups.setdefault(entry["group"], []).append(entry)
    if not any(len(e["values"]) for g in groups.values() for e in g):
        return None
    title, measured = metric_title(metric), with_unit(metric)
    runs = ns(len(entry["values"]) for group in groups.values() for entry in group)
    more = sum(max(len(g) - MAX_RUNS, 0) for g in groups.values())
    drawn, published = _limit(groups), published_rows(plan, records)
    reached = [run_reach(g, metric, published_beside(g, metric, published)) for g in drawn.values()]
    best = any(entry["best"] for group in groups.values() for entry in group)
    alike = tuned_note(plan) or refit_note(plan, best)  # what chooses is no better than these
    return Plot(
        "runs",
        "Every run",
        f"Dot plot of the {title} of every run, by trial, with the mean and its 95 % interval. "
        "The table of results contains the numbers.",
        f"{measured[0].upper()}{measured[1:]} of every finished run (rings), the mean of each "
        f"trial and its 95 % interval, {runs}."
        + (" The best trial is chosen by validation, not by these values." * (best and not alike))
        + ("" if all(limits.complete for limits in reached) else _CUT)
        + (f" {more} more trials are in the table." if more else ""),
        (lambda width: draw_runs(drawn, metric, published, width),),
        lesser=4,
    )


def curves_plot(plan: PlanData, records: Sequence[Record], *, short: bool = False) -> Plot | None:
    """Return learning curves, a drawing for each panel of `curve_panels`; None without curves.

    Args:
        short: several panels show only the main metric, so that they fit side by side.
    """
    from assay.reports.curve_figures import draw_curves

    panels = curve_panels(plan, views.curves(plan, records))
    more, panels = max(len(panels) - MAX_PANELS, 0), panels[:MAX_PANELS]
    if not panels:
        return None
    series = [line["curve"]["series"] for panel in panels for line in panel["lines"]]
    names = views.curve_names(series)
    names = names[:1] if short and len(panels) > 1 else names
    most = [int(found["n"].max()) for s in series for found in s.values() if len(found["n"])]
    tested, validated = (any(k.startswith(p) for s in series for k in s) for p in ("test_", "val_"))
    unused = "" if tuned_note(plan) else "; it is not used for selection"
    asked = f" The study requests the test curve (dashed){unused}." * tested
    band = ", with the 95 % interval of the mean as a band" * (max(most, default=0) > 1)
    return Plot(
        "curves",
        "Learning curves",
        "Learning curves on training and validation images, mean over seeds with 95 % "
        f"band, in {len(panels)} panels.",
        f"Mean over the finished runs of a trial, {ns(most)}{band}. Solid: training"
        f"{'; dotted: validation' * validated}. If runs ended early, a line "
        "continues while at least half of them are left."
        + asked
        + _cut_curves(panels, names)
        + (f" {more} more panels are not drawn." if more else ""),
        tuple(partial(draw_curves, panel, names) for panel in panels),
        small=len(names) == 1,
        lesser=3,
    )


def _cut_curves(panels: Sequence[Panel], names: Sequence[str]) -> str:
    from assay.reports.curve_figures import curve_reach, fitting

    pairs = [(panel, name) for panel in panels for name in names]
    text = ""
    if not all(fitting(panel, name) for panel, name in pairs):
        text += " Bands that would fill their axes are left out: there are too few runs."
    if any(curve_reach(panel, name).outside for panel, name in pairs):
        text += " An arrow with a number marks the end of a line beyond the axis."
    return text


def _limit(
    groups: Mapping[str, list[TrialValues]], most: int = MAX_RUNS
) -> dict[str, list[TrialValues]]:
    """Keep the best of very many trials, because a figure of hundreds of lines is unreadable."""
    kept = {}
    for name, entries in groups.items():
        if len(entries) > most:
            entries = [e for e in entries if e["best"]] + [e for e in entries if not e["best"]]
        kept[name] = entries[:most]
    return kept
