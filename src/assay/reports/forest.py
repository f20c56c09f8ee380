"""The forest plot: what each level changes, beside its reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.reports.figures import draw_interval
from assay.reports.reach import Reach, Spread, reach
from assay.reports.style import (
    NARROW,
    WIDE,
    edge_mark,
    legend_columns,
    name_rows,
    new_figure,
    row_height,
    row_labels,
    shorten,
    styled,
)
from assay.reports.svg import INK, PALETTE, PAPER
from assay.statistics import DIFFERENT, factor_name, metric_of, metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_effects", "effect_reach", "one_axis"]

_VERDICTS = {
    "better": (PALETTE[0], "^", "better"),
    "worse": (PALETTE[1], "v", "worse"),
    "different": (PALETTE[2], "D", "different"),
    "equivalent": (INK, "s", "equivalent"),
    "no difference shown": (INK, "o", "no difference shown"),
    "not tested": (INK, "x", "not tested"),
}


def effect_reach(rows: Sequence[Mapping[str, Any]]) -> Reach:
    """Return the axis of differences for `effect_rows`, as it is drawn; zero lies on it."""
    scale = metric_of(rows[0]["metric"]).scale
    spreads = [
        Spread(
            math.nan if row["difference"] is None else row["difference"] * scale,
            (),
            [row[k] * scale for k in ("low", "high") if row[k] is not None],
        )
        for row in rows
    ]
    return reach(spreads, always=(0.0,))


def one_axis(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether all factors can be read on one axis of differences."""
    factors = dict.fromkeys(row["factor"] for row in rows)
    axes = [effect_reach([row for row in rows if row["factor"] == factor]) for factor in factors]
    sizes = [max(abs(found.low), abs(found.high)) for found in axes]
    return max(sizes) <= 10 * min(sizes)


@styled
def draw_effects(
    rows: Sequence[Mapping[str, Any]], factors: Sequence[str] = (), width: float = WIDE
) -> Figure:
    """Draw a forest plot of `effect_rows`: filled where the corrected test calls a difference.

    Factors share the axis of differences unless one of them would flatten the others.
    """
    metric = metric_of(rows[0]["metric"])
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["factor"], []).append(row)
    labels = {f: _labels(g, width) for f, g in groups.items()}
    sizes = [len(g) * row_height(labels[f], width) for f, g in groups.items()]
    figure = new_figure(0.75 + sum(sizes) + 0.62 * len(sizes), width)
    ratios = [n + 0.3 for n in sizes]
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios)
    share = effect_reach(rows) if one_axis(rows) else None
    for ax, (factor, group) in zip(axes[:, 0], groups.items(), strict=True):
        limits = share or effect_reach(group)
        ax.set_xlim(limits.low, limits.high)
        for y, row in enumerate(group):
            _draw_effect(ax, y, row, limits)
            if width > NARROW:
                place = {"xycoords": ("axes fraction", "data"), "va": "center", "size": 9.5}
                ax.annotate(_numbers(row), (1.03, y), **place)
        ax.axvline(0, color=INK, lw=1, zorder=1)
        name_rows(ax, labels[factor], width)
        ax.set_title(shorten(factor_name(factor, factors), 70 if width > NARROW else 40))
        ax.grid(axis="x")
    unit = f" ({metric.difference_unit})" if metric.difference_unit else ""
    axes[-1, 0].set_xlabel(f"difference in {metric_title(rows[0]['metric'])}{unit}")
    _legend(figure, rows, width)
    return figure


def _labels(rows: Sequence[Mapping[str, Any]], width: float) -> list[str]:
    found = row_labels([_label(row) for row in rows], width)
    if width > NARROW:
        return found
    return [f"{label}\n{_numbers(row)}" for label, row in zip(found, rows, strict=True)]


def _label(row: Mapping[str, Any]) -> str:
    text = f"{row['level']} against {row['against']}"
    if row["pooled"] > 1:
        return f"{text} (all)"
    held = ", ".join(str(v) for v in row["where"].values())
    return f"{text} ({held})" if held else text


def _numbers(row: Mapping[str, Any]) -> str:
    metric = metric_of(row["metric"])
    if row["difference"] is None:
        return "no finished run on a side"
    digits = metric.digits(None if row["high"] is None else (row["high"] - row["low"]) / 2)
    text = metric.signed(row["difference"], digits).split(" ")[0]
    if row["low"] is not None:
        text += f"  [{metric.number(row['low'], digits)}, {metric.number(row['high'], digits)}]"
    return text.replace("-", "−")


def _draw_effect(ax: Axes, y: float, row: Mapping[str, Any], limits: Reach) -> None:
    color, marker, _ = _VERDICTS[row["verdict"]]
    if row["difference"] is None:
        return
    scale = metric_of(row["metric"]).scale
    middle = row["difference"] * scale
    if side := limits.beyond(middle):
        edge_mark(ax, y, side, color, metric_of(row["metric"]).number(row["difference"]))
        return
    low, high = (middle if row[k] is None else row[k] * scale for k in ("low", "high"))
    filled = row["verdict"] in (*DIFFERENT, "not tested")
    style = {"mfc": color if filled else PAPER, "mew": 1.5}
    draw_interval(ax, y, (low, middle, high), color, marker, limits, **style)


def _legend(figure: Figure, rows: Sequence[Mapping[str, Any]], width: float) -> None:
    from matplotlib.lines import Line2D

    directed = metric_of(rows[0]["metric"]).higher_is_better is not None
    names = ["better", "worse"] if directed else ["different"]
    there = {row["verdict"] for row in rows}
    more = [name for name in ("equivalent", "not tested") if name in there]
    shown = [_VERDICTS[name] for name in (*names, "no difference shown", *more)]
    handles = [
        Line2D([], [], color=c, marker=m, lw=2, ms=7, mfc=PAPER if m in "os" else c, label=label)
        for c, m, label in shown
    ]
    columns = legend_columns([label for *_, label in shown], width)
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)
