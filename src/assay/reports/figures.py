"""Figures from views: this module only draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.reports.style import axis_title, new_figure, shorten, styled
from assay.reports.svg import CELLS, INK, PALETTE, PAPER
from assay.statistics import factor_name, metric_of, metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_confusion", "draw_effects", "draw_runs", "one_axis"]


@styled
def draw_runs(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    metric: str,
    published: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Draw every run as a ring, each trial's mean with its interval, one axes for each data.

    Args:
        groups: {data: entries of `run_values`}.
        published: rows of `published_rows`; those of `metric` are drawn as crosses.
    """
    rows = [max(len(g), 1) for g in groups.values()]
    figure = new_figure(0.5 + sum(0.3 * n + 0.62 for n in rows))
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[n + 1.0 for n in rows])
    scale = metric_of(metric).scale
    handles: dict[str, Any] = {}
    for ax, (name, entries) in zip(axes[:, 0], groups.items(), strict=True):
        for y, entry in enumerate(entries):
            color = PALETTE[1] if entry["best"] else PALETTE[0]
            _draw_trial(ax, y, entry, color, scale, handles)
            for row in published:
                if row["trial"] == entry["trial"] and row["metric"] == metric:
                    (cross,) = ax.plot(
                        row["published"] * scale, y, "x", color=INK, ms=7, mew=1.8, zorder=4
                    )
                    handles["published"] = cross
        ax.set_yticks(range(len(entries)), [shorten(e["trial"]) for e in entries])
        ax.set_ylim(len(entries) - 0.5, -0.5)
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.margins(x=0.04)
        if len(groups) > 1:
            ax.set_title(shorten(name, 70))
    axes[-1, 0].set_xlabel(axis_title(metric))
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4)
    return figure


def _draw_trial(
    ax: Axes, y: float, entry: Mapping[str, Any], color: str, scale: float, handles: dict[str, Any]
) -> None:
    values, found = entry["values"], entry["estimate"]
    if not len(values):
        ax.annotate(
            "no finished run", (0.01, y), xycoords=("axes fraction", "data"), va="center", size=9
        )
        return
    spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
    (ring,) = ax.plot(
        values * scale, y + spread, "o", mfc="none", mec=color, ms=4.5, mew=0.9, alpha=0.8
    )
    handles.setdefault("a run", ring)
    if found.n > 1:
        ends = [[(found.mean - found.low) * scale], [(found.high - found.mean) * scale]]
        bar = ax.errorbar(
            found.mean * scale,
            y,
            xerr=ends,
            fmt="D" if entry["best"] else "o",
            color=color,
            ms=6,
            lw=2,
            capsize=3,
            zorder=3,
        )
        label = "best by validation" if entry["best"] else "mean with 95 % interval"
        handles.setdefault(label, bar)


@styled
def draw_effects(rows: Sequence[Mapping[str, Any]], factors: Sequence[str] = ()) -> Figure:
    """Draw a forest plot of `effect_rows`: filled where the corrected test calls a difference.

    Factors share the axis of differences unless one of them would flatten the others.
    """
    metric = metric_of(rows[0]["metric"])
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["factor"], []).append(row)
    sizes = [len(g) for g in groups.values()]
    figure = new_figure(0.75 + sum(0.3 * n + 0.62 for n in sizes))
    share = one_axis(rows)
    axes = figure.subplots(
        len(groups), 1, squeeze=False, sharex=share, height_ratios=[n + 1.0 for n in sizes]
    )
    for ax, (factor, group) in zip(axes[:, 0], groups.items(), strict=True):
        for y, row in enumerate(group):
            _draw_effect(ax, y, row, metric)
        ax.axvline(0, color=INK, lw=1, zorder=1)
        ax.set_yticks(range(len(group)), [_effect_label(r, factors) for r in group])
        ax.set_ylim(len(group) - 0.5, -0.5)
        ax.set_title(shorten(factor_name(factor, factors), 70))
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelbottom=True)
        ax.spines["left"].set_visible(False)
    unit = f" ({metric.difference_unit})" if metric.difference_unit else ""
    axes[-1, 0].set_xlabel(f"difference in {metric_title(rows[0]['metric'])}{unit}")
    _effect_legend(figure)
    return figure


