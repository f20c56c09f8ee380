"""How every figure looks, whatever it shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from assay.reports.svg import GRID, INK
from assay.statistics import metric_of, metric_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["axis_title", "new_figure", "shorten", "styled"]

WIDTH = 8.0
"""Inches; at the width of a printed page the text then has about eight points."""

_STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "axes.unicode_minus": True,
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    @wraps(draw)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            figure = draw(*args, **kwargs)
            figure.draw_without_rendering()  # settle the layout under this style, and only once
            figure.set_layout_engine("none")
            return figure

    return wrapper


def new_figure(height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure


def axis_title(name: str) -> str:
    unit = metric_of(name).unit
    return f"{metric_title(name)} ({unit})" if unit else metric_title(name)


def shorten(text: str, length: int = 38) -> str:
    text = text.replace("$", r"\$")  # a label is no formula
    return text if len(text) <= length else f"{text[: length - 1]}…"
