"""Figures of a search from plain data: this module only draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.reports.flat import Row
from assay.reports.style import (
    NARROW,
    SMALLEST,
    WIDE,
    draw_legend,
    new_figure,
    shorten,
    styled,
)
from assay.reports.svg import INK, PALETTE, PAPER
from assay.reports.texts import tell_apart
from assay.statistics import metric_of, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assay.reports.search_sections import ParameterAxis

__all__ = [
    "draw_expected",
    "draw_history",
    "draw_importances",
    "draw_parallel",
    "draw_slices",
    "omitted",
]

_BUDGETS = {"trials": "trials", "images": "training images", "seconds": "seconds of training"}


@styled
def draw_history(course: Sequence[Mapping[str, float]], metric: str, width: float = WIDE) -> Figure:
    """Draw the entries of `best_so_far` over trials, images and seconds."""
    from matplotlib.ticker import EngFormatter

    beside = width > NARROW
    figure = new_figure(2.9 if beside else 6.6, width)
    axes = figure.subplots(*((1, 3) if beside else (3, 1)), sharey=True)
    scale = metric_of(metric).scale
    values = np.array([entry["value"] for entry in course]) * scale
    best = np.array([entry["best"] for entry in course]) * scale
    whole = np.array([bool(entry["whole"]) for entry in course])
    for ax, (key, title) in zip(axes, _BUDGETS.items(), strict=True):
        x = np.array([entry[key] for entry in course])
        for shown, alpha in ((whole, 0.7), *([(~whole, 0.25)] if not whole.all() else [])):
            ax.plot(
                x[shown], values[shown], "o", mfc="none", mec=PALETTE[0], ms=4, mew=0.8, alpha=alpha
            )
        ax.step(x, best, where="post", color=PALETTE[1], lw=1.8)
        ax.set_xlabel(title)
        ax.set_xlim(left=0)
        if key == "images":
            ax.xaxis.set_major_formatter(EngFormatter(sep=""))  # "25k"
        ax.grid(axis="y")
    axes[0].set_ylim(*_reach(values, metric))
    for ax in axes[: 1 if beside else 3]:
        ax.set_ylabel(with_unit(metric))
    rungs = [] if whole.all() else ["at a rung"]
    draw_legend(figure, axes[0].lines, ["a trial", *rungs, "best so far"], width)
    return figure


def omitted(values: np.ndarray, metric: str) -> bool:
    """Whether the axis of these values ends before some of them."""
    low, high = _reach(values, metric)
    return bool(((values < low) | (values > high)).any())


def _reach(values: np.ndarray, metric: str) -> tuple[float, float]:
    """Return axis limits for the better three quarters, so that failures do not flatten it."""
    higher = metric_of(metric).higher_is_better
    ends = np.quantile(values, [0.25, 1.0] if higher else [0.0, 0.75])
    pad = 0.08 * max(float(np.ptp(ends)), 1e-6)
    return (ends[0] - 3 * pad, ends[1] + pad) if higher else (ends[0] - pad, ends[1] + 3 * pad)


@styled
def draw_expected(curve: Mapping[str, np.ndarray], metric: str, width: float = WIDE) -> Figure:
    """Draw the result of `expected_best`."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(2.9, width)
    ax = figure.subplots()
    scale = metric_of(metric).scale
    ax.fill_between(
        curve["n"], curve["low"] * scale, curve["high"] * scale, color=PALETTE[0], alpha=0.2, lw=0
    )
    ax.plot(curve["n"], curve["mean"] * scale, color=PALETTE[0], lw=2)
    ax.set_xlabel("trials")
    ax.set_ylabel(with_unit(metric))
    ax.set_xlim(1, max(2, curve["n"][-1]))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=2))
    ax.grid(axis="y")
    return figure


@styled
def draw_parallel(
    axes: Sequence[ParameterAxis], values: np.ndarray, metric: str, width: float = WIDE
) -> Figure:
    """Draw parallel coordinates, with horizontal axes in a narrow figure.

    Args:
        axes: {"title", "places" (n,) in [0, 1] or NaN, "ticks": [(place, text)]} of each parameter.
        values: (n,) the objective; better values have stronger lines, and the best tenth is
            highlighted.
    """
    metric_known = metric_of(metric)
    upright = width > NARROW
    figure = new_figure(4.0 if upright else 0.6 + 0.75 * (len(axes) + 1), width)
    ax = figure.subplots()
    rank = np.argsort(np.argsort(values if metric_known.higher_is_better else -values))
    good = rank >= len(values) - max(1, len(values) // 10)
    low, high = float(values.min()), float(values.max())
    last = (values - low) / max(high - low, 1e-12)
    table = np.column_stack([*(axis["places"] for axis in axes), last])  # (n, parameters + 1)
    for i in np.argsort(rank):
        known = np.flatnonzero(np.isfinite(table[i]))
        color, alpha = (PALETTE[1], 0.9) if good[i] else (PALETTE[0], 0.25)
        line = (known, table[i][known]) if upright else (table[i][known], known)
        ax.plot(*line, color=color, alpha=alpha, lw=1.4 if good[i] else 0.8)
    ends = [(0.0, metric_known.number(low)), (1.0, metric_known.number(high))]
    shown = [*axes, {"title": with_unit(metric), "ticks": ends}]
    _parallel_axes(ax, shown, upright)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0)
    return figure


