"""Embedding of a dataset in the plane: principal components, or t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from assay.core.seeds import stream
from assay.reports.drawing import Plot
from assay.reports.style import NARROW, WIDE, draw_legend, legend_height, new_figure, styled
from assay.reports.svg import PALETTE, PAPER
from assay.reports.texts import tell_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from assay.data.dataset import FitData

__all__ = ["Embedding", "draw_embedding", "embed", "embedding_plot"]

Method = Literal["pca", "tsne"]

_FIRST = 50
"""Number of principal components as input of t-SNE, as by its authors."""

_PERPLEXITY = 30.0
_MARKERS = "osD^vPX*<>"


@dataclass(frozen=True)
class Embedding:
    """Training images in the plane.

    Attributes:
        points: float (n, 2).
        targets: class of each, (n,); all 0 without classes.
        axes: names of the two directions.
        explained: share of the variance that both show; NaN for t-SNE.
    """

    points: np.ndarray
    targets: np.ndarray
    axes: tuple[str, str]
    explained: float = float("nan")


def embed(data: FitData, method: Method, images: int = 2000, seed: int = 0) -> Embedding:
    """Embed training images in the plane; test images are never used.

    Args:
        data: normalised as for networks; each pixel of each channel is a variable.
        method: "pca" (the two directions with the most variance) or "tsne" (neighbours stay
            neighbours; distances and sizes of groups have no meaning).
        images: maximum number, drawn at random.
        seed: seed of the sample of images and of the start of t-SNE.

    References:
        L. van der Maaten and G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008.
    """
    from sklearn.decomposition import PCA

    split = data.train
    chosen = np.sort(stream(seed, "embedding").permutation(len(split))[:images])
    pixels = (split.images[chosen].astype(np.float32) - data.mean) / data.std
    rows = pixels.reshape(len(chosen), -1)
    classes = split.targets[chosen] if split.targets.ndim == 1 else np.zeros(len(chosen), int)
    few = min(_FIRST if method == "tsne" else 2, *rows.shape)
    found = PCA(few, random_state=seed).fit(rows)
    points = found.transform(rows)
    if method == "pca":
        shares = [
            f"{100 * share:.1f} % of the variance" for share in found.explained_variance_ratio_
        ]
        axes = (f"first component, {shares[0]}", f"second component, {shares[-1]}")
        flat = points if few > 1 else np.concatenate([points, np.zeros_like(points)], 1)
        return Embedding(flat, classes, axes, float(found.explained_variance_ratio_.sum()))
    from sklearn.manifold import TSNE

    spread = min(_PERPLEXITY, max(1.0, (len(rows) - 1) / 3))
    made = TSNE(perplexity=spread, random_state=seed, init="random" if few < 2 else "pca")
    return Embedding(made.fit_transform(points), classes, ("", ""))


def embedding_plot(data: FitData, names: Sequence[str], method: Method, found: Embedding) -> Plot:
    """Return the figure of an embedding with its texts."""
    title = {"pca": "Principal components", "tsne": "t-SNE"}[method]
    words = (
        f"the two components show {100 * found.explained:.1f} % of the variance."
        if method == "pca"
        else "t-SNE keeps neighbours together; distances between groups, and their sizes, mean "
        "nothing."
    )
    about = f"{len(found.points):,} training images of {data.name}"
    return Plot(
        method,
        title,
        f"Scatter plot of {about}, coloured by class.",
        f"{title} of {about}: {words}",
        (lambda width: draw_embedding(found, names, width),),
    )


@styled
def draw_embedding(found: Embedding, names: Sequence[str], width: float = WIDE) -> Figure:
    """Draw points with a colour and a marker for each class, and its name at its centre."""
    from matplotlib.patheffects import withStroke

    labels = tell_apart(list(names), 24) if names else []
    figure = new_figure((5.6 if width > NARROW else 4.2) + legend_height(labels, width), width)
    ax = figure.subplots()
    size = float(np.clip(12_000 / len(found.points), 6, 30))
    for number in range(max(len(names), 1)):
        mine = found.points[found.targets == number]
        if not len(mine):
            continue
        turn, mark = divmod(number, len(PALETTE))
        label = labels[number] if names else None
        ax.scatter(*mine.T, s=size, c=PALETTE[mark], marker=_MARKERS[turn % len(_MARKERS)],
                   alpha=0.6, lw=0, label=label)  # fmt: skip
        if names:
            ax.annotate(labels[number].replace("\n", " "), np.median(mine, 0), ha="center",
                        va="center", weight="bold", color=PALETTE[mark],
                        path_effects=[withStroke(linewidth=3, foreground=PAPER)])  # fmt: skip
    ax.set(xlabel=found.axes[0], ylabel=found.axes[1], aspect="equal", adjustable="datalim")
    if not found.axes[0]:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    if names:
        draw_legend(figure, *ax.get_legend_handles_labels(), width, markerscale=2)
    return figure
