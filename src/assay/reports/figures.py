"""Figures from views: this module only draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.reports.context import PublishedRow
from assay.reports.predictions import Confusion
from assay.reports.reach import Reach, Spread, reach
from assay.reports.style import (
    NARROW,
    SMALLEST,
    WIDE,
    draw_legend,
    edge_mark,
    legend_height,
    name_rows,
    new_figure,
    row_height,
    row_labels,
    shorten,
    styled,
)
from assay.reports.svg import CELLS, INK, PALETTE
from assay.reports.texts import tell_apart
from assay.reports.views import TrialValues
from assay.statistics import metric_of, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure

__all__ = ["draw_confusion", "draw_runs", "published_beside", "run_reach"]


_TOLD = ("a run", "mean with 95 % interval", "best by validation", "published")
"""Possible entries of the legend of runs."""


def run_reach(
    entries: Sequence[TrialValues], metric: str, published: Sequence[float] = ()
) -> Reach:
    """Return the axis limits for entries of `run_values` (fractions in %)."""
    known = metric_of(metric)
    spreads = []
    for entry in entries:
        found, values = entry["estimate"], np.asarray(entry["values"]) * known.scale
        ends = (found.low * known.scale, found.high * known.scale)
        spreads.append(Spread(found.mean * known.scale, values.tolist(), ends))
    spreads += [Spread(value * known.scale) for value in published]
    return reach(spreads, (0.0, 100.0) if known.unit == "%" else (-np.inf, np.inf))


def published_beside(
    entries: Sequence[TrialValues], metric: str, published: Sequence[PublishedRow]
) -> list[float]:
    """Return the published values of `metric` that belong to these trials."""
    here = [row for row in published if row["metric"] == metric]
    return [r["published"] for e in entries for r in here if r["trial"] == e["trial"]]


@styled
def draw_runs(
    groups: Mapping[str, Sequence[TrialValues]],
    metric: str,
    published: Sequence[PublishedRow] = (),
    width: float = WIDE,
) -> Figure:
    """Draw every run as a ring, and each trial's mean with its interval; one axes for each dataset.

    Args:
        groups: {data: entries of `run_values`}.
        published: rows of `published_rows`; those of `metric` are drawn as crosses.
        width: of the figure, inches.
    """
    labels = {name: row_labels([e["name"] for e in g], width) for name, g in groups.items()}
    rows = [max(len(g), 1) * row_height(labels[name], width) for name, g in groups.items()]
    above = legend_height(_TOLD, width)
    figure = new_figure(0.5 + above + sum(rows) + 0.62 * len(rows), width)
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[n + 0.3 for n in rows])
    handles: dict[str, Any] = {}
    for ax, (name, entries) in zip(axes[:, 0], groups.items(), strict=True):
        here = [r for r in published if r["metric"] == metric]
        limits = run_reach(entries, metric, published_beside(entries, metric, published))
        ax.set_xlim(limits.low, limits.high)
        for y, entry in enumerate(entries):
            _draw_trial(ax, y, entry, metric, limits, handles)
            for row in here:
                if row["trial"] == entry["trial"]:
                    x = row["published"] * metric_of(metric).scale
                    if side := limits.beyond(x):
                        edge_mark(ax, y, side, INK, metric_of(metric).number(row["published"]))
                    at = ([], []) if side else ([x], [y])  # for the legend
                    (cross,) = ax.plot(*at, "x", color=INK, ms=7, mew=1.8, zorder=4)
                    handles[_TOLD[3]] = cross
        name_rows(ax, labels[name], width)
        ax.grid(axis="x")
        if len(groups) > 1:
            ax.set_title(shorten(name, 70 if width > NARROW else 40))
    axes[-1, 0].set_xlabel(with_unit(metric))
    draw_legend(figure, list(handles.values()), list(handles), width)
    return figure


def _draw_trial(
    ax: Axes,
    y: float,
    entry: TrialValues,
    metric: str,
    limits: Reach,
    handles: dict[str, Any],
) -> None:
    values, found, known = entry["values"], entry["estimate"], metric_of(metric)
    color = PALETTE[1] if entry["best"] else PALETTE[0]
    if not len(values):
        place = {"xycoords": ("axes fraction", "data"), "va": "center", "size": 9.5}
        ax.annotate("no finished run", (0.01, y), **place)
        return
    middle = found.mean * known.scale
    if side := limits.beyond(middle):
        edge_mark(ax, y, side, color, known.number(found.mean))
        return
    spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
    style = {"mfc": "none", "mec": color, "ms": 4.5, "mew": 0.9, "alpha": 0.8}
    (ring,) = ax.plot(values * known.scale, y + spread, "o", **style)
    handles.setdefault(_TOLD[0], ring)
    for value in values * known.scale:
        if side := limits.beyond(value):
            edge_mark(ax, y, side, color)
    if found.n > 1:
        marker = "D" if entry["best"] else "o"
        place = (found.low * known.scale, middle, found.high * known.scale)
        bar = draw_interval(ax, y, place, color, marker, limits)
        label = _TOLD[2] if entry["best"] else _TOLD[1]
        handles.setdefault(label, bar)


def draw_interval(
    ax: Axes,
    y: float,
    place: tuple[float, float, float],
    color: str,
    marker: str,
    limits: Reach,
    *,
    mfc: str | None = None,
    mew: float | None = None,
) -> ErrorbarContainer:
    """Draw (low, middle, high) of a row; an end beyond the axis is drawn as an arrow."""
    low, middle, high = place
    ends = [[middle - max(low, limits.low)], [min(high, limits.high) - middle]]
    bar = ax.errorbar(
        middle, y, xerr=ends, fmt=marker, color=color, ms=6, lw=2, zorder=3, mfc=mfc, mew=mew
    )
    for end in (low, high):
        if side := limits.beyond(end):
            edge_mark(ax, y, side, color)
    return bar


@styled
def draw_confusion(view: Confusion, names: Sequence[str], width: float = WIDE) -> Figure:
    """Draw counts: correct predictions blue, wrong ones vermillion by their share of the row."""
    counts = np.asarray(view["counts"])
    classes = len(counts)
    size = min(0.95 * width, 2.0 + 0.5 * classes)
    figure = new_figure(size, width if width <= NARROW else size + 0.6)
    ax = figure.subplots()
    total = np.maximum(counts.sum(1, keepdims=True), 1)
    share = counts / total
    wrong = np.where(np.eye(classes, dtype=bool), 0, share)
    strength = wrong / max(wrong.max(), 1e-9)
    fits = min(0.95 * width / max(classes, 10), 0.76)
    for row in range(classes):
        for column in range(classes):
            if counts[row, column]:
                right = row == column
                alpha = share[row, column] if right else strength[row, column]
                _draw_cell(ax, row, column, counts[row, column], right, float(alpha), fits)
    labels = tell_apart(names, 14, lines=1)
    ax.set_xticks(
        range(classes),
        labels,
        rotation=45 if max(map(len, labels)) > 3 else 0,
        ha="right" if max(map(len, labels)) > 3 else "center",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(classes), labels)
    ax.set_xlim(-0.5, classes - 0.5)
    ax.set_ylim(classes - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return figure


def _draw_cell(
    ax: Axes, row: int, column: int, count: int, right: bool, alpha: float, fits: float
) -> None:
    from matplotlib.patches import Rectangle

    alpha = 0.07 + 0.65 * alpha  # the number must be readable on the darkest cell
    color = CELLS[0] if right else CELLS[1]
    place = (column - 0.48, row - 0.48)
    cell = Rectangle(place, 0.96, 0.96, fc=color, alpha=alpha, lw=0, transform=ax.transData)
    ax.add_artist(cell).set_in_layout(False)
    size = min(11.0, 72 * 0.65 * fits / (0.62 * len(str(count))))
    if size >= SMALLEST:
        text = ax.text(column, row, str(count), ha="center", va="center", size=size)
        text.set_in_layout(False)
