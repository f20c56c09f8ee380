"""The common style of all figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from assay.reports.svg import in_style
from assay.reports.texts import tell_apart

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "NARROW",
    "SMALLEST",
    "WIDE",
    "draw_legend",
    "edge_mark",
    "legend_height",
    "name_rows",
    "new_figure",
    "row_height",
    "row_labels",
    "shorten",
    "styled",
]

WIDE = 8.0
"""Width in inches; on a printed page, the text then has about eight points."""

NARROW = 3.9
"""Width in inches; on a phone of 320 px, text of 10 points then has about 11 px."""

SMALLEST = 8.0
"""Minimum size of text in points, about 9 px on a phone."""


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator: draw in the style of the report, and compute the layout."""

    @wraps(draw)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with in_style():
            figure = draw(*args, **kwargs)
            engine = figure.get_layout_engine()
            if engine is not None:
                engine.execute(figure)  # compute the layout in this style, only once
            figure.set_layout_engine("none")
            return figure

    return wrapper


def new_figure(height: float, width: float = WIDE) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def shorten(text: str, length: int = 38) -> str:
    """Shorten a single label to one line of at most `length` columns."""
    return tell_apart([text], length, lines=1)[0]


def row_labels(labels: Sequence[str], width: float) -> list[str]:
    """Return labels of rows, wrapped: beside their rows, or above them in a narrow figure."""
    return tell_apart(labels, 40 if width > NARROW else 44)


def row_height(labels: Sequence[str], width: float) -> float:
    """Return the inches of a row, so that the longest of its labels has room."""
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    return 0.14 + 0.16 * lines if width > NARROW else 0.27 + 0.16 * lines


def name_rows(ax: Axes, labels: Sequence[str], width: float) -> None:
    """Name rows 0, 1, ... of an axes from the top: beside it, or above each in a narrow figure."""
    count = max(len(labels), 1)
    ax.tick_params(axis="y", length=0, pad=7)  # room for an arrow at the edge
    ax.spines["left"].set_visible(False)
    if width > NARROW:
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(count - 0.5, -0.5)
        return
    below = 0.13 / row_height(labels, width)
    ax.set_yticks([])
    for y, label in enumerate(labels):
        ax.annotate(label, (0, y - below), xycoords=("axes fraction", "data"), va="bottom")
    ax.set_ylim(count - 1 + below, below - 1)


def _columns(labels: Sequence[str], width: float) -> int:
    """Return into how many columns a legend fits whose labels are read row by row."""
    sizes = [7 + max(len(line) for line in label.split("\n")) for label in labels]
    for columns in range(len(labels), 1, -1):
        if sum(max(sizes[first::columns]) for first in range(columns)) <= width * 11.5:
            return columns
    return 1


def legend_height(labels: Sequence[str], width: float) -> float:
    """Return the height of a legend above the axes, without its first line, in inches."""
    columns = _columns(labels, width)
    rows = [labels[start : start + columns] for start in range(0, len(labels), columns)]
    return 0.21 * (sum(max(label.count("\n") + 1 for label in row) for row in rows) - 1)


def draw_legend(
    figure: Figure,
    handles: Sequence[Artist],
    labels: Sequence[str],
    width: float,
    title: str = "",
    markerscale: float = 1.0,
) -> None:
    """Draw a legend above all axes, to be read row by row; matplotlib itself fills columns."""
    columns = _columns(labels, width)
    turned = [i for first in range(columns) for i in range(first, len(labels), columns)]
    figure.legend(
        [handles[i] for i in turned],
        [labels[i] for i in turned],
        loc="outside upper left",
        ncols=columns,
        markerscale=markerscale,
        title=title or None,
        title_fontproperties={"weight": "bold"},
        alignment="left" if title else "center",
    )


def edge_mark(ax: Axes, y: float, side: int, color: str, text: str = "") -> None:
    """Draw an arrow with `text` at an edge of a row's axes, for a value outside."""
    place = {"xycoords": ("axes fraction", "data"), "va": "center"}
    x, marker = (1.0, ">") if side > 0 else (0.0, "<")
    transform = ax.get_yaxis_transform()
    ax.plot([x], [y], marker, color=color, ms=6, transform=transform, clip_on=False, zorder=5)
    if text:
        ax.annotate(text.replace("-", "−"), (x, y), xytext=(-8 * side, 0), size=9.5,
                    textcoords="offset points", ha="right" if side > 0 else "left",
                    **place)  # fmt: skip
