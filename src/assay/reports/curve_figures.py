"""Learning curves: training solid, validation dotted, a band for the mean over the seeds.

A study may ask for the test curve as well, to stand beside a published one; it is dashed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.reports.style import axis_title, new_figure, shorten, styled
from assay.reports.svg import INK, PALETTE, PAPER
from assay.statistics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_curves"]

MARKERS = "osD^vP"
STYLES = {"": "-", "val_": ":", "test_": "--"}
"""Prefix of a curve -> its line."""


@styled
def draw_curves(panels: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw learning curves: one row for each panel, one column for each of `names`.

    Training is solid, validation dotted; the band is the 95 % interval of the mean over seeds.
    """
    figure = new_figure(0.45 + 2.75 * len(panels))
    grid = figure.subfigures(len(panels), 1, squeeze=False)[:, 0]
    for number, (part, panel) in enumerate(zip(grid, panels, strict=True)):
        axes = part.subplots(1, len(names), squeeze=False)[0]
        for ax, name in zip(axes, names, strict=True):
            for i, line in enumerate(panel["lines"]):
                _draw_curve(ax, line["curve"]["series"], name, i)
            _frame_curves(ax, panel, name)
            ax.set_xlabel(panel["lines"][0]["curve"]["axis"] if panel["lines"] else "epoch")
        _curve_legend(part, panel, first=number == 0)
    return figure


def _draw_curve(ax: Axes, series: Mapping[str, Any], name: str, i: int) -> None:
    scale = metric_of(name).scale
    for prefix, style in STYLES.items():
        key = prefix + name
        if key not in series:
            continue
        band, color = series[key], PALETTE[i % len(PALETTE)]
        # where less than half of the runs are left, a mean says nothing about the trial
        kept = slice(0, int((band["n"] >= band["n"].max() / 2).sum()))
        x, mean = band["x"][kept], band["mean"][kept] * scale
        ax.plot(
            x,
            mean,
            linestyle=style,
            color=color,
            lw=1.6 if style == "-" else 2.2,
            marker=MARKERS[i % len(MARKERS)],
            ms=4.5,
            mfc=color if style == "-" else PAPER,
            markevery=(max(len(x) // 12, 0), max(len(x) // 6, 1)),
        )
        low, high = band["low"][kept] * scale, band["high"][kept] * scale
        ax.fill_between(x, low, high, color=color, alpha=0.14, lw=0)


def _frame_curves(ax: Axes, panel: Mapping[str, Any], name: str) -> None:
    """Set limits from the means: the band of two runs may be wider than the page."""
    scale = metric_of(name).scale
    means = [
        _settled(line["curve"]["series"][key]["mean"]) * scale
        for line in panel["lines"]
        for key in (prefix + name for prefix in STYLES)
        if key in line["curve"]["series"]
    ]
    ax.grid()
    ax.set_ylabel(axis_title(name))
    if not means:
        ax.annotate("no such curve was kept", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    values = np.concatenate(means)
    low, high = float(values.min()), float(values.max())
    pad = 0.08 * (high - low) or max(abs(high), 1e-3) * 0.05
    if metric_of(name).unit == "%":
        ax.set_ylim(max(low - pad, 0), min(high + pad, 100 + pad / 4))
    else:
        ax.set_ylim(max(low - pad, 0) if low >= 0 else low - pad, high + pad)


def _settled(mean: np.ndarray) -> np.ndarray:
    """Leave out the first tenth, whose fall would flatten all that comes after it."""
    return mean[min(max(1, len(mean) // 10), len(mean) - 1) :]


def _curve_legend(part: Any, panel: Mapping[str, Any], first: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=PALETTE[i % len(PALETTE)],
            marker=MARKERS[i % len(MARKERS)],
            ms=5,
            label=shorten(line["label"], 30),
        )
        for i, line in enumerate(panel["lines"])
    ]
    handles += [
        Line2D([], [], color=INK, lw=1.6, label="training"),
        Line2D([], [], color=INK, lw=2.2, linestyle=":", label="validation"),
    ] * first
    if first and any(k.startswith("test_") for li in panel["lines"] for k in li["curve"]["series"]):
        handles.append(Line2D([], [], color=INK, lw=2.2, linestyle="--", label="test (not used)"))
    title = shorten(panel["title"], 70)
    if panel.get("left_out"):
        title = f"{title} (best {len(panel['lines'])} shown)".strip()
    longest = max(len(str(h.get_label())) for h in handles)
    columns = max(2, min(len(handles), math.floor(88 / (longest + 7))))
    part.legend(
        handles=handles,
        loc="outside upper left",
        ncols=columns,
        title=title or None,
        title_fontproperties={"weight": "bold"},
        alignment="left",
    )
