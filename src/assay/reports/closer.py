"""What the report shows up close: confusion matrices, confident mistakes, example images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import TypedDict

import numpy as np

from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record
from assay.data.catalog import ENTRIES, DatasetEntry
from assay.reports import predictions, views
from assay.reports.drawing import Plot
from assay.reports.pixel_grid import animation, gif_uri
from assay.reports.svg import png_uri
from assay.statistics import by_trial

__all__ = ["CloserLook", "ExampleRow", "closer_looks", "confusion_plot", "example_rows"]

MAX_CLASSES = 30
"""Maximum number of classes of a readable confusion matrix."""


class _States(TypedDict):
    original: str | None
    shuffled: str | None


class Example(_States):
    """A picture as data URIs, also as it was where pixels moved, and the name of its class."""

    image: str
    name: str


class ShownMistake(predictions.Mistake, Example):
    """A mistake with its picture and the name of the predicted class."""


ShownClass = TypedDict(
    "ShownClass", {"class": int, "name": str, "wrong": int, "items": list[ShownMistake]}
)
"""The mistakes of a class, as the page shows them."""


class ShownMistakes(TypedDict):
    """The mistakes of a run, or why they are missing; whether the pictures were permuted."""

    seed: int
    chosen: bool
    n: int
    classes: list[ShownClass]
    missing: str | None
    permuted: bool


class CloserLook(TypedDict):
    """A trial's confusion matrix and its confident mistakes, with their pictures; None without."""

    label: str
    figure: Plot
    mistakes: ShownMistakes | None


class ExampleRow(TypedDict):
    """Training images of a dataset, or why they are missing.

    `animation` is a data URI of pixels that are moved back, None where none were.
    """

    data: str
    items: list[Example]
    missing: str | None
    animation: str | None


def closer_looks(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> list[CloserLook]:
    """Return confusion matrix and confident mistakes of the headline trials."""
    runs = by_trial(records)
    made: list[CloserLook] = []
    for number, trial in enumerate(views.headline_trials(plan, records)):
        mine = runs[trial["trial_id"]]
        matrix = predictions.confusion(mine)
        if matrix is None or len(matrix["counts"]) > MAX_CLASSES:
            continue
        spec = trial.get("config", {}).get("dataset") or {}
        dataset = lookup(spec)
        names = predictions.class_names(spec, dataset, len(matrix["counts"]))
        figure = confusion_plot(number, trial, matrix, names)
        made.append(
            {
                "label": str(trial["label"]),
                "figure": figure,
                "mistakes": _mistakes(plan, mine, lookup, names),
            }
        )
    return made


def confusion_plot(
    number: int, trial: PlannedTrial, matrix: predictions.Confusion, names: Sequence[str]
) -> Plot:
    """Return the confusion matrix of a trial, from `predictions.confusion`."""
    from assay.reports.figures import draw_confusion

    right = np.trace(matrix["counts"]) / matrix["counts"].sum()
    return Plot(
        f"confusion-{number}",
        f"Confusion matrix: {trial['label']}",
        f"Confusion matrix of {trial['label']}: {right:.1%} of the test images on the diagonal.",
        f"Counts pooled over {matrix['n']} {'run' if matrix['n'] == 1 else 'runs'}; correct "
        "predictions are blue, wrong ones orange by their fraction of the true class.",
        (partial(draw_confusion, matrix, names),),
        small=True,
    )


def _mistakes(
    plan: PlanData, runs: Sequence[Record], lookup: predictions.DatasetOf, names: Sequence[str]
) -> ShownMistakes | None:
    found = predictions.mistakes(plan, runs)
    if found is None:
        return None
    run = next(r for r in runs if r.run_id == found["run_id"])
    items = [item for group in found["classes"] for item in group["items"]]
    shown = predictions.pictures(lookup, run, [item["index"] for item in items])
    made: ShownMistakes = {
        "seed": found["seed"],
        "chosen": found["chosen"],
        "n": found["n"],
        "classes": [],
        "missing": shown["missing"],
        "permuted": shown["originals"] is not None,
    }
    images = shown["images"]
    if images is None:
        return made
    place = count()
    for group in found["classes"]:
        mine = [_mistake(item, images, shown, next(place), names) for item in group["items"]]
        name = names[group["class"]]
        made["classes"].append({**group, "name": name, "items": mine})
    return made


def _mistake(
    item: predictions.Mistake,
    images: np.ndarray,
    shown: predictions.ShownPictures,
    i: int,
    names: Sequence[str],
) -> ShownMistake:
    name = names[item["predicted"]]
    return {**item, "image": png_uri(images[i]), **_states(shown, i), "name": name}


def _states(found: predictions.Moved, i: int) -> _States:
    """Return the original picture, and the permuted one, if pixels were moved."""
    before, between = found["originals"], found["shuffled"]
    return {
        "original": None if before is None else png_uri(before[i]),
        "shuffled": None if between is None else png_uri(between[i]),
    }


def example_rows(plan: PlanData, lookup: predictions.DatasetOf) -> list[ExampleRow]:
    """Return rows of training images for each dataset, with the originals if pixels were moved, and
    an animation if they were put back in order."""
    rows: list[ExampleRow] = []
    for name, trials in views.data_groups(plan).items():
        spec = trials[0].get("config", {}).get("dataset") or {"name": name}
        dataset = lookup(spec)
        if dataset is None:
            missing = predictions.NOT_FOUND
            rows.append({"data": name, "items": [], "missing": missing, "animation": None})
            continue
        found = predictions.examples(dataset)
        entry = ENTRIES.get(dataset.name) or DatasetEntry(dataset.name, "", "", "")
        names = dataset.class_names
        items: list[Example] = [
            {"image": png_uri(image), **_states(found, i), "name": entry.target_name(target, names)}
            for i, (image, target) in enumerate(zip(found["images"], found["targets"], strict=True))
        ]
        way = predictions.journey(dataset)
        moving = gif_uri(animation(*way, dataset.image_shape[:2], scale=5)) if way else None
        rows.append({"data": name, "items": items, "missing": None, "animation": moving})
    return rows
