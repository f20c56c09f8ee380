"""The validation loss over training time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.drawing import Plot
from assay.reports.names import trial_names
from assay.reports.style import WIDE, draw_legend, legend_height, new_figure, styled
from assay.reports.svg import PALETTE
from assay.reports.texts import tell_apart
from assay.reports.views import headline_trials
from assay.statistics import by_trial, metric_title, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_times", "time_curves", "time_plot"]

MOST = 6
"""Maximum number of trials to draw."""

_MARKERS = "osD^vP"


class TimeCurve(TypedDict):
    """A trial's mean over n runs at seconds of training x."""

    label: str
    x: np.ndarray
    mean: np.ndarray
    n: int


def time_curves(
    plan: PlanData, records: Sequence[Record], name: str = "val_loss"
) -> list[TimeCurve]:
    """Return {"label", "x", "mean", "n"} of trials: a curve over the seconds of training.

    Seconds and values are means over the finished runs at equal evaluations; a point exists as long
    as all of them have one. Seconds are a run's share of its cohort.
    """
    runs, names = by_trial(records), trial_names(plan)
    first = [t["trial_id"] for t in headline_trials(plan, records)]
    order = sorted(plan["trials"], key=lambda t: t["trial_id"] not in first)[:MOST]
    found: list[TimeCurve] = []
    for trial in order:
        mine = [r for r in runs.get(trial["trial_id"], [])
                if r.status == "finished" and {"seconds", name} <= set(r.curves)]  # fmt: skip
        length = min((len(r.curves["seconds"]) for r in mine), default=0)
        if length > 1:
            x = np.mean([r.curves["seconds"][:length] for r in mine], axis=0)
            mean = np.mean([r.curves[name][:length] for r in mine], axis=0)
            found.append({"label": names[trial["trial_id"]], "x": x, "mean": mean, "n": len(mine)})
    return found


def time_plot(plan: PlanData, records: Sequence[Record]) -> Plot | None:
    """Return the validation loss by training time; None if no run kept times."""
    entries = time_curves(plan, records)
    if not entries:
        return None
    ns = sorted({e["n"] for e in entries})
    left = len(plan["trials"]) - len(entries)
    more = f" {left} more are not shown." if left > 0 else ""
    return Plot(
        "time",
        "Loss by training time",
        f"{metric_title('val_loss')} over seconds of training for {len(entries)} configurations.",
        f"Validation loss over seconds of training, mean over n = {' or '.join(map(str, ns))} "
        f"runs; seconds of runs that trained together are divided by their number.{more}",
        (partial(draw_times, entries, "val_loss"),),
        small=True,
        lesser=8,
    )


@styled
def draw_times(entries: Sequence[TimeCurve], metric: str, width: float = WIDE) -> Figure:
    """Draw entries of `time_curves`, with logarithmic axes if the values allow it."""
    labels = tell_apart([str(e["label"]) for e in entries], 36)
    figure = new_figure(2.7 + legend_height(labels, width), width)
    ax = figure.subplots()
    for k, (entry, label) in enumerate(zip(entries, labels, strict=True)):
        ax.plot(entry["x"], entry["mean"], color=PALETTE[k % len(PALETTE)], lw=1.6, ms=4,
                marker=_MARKERS[k % len(_MARKERS)], markevery=max(len(entry["x"]) // 8, 1),
                label=label)  # fmt: skip
    if all(np.all(e["x"] > 0) for e in entries) and _ratio([e["x"] for e in entries]) > 20:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.xaxis.set_minor_formatter(lambda value, _: "")
    ax.set(xlabel="training time (s)", ylabel=with_unit(metric))
    ax.grid()
    draw_legend(figure, ax.lines, labels, width)
    return figure


def _ratio(values: Sequence[np.ndarray]) -> float:
    joined = np.concatenate(values)
    return float(joined.max() / joined.min())
