"""Pictures as figures: samples of the data, and the most confident mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.data.arrays import displayable
from assay.data.catalog import ENTRIES, DatasetEntry
from assay.reports import predictions
from assay.reports.drawing import Plot
from assay.reports.style import NARROW, SMALLEST, WIDE, new_figure, shorten, styled

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from assay.data.dataset import Dataset

__all__ = ["draw_pictures", "mistake_plot", "sample_plot"]

SAMPLES = 10
"""Number of pictures of each dataset."""


class PictureLine(TypedDict):
    """A line of pictures, with a title and the texts below them."""

    title: str
    images: list[np.ndarray]
    below: list[str]


def sample_plot(found: Mapping[str, Dataset]) -> Plot | None:
    """Return training images of each dataset, one line for each; None without datasets.

    A permuted dataset has an additional line with the permuted images.
    """
    lines = [_samples(name, dataset) for name, dataset in found.items()]
    if not lines:
        return None
    names = " and ".join(found) if len(found) < 3 else f"{', '.join(list(found)[:-1])} and {name}" \
        if (name := list(found)[-1]) else ""  # fmt: skip
    caption = (
        f"Training images of {names} as the networks see them, one of each class in turn if there "
        "are classes."
    )
    alt = f"Lines of {SAMPLES} small training images: {'; '.join(found)}."
    return Plot("samples", "Samples of the data", alt, caption, (partial(draw_pictures, lines),),
                lesser=4)  # fmt: skip


def _samples(name: str, dataset: Dataset) -> PictureLine:
    found = predictions.examples(dataset, SAMPLES)
    entry = ENTRIES.get(dataset.name) or DatasetEntry(dataset.name, "", "", "")
    words = [entry.target_name(t, dataset.class_names) for t in found["targets"]]
    return {"title": name, "images": [displayable(i) for i in found["images"]], "below": words}


def mistake_plot(
    plan: PlanData, label: str, runs: Sequence[Record], lookup: predictions.DatasetOf,
    names: Sequence[str], name: str = "mistakes",
) -> Plot | None:  # fmt: skip
    """Return the most confident mistakes of a trial's best run; None if pictures are missing.

    Args:
        names: of the classes.
    """
    found = predictions.mistakes(plan, runs, per_class=2)
    if found is None:
        return None
    items = sorted(
        ((group["class"], item) for group in found["classes"] for item in group["items"]),
        key=lambda pair: -pair[1]["confidence"],
    )[: 2 * SAMPLES]
    run = next(r for r in runs if r.run_id == found["run_id"])
    shown = predictions.pictures(lookup, run, [item["index"] for _, item in items])
    images = shown["originals"] if shown["originals"] is not None else shown["images"]
    if images is None or not items:
        return None
    below = [f"{names[true]}\n→ {names[i['predicted']]}\n{100 * i['confidence']:.0f} %"
             for true, i in items]  # fmt: skip
    pictures = [displayable(image) for image in images]
    lines: list[PictureLine] = [
        {"title": "", "images": pictures[at : at + SAMPLES], "below": below[at : at + SAMPLES]}
        for at in range(0, len(items), SAMPLES)
    ]
    before = " The images are shown as they were before their pixels were permuted." * (
        shown["originals"] is not None
    )
    return Plot(
        name,
        f"Confident mistakes: {label}",
        f"{len(items)} test images that {label} misclassifies, with true and predicted class.",
        f"Most confident mistakes of {label} on the test images (seed {found['seed']}"
        f"{', the run with the best validation result' * found['chosen']}): true "
        f"class, → predicted class, its probability.{before}",
        (partial(draw_pictures, lines),),
        lesser=7,
    )


@styled
def draw_pictures(lines: Sequence[PictureLine], width: float = WIDE) -> Figure:
    """Draw lines of pictures {"title", "images", "below"}; narrow ones have five in a line."""
    columns = SAMPLES if width > NARROW else SAMPLES // 2
    rows = [row for line in lines for row in _cut(line, columns)]
    side = (width - 0.1) / columns
    texts = max((t.count("\n") + 1 for row in rows for t in row["below"] if t), default=0)
    tall = side * 0.86 + 0.15 * texts
    heads = [0.24 if row["title"] else 0.02 for row in rows]
    height = sum(heads) + tall * len(rows) + 0.04
    figure = new_figure(height, width)
    figure.set_layout_engine("none")
    top = height - 0.02
    for head, row in zip(heads, rows, strict=True):
        if row["title"]:
            figure.text(
                0.05 / width, (top - 0.1) / height, row["title"], weight="bold", va="center"
            )
        top -= head
        for i, (image, text) in enumerate(zip(row["images"], row["below"], strict=True)):
            box = (0.05 + side * (i + 0.07), top - side * 0.86, side * 0.86, side * 0.86)
            ax = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            _picture(ax, image)
            middle = (box[0] + box[2] / 2) / width
            words = "\n".join(shorten(part, int(side * 13)) for part in text.split("\n"))
            figure.text(middle, (box[1] - 0.03) / height, words, ha="center", va="top",
                        size=SMALLEST, linespacing=1.15)  # fmt: skip
        top -= tall
    return figure


def _cut(line: PictureLine, columns: int) -> list[PictureLine]:
    parts = range(0, len(line["images"]), columns)
    return [
        {"title": line["title"] if at == 0 else "", "images": line["images"][at : at + columns],
         "below": line["below"][at : at + columns]}
        for at in parts
    ]  # fmt: skip


def _picture(ax: Axes, image: np.ndarray) -> None:
    shown = image[..., 0] if image.shape[-1] == 1 else image
    ax.imshow(shown, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_linewidth(0.4)
