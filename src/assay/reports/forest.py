"""The forest plot: the difference of each level to its reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.reports.figures import draw_interval
from assay.reports.reach import Reach, Spread, reach
from assay.reports.style import (
    NARROW,
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
from assay.reports.svg import INK, PALETTE, PAPER
from assay.statistics import (
    DIFFERENT,
    Effect,
    difference_digits,
    factor_name,
    metric_of,
    metric_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_effects", "effect_reach", "one_axis"]

_VERDICTS = {
    "better": (PALETTE[0], "^", "better"),
    "worse": (PALETTE[1], "v", "worse"),
    "different": (PALETTE[2], "D", "different"),
    "equivalent": (INK, "s", "equivalent"),
    "no significant difference": (INK, "o", "no significant difference"),
    "not tested": (INK, "x", "not tested"),
}


def effect_reach(effects: Sequence[Effect]) -> Reach:
    """Return the axis limits of differences, including zero."""
    scale = metric_of(effects[0].metric).scale
    found = [effect.comparison for effect in effects]
    spreads = [Spread(c.difference * scale, (), [c.low * scale, c.high * scale]) for c in found]
    return reach(spreads, always=(0.0,))


def one_axis(effects: Sequence[Effect]) -> bool:
    """Whether one axis of differences is readable for all factors."""
    factors = dict.fromkeys(effect.factor for effect in effects)
    axes = [effect_reach([e for e in effects if e.factor == factor]) for factor in factors]
    sizes = [max(abs(found.low), abs(found.high)) for found in axes]
    return max(sizes) <= 10 * min(sizes)


@styled
def draw_effects(
    effects: Sequence[Effect], factors: Sequence[str] = (), width: float = WIDE
) -> Figure:
    """Draw a forest plot; markers of significant differences are filled.

    Factors share the axis of differences unless one of them would flatten the others.
    """
    metric = metric_of(effects[0].metric)
    groups: dict[str, list[Effect]] = {}
    for effect in effects:
        groups.setdefault(effect.factor, []).append(effect)
    labels = {f: _labels(g, width) for f, g in groups.items()}
    sizes = [len(g) * row_height(labels[f], width) for f, g in groups.items()]
    above = legend_height([label for *_, label in _shown(effects)], width)
    figure = new_figure(0.75 + above + sum(sizes) + 0.62 * len(sizes), width)
    ratios = [n + 0.3 for n in sizes]
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios)
    share = effect_reach(effects) if one_axis(effects) else None
    for ax, (factor, group) in zip(axes[:, 0], groups.items(), strict=True):
        limits = share or effect_reach(group)
        ax.set_xlim(limits.low, limits.high)
        for y, effect in enumerate(group):
            _draw_effect(ax, y, effect, limits)
            if width > NARROW:
                place = {"xycoords": ("axes fraction", "data"), "va": "center", "size": 9.5}
                ax.annotate(_numbers(effect), (1.03, y), **place)
        ax.axvline(0, color=INK, lw=1, zorder=1)
        name_rows(ax, labels[factor], width)
        ax.set_title(shorten(factor_name(factor, factors), 70 if width > NARROW else 40))
        ax.grid(axis="x")
    unit = f" ({metric.difference_unit})" if metric.difference_unit else ""
    axes[-1, 0].set_xlabel(f"difference in {metric_title(effects[0].metric)}{unit}")
    _legend(figure, effects, width)
    return figure


def _labels(effects: Sequence[Effect], width: float) -> list[str]:
    found = row_labels([_label(effect) for effect in effects], width)
    if width > NARROW:
        return found
    return [f"{label}\n{_numbers(e)}" for label, e in zip(found, effects, strict=True)]


def _label(effect: Effect) -> str:
    text = f"{effect.level} against {effect.against}"
    if effect.pooled > 1:
        return f"{text} (all)"
    held = ", ".join(effect.where.values())
    return f"{text} ({held})" if held else text


def _numbers(effect: Effect) -> str:
    metric, found = metric_of(effect.metric), effect.comparison
    if math.isnan(found.difference):
        return "no finished run on a side"
    digits = difference_digits(metric, found)
    text = metric.signed(found.difference, digits).split(" ")[0]
    if not math.isnan(found.low):
        text += f"  [{metric.number(found.low, digits)}, {metric.number(found.high, digits)}]"
    return text.replace("-", "−")


def _draw_effect(ax: Axes, y: float, effect: Effect, limits: Reach) -> None:
    color, marker, _ = _VERDICTS[effect.verdict]
    metric, found = metric_of(effect.metric), effect.comparison
    if math.isnan(found.difference):
        return
    middle = found.difference * metric.scale
    if side := limits.beyond(middle):
        edge_mark(ax, y, side, color, metric.number(found.difference))
        return
    ends = (found.low * metric.scale, found.high * metric.scale)
    low, high = (middle if math.isnan(end) else end for end in ends)
    filled = effect.verdict in (*DIFFERENT, "not tested")
    inside = color if filled else PAPER
    draw_interval(ax, y, (low, middle, high), color, marker, limits, mfc=inside, mew=1.5)


def _shown(effects: Sequence[Effect]) -> list[tuple[str, str, str]]:
    """Return colour, marker and text of the legend's entries."""
    directed = metric_of(effects[0].metric).higher_is_better is not None
    names = ["better", "worse"] if directed else ["different"]
    there = {effect.verdict for effect in effects}
    more = [name for name in ("equivalent", "not tested") if name in there]
    return [_VERDICTS[name] for name in (*names, "no significant difference", *more)]


def _legend(figure: Figure, effects: Sequence[Effect], width: float) -> None:
    from matplotlib.lines import Line2D

    shown = _shown(effects)
    handles = [
        Line2D([], [], color=c, marker=m, lw=2, ms=7, mfc=PAPER if m in "os" else c)
        for c, m, _ in shown
    ]
    draw_legend(figure, handles, [label for *_, label in shown], width)
