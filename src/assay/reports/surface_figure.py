"""The loss around the weights of a run, drawn: this module only draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.reports.drawing import Plot
from assay.reports.style import WIDE, new_figure, styled
from assay.reports.svg import INK, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Surface", "draw_surface", "surface_plot"]

_LEVELS = 14


@dataclass(frozen=True)
class Surface:
    """The loss over a plane through the weights of a run.

    Attributes:
        steps: float (points,), positions along each of the two directions; 0 is the run.
        loss: float (points, points), mean over the images; rows go along the second direction.
        images: number of images.
    """

    steps: np.ndarray
    loss: np.ndarray
    images: int


def surface_plot(found: Surface, run: str, data: str) -> Plot:
    """Return the figure of a surface with its texts."""
    here = found.loss[len(found.steps) // 2, len(found.steps) // 2]
    low, high = float(np.nanmin(found.loss)), float(np.nanmax(found.loss))
    return Plot(
        "loss-surface",
        "Loss surface",
        f"Contour plot of the loss around the weights of run {run}.",
        f"Loss on {found.images:,} training images of {data} around the weights of run {run} "
        f"(cross, {here:.3g}), from {low:.3g} to {high:.3g} in this plane. Its two directions are "
        "random; each filter of them has the norm of the filter that it moves, and biases stay (Li "
        "et al. 2018).",
        (lambda width: draw_surface(found, width),),
        small=True,
    )


@styled
def draw_surface(found: Surface, width: float = WIDE) -> Figure:
    """Draw contours of the loss, closer together where it is small."""
    figure = new_figure(0.8 * width, width)
    ax = figure.subplots()
    loss = np.ma.masked_invalid(found.loss)
    low, high = float(loss.min()), float(loss.max())
    spread = max(high - low, 1e-12)
    # equal steps of the square root, so that a bowl has equidistant rings
    levels = low + spread * np.linspace(0, 1, _LEVELS) ** 2
    filled = ax.contourf(found.steps, found.steps, loss, levels=levels, cmap="viridis")
    if low < high:
        ax.contour(found.steps, found.steps, loss, levels=levels, colors=[PAPER], linewidths=0.5)
    ax.plot(0, 0, "x", color=PAPER, ms=11, mew=4)
    ax.plot(0, 0, "x", color=INK, ms=10, mew=2)
    ax.set(xlabel="first direction", ylabel="second direction")
    ax.locator_params(nbins=5)
    bar = figure.colorbar(filled, ax=ax, label="loss", format="%.3g")
    bar.ax.tick_params(length=0)
    return figure
