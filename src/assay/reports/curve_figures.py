"""Learning curves: training solid, validation dotted, a band for the mean over the seeds.

A study can request the test curve as well, to compare with a published one; it is dashed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay.reports.panels import LINES, Panel
from assay.reports.reach import Reach, Spread, reach
from assay.reports.style import (
    NARROW,
    WIDE,
    draw_legend,
    legend_height,
    new_figure,
    styled,
)
from assay.reports.svg import INK, PALETTE, PAPER
from assay.reports.texts import tell_apart
from assay.statistics import metric_of, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["curve_reach", "draw_curves", "fits", "fitting"]

MARKERS = "osD^vP"
STYLES = {"": "-", "val_": ":", "test_": "--"}
"""Prefix of a curve -> its line."""


@styled
def draw_curves(panel: Panel, names: Sequence[str], width: float = WIDE) -> Figure:
    """Draw learning curves: one axes for each of `names`, side by side if there is room.

    Training is solid, validation dotted; the band is the 95 % interval of the mean over seeds. A
    band that would fill the axes is omitted.
    """
    from matplotlib.ticker import MaxNLocator

    beside = width > NARROW
    handles, title = _handles(panel, width)
    labels = [str(handle.get_label()) for handle in handles]
    above = legend_height(labels, width)
    figure = new_figure(0.7 + above + 2.3 * (1 if beside else len(names)), width)
    shape = (1, len(names)) if beside else (len(names), 1)
    axes = figure.subplots(*shape, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=True):
        limits = curve_reach(panel, name)
        ax.set_ylim(limits.low, limits.high)
        for i, line in enumerate(panel["lines"]):
            _draw_curve(ax, line["curve"]["series"], name, i, limits)
        ax.grid()
        ax.set_ylabel(with_unit(name))
        ax.set_xlabel(panel["lines"][0]["curve"]["axis"] if panel["lines"] else "epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=7))
        if not ax.lines:
            ax.annotate(
                "this curve was not recorded", (0.5, 0.5), xycoords="axes fraction", ha="center"
            )
    draw_legend(figure, handles, labels, width, title)
    return figure


def curve_reach(panel: Panel, name: str) -> Reach:
    """Return the axis limits of one metric for the lines of a panel.

    They are determined by the means, because a band of two runs may be very wide. The first tenth
    of a curve, whose fall would flatten the rest, may be outside, and so may a line that ends far
    from all others.
    """
    known = metric_of(name)
    spreads = []
    for line in panel["lines"]:
        series = line["curve"]["series"]
        means = [_settled(series[p + name]["mean"]) for p in STYLES if p + name in series]
        points = np.concatenate(means) * known.scale if means else np.empty(0)
        middle = float(np.median([m[-1] for m in means])) * known.scale if means else math.nan
        spreads.append(Spread(middle, points.tolist()))
    return reach(spreads, (0.0, 100.0) if known.unit == "%" else (0.0, math.inf))


def fitting(panel: Panel, name: str) -> bool:
    """Whether every band of a metric is drawn."""
    limits, scale = curve_reach(panel, name), metric_of(name).scale
    bands = [line["curve"]["series"].get(p + name) for line in panel["lines"] for p in STYLES]
    return all(fits(b, limits, scale) for b in bands if b and np.isfinite(b["low"]).any())


def fits(band: Mapping[str, np.ndarray], limits: Reach, scale: float) -> bool:
    """Whether a band is informative: half of it is narrower than half of the axis."""
    wide = (band["high"] - band["low"]) * scale
    return bool(np.nanmedian(wide) <= (limits.high - limits.low) / 2)


def _draw_curve(
    ax: Axes, series: Mapping[str, Mapping[str, np.ndarray]], name: str, i: int, limits: Reach
) -> None:
    scale = metric_of(name).scale
    for prefix, style in STYLES.items():
        key = prefix + name
        if key not in series:
            continue
        band, color = series[key], PALETTE[i % len(PALETTE)]
        x, mean = band["x"], band["mean"] * scale
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
        if side := limits.beyond(mean[-1]):
            text = metric_of(name).number(mean[-1] / scale).replace("-", "−")
            _beyond(ax, i, side, color, text if prefix != "" or f"val_{name}" not in series else "")
        if np.isfinite(band["low"]).any() and fits(band, limits, scale):
            low, high = band["low"] * scale, band["high"] * scale
            ax.fill_between(x, low, high, color=color, alpha=0.14, lw=0)


def _beyond(ax: Axes, i: int, side: int, color: str, text: str) -> None:
    """Draw an arrow with the last value at the edge of the axes beyond which a line ends."""
    if not text:
        return
    x, y = 0.97 - 0.16 * (i % LINES), float(side > 0)
    marker = "^" if side > 0 else "v"
    ax.plot([x], [y], marker, color=color, ms=6, transform=ax.transAxes, clip_on=False, zorder=5)
    ax.annotate(text, (x, y), xytext=(0, -8 * side), textcoords="offset points", size=9,
                xycoords="axes fraction", ha="center",
                va="top" if side > 0 else "bottom")  # fmt: skip


def _settled(mean: np.ndarray) -> np.ndarray:
    """Drop the first tenth, whose fall would flatten the rest.

    With fewer than ten points, none is dropped.
    """
    return mean[len(mean) // 10 :]


def _handles(panel: Panel, width: float) -> tuple[list[Line2D], str]:
    """Return the legend's entries and its title."""
    from matplotlib.lines import Line2D

    shown = panel["lines"]
    names = tell_apart([line["label"] for line in shown], 30 if width > NARROW else 36)
    handles = [
        Line2D([], [], color=PALETTE[i % len(PALETTE)], marker=MARKERS[i % len(MARKERS)], ms=5,
               label=name)
        for i, name in enumerate(names)
    ]  # fmt: skip
    handles += [
        Line2D([], [], color=INK, lw=1.6, label="training"),
        Line2D([], [], color=INK, lw=2.2, linestyle=":", label="validation"),
    ]
    if any(key.startswith("test_") for line in shown for key in line["curve"]["series"]):
        handles.append(Line2D([], [], color=INK, lw=2.2, linestyle="--", label="test"))
    title = tell_apart([panel["title"]], 70 if width > NARROW else 40)[0]
    if panel.get("left_out"):
        title = f"{title} (best {len(shown)} shown)".strip()
    return handles, title
