"""The part of a report about reading clocks: errors by kind and time, and the worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from assay.core.metrics import Metric
from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.drawing import Plot
from assay.reports.flat import Row
from assay.reports.registered import Section
from assay.reports.results import interval_text
from assay.reports.style import NARROW, SMALLEST, WIDE, new_figure, styled
from assay.reports.svg import png_uri
from assay.reports.tables import Column, Table
from assay.reports.texts import tell_apart
from assay.statistics import by_trial
from assay.subjects.clocks.benchmarks import benchmark_table
from assay.subjects.clocks.views import (
    BLOCK,
    clock_answers,
    clock_runs,
    error_map,
    fault_rows,
    worst,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SECTION", "clock_section", "draw_error_maps", "fault_table"]

MAX_MAPS = 12
"""Maximum number of trials whose errors are drawn by time."""

_COLUMNS = 3


class ClockSection(TypedDict):
    """What the report shows of trials that read clocks."""

    answers: list[str]
    table: Table
    benchmarks: Table | None
    figure: Plot
    worst: list[dict[str, object]]


def clock_section(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> ClockSection | None:
    """Return {"answers", "table", "benchmarks", "figure", "worst"}; None if none read clocks."""
    if not clock_runs(records):
        return None
    runs = by_trial(records)
    mine = {t["trial_id"]: clock_runs(runs.get(t["trial_id"], [])) for t in plan["trials"]}
    shown = [t for t in plan["trials"] if mine[t["trial_id"]]][:MAX_MAPS]
    maps = {str(t["label"]): error_map(mine[t["trial_id"]]) for t in shown}
    headline = [t for t in views.headline_trials(plan, records) if mine[t["trial_id"]]]
    return {
        "answers": clock_answers(plan, records),
        "table": fault_table(plan, records),
        "benchmarks": benchmark_table(plan, records),
        "figure": _map_figure(maps),
        "worst": [_worst(t, mine[t["trial_id"]], lookup) for t in headline],
    }


def _map_figure(maps: Mapping[str, np.ndarray]) -> Plot:
    alt = (
        f"Mean error by hour and minute of the true time for {len(maps)} trials, as heat maps. The "
        "table of mistakes contains the means."
    )
    return Plot(
        "clock-errors",
        "Error by the time on the clock",
        alt,
        "Mean error in minutes on the test images by true hour (down) and minute "
        f"(across, in blocks of {BLOCK}), pooled over the runs of a trial. Each map has its own "
        "scale, from 0 to its largest value; white: no test image.",
        (partial(draw_error_maps, maps),),
    )


@styled
def draw_error_maps(maps: Mapping[str, np.ndarray], width: float = WIDE) -> Figure:
    """Draw maps (12, 12) of errors in minutes, one for each trial."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("error", ["#eef3f7", "#56b4e9", "#0b3c5d"])
    columns = _COLUMNS if width > NARROW else 1
    rows = -(-len(maps) // columns)
    figure = new_figure(0.2 + 2.5 * rows, width)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    titles = tell_apart(list(maps), 29)
    for ax in axes[len(maps) :]:
        ax.set_axis_off()
    for ax, title, values in zip(axes, titles, maps.values(), strict=False):
        largest = max(float(np.nanmax(values)), 1e-3)
        mesh = ax.pcolormesh(values, cmap=colors, vmin=0, vmax=largest, edgecolors="face", lw=0.2)
        ax.invert_yaxis()
        ax.set_title(title)
        ax.set_xticks([0, 3, 6, 9, 12], ["0", "15", "30", "45", "60"])
        ax.set_yticks([0.5, 3.5, 6.5, 9.5], ["12", "3", "6", "9"])
        ax.tick_params(length=2)
        bar = figure.colorbar(mesh, ax=ax, fraction=0.046, pad=0.02)
        bar.outline.set_visible(False)  # type: ignore[operator]
        bar.ax.tick_params(length=0, labelsize=SMALLEST)
    axes[0].set_ylabel("hour")
    axes[0].set_xlabel("minute")
    return figure


def fault_table(plan: PlanData, records: Sequence[Record]) -> Table:
    """Return a table of the errors of each trial by kind."""
    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        Column("n", lambda r: str(r["n"])),
        Column("mean error (min)", _cell("minutes", 1, 2)),
        Column("within 1 min (%)", _cell("within_1_minute", 100, 2)),
        Column("within 5 min (%)", _cell("within_5_minutes", 100, 2)),
        Column("hour flips (%)", _cell("hour_flips", 100, 2)),
        Column("wrong side of 12 (%)", _cell("wraps", 100, 2)),
        Column("error near 12:00 (min)", _cell("seam", 1, 1)),
        Column("elsewhere (min)", _cell("elsewhere", 1, 1)),
    )
    notes = (
        "Mean over runs ± half of the 95 % interval, or its ends if it is longer on one side.",
        "Hour flip: the minute within 5 minutes, the hour wrong. Wrong side of 12: at most an hour "
        "away on the dial, but across 12:00. Near 12:00: from 11:30 to 12:30.",
    )
    rows = tuple(fault_rows(plan, records))
    return Table("What goes wrong", columns, rows, f"assay report {plan['study']}", notes)


def _cell(name: str, scale: float, decimals: int) -> Callable[[Row], str]:
    number = Metric(name, scale=scale, decimals=decimals).number
    return lambda row: interval_text(row[name].interval, number)


def _worst(
    trial: PlannedTrial, runs: Sequence[Record], lookup: predictions.DatasetOf
) -> dict[str, object]:
    """Return the worst pictures of a trial; "missing" says why there are none."""
    found = worst(runs)
    indices = [item["index"] for item in found["items"]]
    shown = predictions.pictures(lookup, found["run"], indices)
    images = [] if shown["images"] is None else [png_uri(image) for image in shown["images"]]
    nothing: dict[str, None] = {"original": None, "shuffled": None}
    return {
        "label": str(trial["label"]),
        "seed": found["run"].seed,
        "items": [
            {**item, **nothing, "image": image}
            for item, image in zip(found["items"], images, strict=False)  # none where missing
        ],
        "missing": shown["missing"],
    }


SECTION = Section("Clocks", Path(__file__).with_name("section.html.j2"), clock_section)