def one_axis(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether all factors can be read on one axis of differences."""
    factors = dict.fromkeys(row["factor"] for row in rows)
    reach = [_reach([row for row in rows if row["factor"] == factor]) for factor in factors]
    return max(reach) <= 10 * min((r for r in reach if r > 0), default=0) or not any(reach)


def _reach(rows: Sequence[Mapping[str, Any]]) -> float:
    ends = [abs(r[k]) for r in rows for k in ("difference", "low", "high") if r[k] is not None]
    return max(ends, default=0.0)


def _effect_label(row: Mapping[str, Any], factors: Sequence[str]) -> str:
    text = f"{row['level']} against {row['against']}"
    if row["pooled"] > 1:
        return f"{shorten(text, 32)} (all)"
    if not row["where"]:
        return shorten(text, 40)
    held = f"({', '.join(str(v) for v in row['where'].values())})"
    if len(text) + len(held) < 40:
        return f"{text} {held}"
    return f"{shorten(text, 40)}\n{shorten(held, 40)}"  # what was held fixed tells rows apart


_VERDICTS = {
    "better": (PALETTE[0], "^", "better"),
    "worse": (PALETTE[1], "v", "worse"),
    "no difference": (INK, "o", "no difference called"),
    "unknown": (INK, "x", "not tested"),
}


def _draw_effect(ax: Axes, y: float, row: Mapping[str, Any], metric: Any) -> None:
    color, marker, _ = _VERDICTS[row["verdict"]]
    side = {"xycoords": ("axes fraction", "data"), "va": "center", "size": 9}
    if row["difference"] is None:
        ax.annotate("no finished run on a side", (1.02, y), **side)
        return
    middle = row["difference"] * metric.scale
    filled = row["verdict"] in ("better", "worse", "unknown")
    if row["low"] is not None:
        ax.plot([row["low"] * metric.scale, row["high"] * metric.scale], [y, y], color=color, lw=2)
    ax.plot(middle, y, marker, color=color, mfc=color if filled else PAPER, ms=7, mew=1.5, zorder=3)
    digits = metric.digits(None if row["high"] is None else row["high"] - row["difference"])
    text = metric.signed(row["difference"], digits).split(" ")[0]
    if row["low"] is not None:
        text += f"  [{metric.number(row['low'], digits)}, {metric.number(row['high'], digits)}]"
    ax.annotate(text.replace("-", "−"), (1.02, y), **side)


def _effect_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=c, marker=m, lw=2, ms=7, mfc=PAPER if m == "o" else c, label=label)
        for c, m, label in list(_VERDICTS.values())[:3]
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)


@styled
def draw_confusion(view: Mapping[str, Any], names: Sequence[str]) -> Figure:
    """Draw counts: right answers blue, wrong ones vermillion by their share of the row."""
    counts = np.asarray(view["counts"])
    classes = len(counts)
    size = min(7.6, 2.0 + 0.5 * classes)
    figure = new_figure(size)
    figure.set_size_inches(size + 0.6, size)
    ax = figure.subplots()
    total = np.maximum(counts.sum(1, keepdims=True), 1)
    share = counts / total
    wrong = np.where(np.eye(classes, dtype=bool), 0, share)
    strength = wrong / max(wrong.max(), 1e-9)
    fits = 0.5 * 7.6 / max(classes, 10) / 0.5
    for row in range(classes):
        for column in range(classes):
            if counts[row, column]:
                right = row == column
                alpha = share[row, column] if right else strength[row, column]
                _draw_cell(ax, row, column, counts[row, column], right, float(alpha), fits)
    labels = [shorten(name, 14) for name in names]
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

    alpha = 0.07 + 0.65 * alpha  # the number stays readable on the fullest cell
    color = CELLS[0] if right else CELLS[1]
    place = (column - 0.48, row - 0.48)
    cell = Rectangle(place, 0.96, 0.96, fc=color, alpha=alpha, lw=0, transform=ax.transData)
    ax.add_artist(cell).set_in_layout(False)
    if fits > 0.4:
        size = 11 * min(1.0, fits * 1.1) - max(0, len(str(count)) - 3)
        text = ax.text(column, row, str(count), ha="center", va="center", size=size)
        text.set_in_layout(False)