def _parallel_axes(ax: Axes, shown: Sequence[Mapping[str, Any]], upright: bool) -> None:
    box = {"fc": PAPER, "ec": "none", "alpha": 0.75, "pad": 0.8}
    titles = tell_apart([str(axis["title"]) for axis in shown], 24 if upright else 40, lines=1)
    for i, axis in enumerate(shown):
        (ax.axvline if upright else ax.axhline)(i, color=INK, lw=0.8, zorder=0)
        for place, text in axis["ticks"]:
            at = (i, place) if upright else (place, i)
            off, ha = ((3, 0), "left") if upright else ((0, -9), "center")
            ax.annotate(shorten(text, 12), at, xytext=off, textcoords="offset points", ha=ha,
                        va="center", size=SMALLEST + 0.5, bbox=box, zorder=5)  # fmt: skip
        if not upright:
            ax.annotate(titles[i], (0, i), xytext=(0, 8), textcoords="offset points", va="bottom",
                        bbox=box, zorder=5)  # fmt: skip
    along, across = (-0.1, len(shown) - 0.4), (-0.06, 1.06)
    ax.set(xlim=along if upright else across, ylim=across if upright else (along[1], -0.5))
    ax.set_yticks([])
    if upright:
        ax.set_xticks(range(len(shown)), titles, rotation=25, ha="right", rotation_mode="anchor")
    else:
        ax.set_xticks([])


@styled
def draw_slices(
    axes: Sequence[ParameterAxis],
    values: np.ndarray,
    whole: np.ndarray,
    metric: str,
    width: float = WIDE,
) -> Figure:
    """Draw the objective over each parameter.

    Args:
        axes: as for `draw_parallel`.
        values: (n,) the objective; whole: (n,) whether a trial had its whole budget.
    """
    columns = 4 if width > NARROW else 2
    rows = -(-len(axes) // columns)
    figure = new_figure(0.4 + 2.3 * rows, width)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    scale = metric_of(metric).scale
    for ax in grid[len(axes) :]:
        ax.set_axis_off()
    for ax, axis in zip(grid, axes, strict=False):
        _draw_slice(ax, axis, values * scale, whole)
    for ax in grid[::columns]:
        ax.set_ylabel(with_unit(metric))
    grid[0].set_ylim(*_reach(values * scale, metric))
    return figure


def _draw_slice(ax: Axes, axis: ParameterAxis, values: np.ndarray, whole: np.ndarray) -> None:
    x = axis["places"]
    if axis["kind"] == "choice":  # side by side, so that equal ones can be distinguished
        x = x + 0.02 * np.linspace(-1, 1, len(x))
    for mask, color, alpha in ((~whole, INK, 0.35), (whole, PALETTE[0], 0.85)):
        ax.plot(x[mask], values[mask], "o", mfc="none", mec=color, ms=4, mew=0.9, alpha=alpha)
    turned = any(len(text) > 4 for _, text in axis["ticks"])
    ax.set_xticks(
        [place for place, _ in axis["ticks"]],
        tell_apart([text for _, text in axis["ticks"]], 12, lines=1),
        rotation=30 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor",
    )
    ax.set_xlim(-0.1, 1.1)
    ax.set_title(shorten(str(axis["title"]), 24))
    ax.grid(axis="y")


@styled
def draw_importances(
    rows: Sequence[Row], methods: Mapping[str, str], width: float = WIDE
) -> Figure:
    """Draw the rows of `importances`: a bar of each method with its interval."""
    figure = new_figure(0.9 + 0.52 * len(rows), width)
    ax = figure.subplots()
    height = 0.8 / len(methods)
    for k, (method, title) in enumerate(methods.items()):
        y = np.arange(len(rows)) + (k - (len(methods) - 1) / 2) * height
        share = np.array([row[method].value for row in rows]) * 100
        ax.barh(y, share, height * 0.9, color=PALETTE[k], alpha=0.75, label=title)
        for place, row in zip(y, rows, strict=True):
            found = row[method]
            ax.plot([100 * found.low, 100 * found.high], [place, place], color=INK, lw=1.2)
    labels = tell_apart([str(row["title"]) for row in rows], 38 if width > NARROW else 20)
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("importance (%)")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    draw_legend(figure, *ax.get_legend_handles_labels(), width)
    return figure
