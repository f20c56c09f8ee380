"""The loss around the weights of a run, drawn: this module only draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.reports.drawing import Plot
from assay.reports.style import NARROW, WIDE, new_figure, styled
from assay.reports.svg import INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Surface", "draw_surface", "surface_plot"]

_LEVELS = 15


@dataclass(frozen=True)
class Surface:
    """The loss over a plane through the weights of a run.

    Attributes:
        steps: float (points,), distances from the run along each of the two directions.
        loss: float (points, points), mean over the images; rows go along the second direction.
        images: number of images.
        names: of the two directions.
        centre: position of the run on both.
        random: whether they are random directions; otherwise each is a single weight.
    """

    steps: np.ndarray
    loss: np.ndarray
    images: int
    names: tuple[str, str]
    centre: tuple[float, float] = (0.0, 0.0)
    random: bool = True


def surface_plot(found: Surface, run: str, data: str) -> Plot:
    """Return the figure of a surface with its texts."""
    here = found.loss[len(found.steps) // 2, len(found.steps) // 2]
    low, high = float(np.nanmin(found.loss)), float(np.nanmax(found.loss))
    first, second = found.names
    plane = (
        "Its two directions are random; each filter of them has the norm of the filter that it "
        "moves, and biases stay (Li et al. 2018)."
        if found.random
        else f"Only {first} ({found.centre[0]:.3g} in this run) and {second} "
        f"({found.centre[1]:.3g}) change, all other weights stay."
    )
    around = "" if found.random else f" along its weights {first} and {second}"
    return Plot(
        "loss-surface",
        "Loss surface",
        f"Contour plot of the loss around the weights of run {run}{around}.",
        f"Loss on {found.images:,} training images of {data} around the weights of run {run} "
        f"(cross, {here:.3g}), from {low:.3g} to {high:.3g} in this plane. {plane}",
        (lambda width: draw_surface(found, width),),
        small=True,
    )


@styled
def draw_surface(found: Surface, width: float = WIDE) -> Figure:
    """Draw contours of the loss, closer together where it is small."""
    from matplotlib.patheffects import withStroke

    figure = new_figure(0.8 * width, width)
    ax = figure.subplots()
    loss = np.ma.masked_invalid(found.loss)
    low, high = float(loss.min()), float(loss.max())
    spread = max(high - low, 1e-9 * max(1, abs(low)))  # it is flat along weights of a dead unit
    # equal steps of the square root, so that a bowl has equidistant rings
    levels = low + spread * np.linspace(0, 1, _LEVELS) ** 2
    x, y = (centre + found.steps for centre in found.centre)
    filled = ax.contourf(x, y, loss, levels=levels, cmap="viridis")
    if low < high:
        ax.contour(x, y, loss, levels=levels, colors=[PAPER], linewidths=0.5)
    ax.plot(*found.centre, "x", color=PAPER, ms=11, mew=4)
    ax.plot(*found.centre, "x", color=INK, ms=10, mew=2)
    outlined = [withStroke(linewidth=3, foreground=PAPER)]
    ax.annotate("this run", found.centre, (9, 9), textcoords="offset points", color=INK,
                path_effects=outlined)  # fmt: skip
    ax.set(xlabel=found.names[0], ylabel=found.names[1])
    ax.locator_params(nbins=5 if width > NARROW else 3)
    ticks = levels[::2] if low < high else [low]
    bar = figure.colorbar(filled, ax=ax, label="loss", format="%.3g", ticks=ticks)
    bar.ax.tick_params(length=0)
    return figure
