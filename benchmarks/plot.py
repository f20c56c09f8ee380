"""The plot of a result: images a second of every contestant, one panel per network and batch size.

python benchmarks/plot.py benchmarks/results/2026-01-31.json    draws it again
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

from assay.reports.svg import GRID, INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "save"]

FORMATS = {"float32": "float32", "bfloat16": "bfloat16 or mixed"}
COLORS = {"float32": PALETTE[0], "bfloat16": PALETTE[1]}
HATCHES = {"float32": "", "bfloat16": "///"}  # told apart without colour, too
STYLE = {
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 10,
    "grid.color": GRID,
    "hatch.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "assay",
}


def draw(document: dict[str, Any]) -> Figure:
    """Draw bars of the medians with minimum and maximum as whiskers, and the share of the peak."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    groups: dict[tuple[str, int], dict[str, Any]] = {}
    for cell in document["cells"]:
        groups.setdefault((cell["model"], cell["batch"]), {})[cell["precision"]] = cell["results"]
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(5.6 * columns, 0.9 + 3.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for i, ((model, batch), formats) in enumerate(groups.items()):
        axes = figure.add_subplot(rows, columns, i + 1)
        _panel(axes, formats)
        axes.set_title(f"{_title(model)}, batch {batch}")
    machine = document["machine"]
    busy = "" if document["idle"] else " · the machine was busy"
    quick = " · quick" if document["quick"] else ""
    between = "; " if columns > 1 else "\n"
    figure.suptitle(
        f"Training speed, {machine['cpu']}, {document['cores']} cores, {document['date'][:10]}"
        f"{quick}{busy}\nmedian of {document['rounds']}, whiskers: least and most"
        f"{between}per cent: share of the cores' measured peak",
        fontsize=10,
        color=INK,
    )
    there = {p for formats in groups.values() for p in formats}
    patches = [
        Patch(facecolor=COLORS[p], hatch=HATCHES[p], edgecolor="white", label=label)
        for p, label in FORMATS.items()
        if p in there
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panel(axes: Axes, formats: dict[str, Any]) -> None:
    names = list(dict.fromkeys(name for results in formats.values() for name in results))
    height = 0.8 / len(formats)
    largest = 1.0
    for k, (precision, results) in enumerate(formats.items()):
        for row, name in enumerate(names):
            if name not in results:
                continue
            rate, share = results[name]["images_per_second"], results[name]["share_of_peak"]
            middle, low, high = rate["median"], rate["min"], rate["max"]
            largest = max(largest, high)
            y = row + (k - (len(formats) - 1) / 2) * height
            axes.barh(
                y,
                middle,
                height,
                color=COLORS[precision],
                hatch=HATCHES[precision],
                edgecolor="white",
                linewidth=0.4,
            )
            axes.errorbar(
                middle, y, xerr=[[middle - low], [high - middle]], color=INK, capsize=2, linewidth=1
            )
            text = f"{_short(middle)} · {share:.0%}"
            axes.annotate(
                text,
                (high, y),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=INK,
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.28 * largest)
    axes.set_xlabel("training images a second, all runs of a cohort together")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")
    axes.grid(axis="x", linewidth=0.6)
    axes.tick_params(axis="y", length=0)


def _title(model: str) -> str:
    if model == "cnn":
        return "CNN (Géron, ch. 14)"
    if model == "digits-cnn":
        return "CNN of the digits, 16 and 32 filters"
    inputs = 64 if model.startswith("digits") else 784
    return f"MLP {inputs}-{model.partition('-')[2]}-10"


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


def save(document: dict[str, Any], stem: Path) -> None:
    """Write stem.svg and stem.png."""
    with matplotlib.rc_context(STYLE):
        figure = draw(document)
        figure.savefig(f"{stem}.svg", metadata={"Date": None})
        figure.savefig(f"{stem}.png", dpi=150)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        save(json.loads(Path(name).read_text(encoding="utf-8")), Path(name).with_suffix(""))
