"""What runs that make pictures left behind, as plain data and joined pictures."""

from __future__ import annotations

import io
import json
import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.flat import Row
from assay.reports.sheets import sheet
from assay.statistics import Interval, best_run, by_trial, estimate
from assay.statistics.metrics import metric_of

__all__ = [
    "best_made",
    "film_uri",
    "filmstrip",
    "generation_rows",
    "latent_map",
    "made_runs",
    "near_groups",
    "neighbours",
    "progress",
]

MEASURES = ("test_distance", "test_floor_distance")
"""Of the table of trials; all others are in that of `near_groups`."""

METRICS = {"frechet_distance": "distance"}
"""Number of a measure -> the metric it is recorded as, where that has another name."""


def made_runs(records: Iterable[Record]) -> list[Record]:
    """The runs that made pictures; those that diverged have a film only."""
    return [r for r in records if "film" in r.predictions]


def best_made(records: Iterable[Record]) -> Record | None:
    """The finished run with the smallest distance on validation."""
    return best_run([r for r in records if "samples" in r.predictions], "val_distance")


class TrainingCourse(TypedDict):
    """Mean curves of a trial over n runs, and the mean distance of real pictures; see `progress`.

    Arrays are (evaluations,).
    """

    trial: str
    n: int
    epoch: np.ndarray
    seconds: np.ndarray
    curves: dict[str, np.ndarray]
    floor: float


def generation_rows(plan: PlanData, records: Iterable[Record]) -> list[Row]:
    """One row for each trial that made pictures: {"trial", "n", "task", "epochs", "seconds" of
    training}, and the mean of every measure that was taken as an interval."""
    runs = by_trial(records)
    rows: list[Row] = []
    for trial in plan["trials"]:
        mine = [r for r in made_runs(runs.get(trial["trial_id"], [])) if r.status == "finished"]
        if not mine:
            continue
        task = mine[0].config["task"]
        row: dict[str, Any] = {
            "trial": str(trial["label"]),
            "n": len(mine),
            "task": task if isinstance(task, str) else task["name"],
            "epochs": float(np.mean([r.metrics["epochs"] for r in mine])),
            "seconds": float(np.mean([r.timing["train"] for r in mine])),
        }
        for name in MEASURES:
            values = [r.metrics[name] for r in mine if name in r.metrics]
            row[name] = estimate(values, bounds=metric_of("distance").bounds).interval
        rows.append(row)
    return rows


def progress(plan: PlanData, records: Iterable[Record]) -> list[TrainingCourse]:
    """One entry for each trial that made pictures: {"trial", "epoch", "seconds", "curves"}.

    Each of "curves" ("val_distance" and all losses) is the mean over the finished runs at each
    evaluation that all of them reached; "floor" is the mean distance of real pictures.
    """
    runs = by_trial(records)
    found: list[TrainingCourse] = []
    for trial in plan["trials"]:
        mine = [r for r in made_runs(runs.get(trial["trial_id"], [])) if r.status == "finished"]
        if not mine:
            continue
        points = min(len(r.curves["step"]) for r in mine)
        names = [n for n in mine[0].curves if n not in ("step",)]
        curves = {n: np.mean([r.curves[n][:points] for r in mine], 0) for n in names}
        found.append(
            {
                "trial": str(trial["label"]),
                "n": len(mine),
                "epoch": curves.pop("epoch"),
                "seconds": curves.pop("seconds"),
                "curves": curves,
                "floor": float(np.mean([r.metrics["test_floor_distance"] for r in mine])),
            }
        )
    return found


def near_groups(plan: PlanData, records: Iterable[Record]) -> list[tuple[list[str], list[Row]]]:
    """How near the pictures of each trial come to real ones, by every measure.

    Trials stand together when their numbers compare: the same pictures, seen by the same network.

    Returns:
        For each group its trials' labels and a row for each measure that some run took: {"measure",
        "name", "better", "floor"} and for each trial LABEL, the mean over its finished runs with
        the mean ends of their bootstrap intervals over pictures, and "LABEL seeds", the estimate
        over seeds; NaN where there is no number.
    """
    from assay.subjects.generation.measures import numbers

    runs, groups = by_trial(records), {}
    for trial in plan["trials"]:
        mine = [r for r in made_runs(runs.get(trial["trial_id"], [])) if r.status == "finished"]
        if mine:
            groups.setdefault(_seen(mine[0]), []).append((str(trial["label"]), mine))
    found = []
    for trials in groups.values():
        rows = [
            _near_row(number.title, METRICS.get(name, name), number.better, trials)
            for name, number in numbers().items()
        ]
        kept: list[Row] = [
            r for r in rows if any(math.isfinite(r[label].value) for label, _ in trials)
        ]
        found.append(([label for label, _ in trials], kept))
    return found


def _seen(run: Record) -> str:
    """What must be equal for two runs' numbers to compare."""
    task = run.config["task"]
    steps = None if isinstance(task, str) else task.get("features")
    return json.dumps([run.config.get("dataset"), steps], sort_keys=True)


def _near_row(
    title: str, name: str, better: str, trials: Sequence[tuple[str, Sequence[Record]]]
) -> dict[str, Any]:
    floors = [r.metrics.get(f"test_floor_{name}") for _, mine in trials for r in mine]
    row: dict[str, Any] = {"measure": title, "name": name, "better": better, "floor": _mean(floors)}
    for label, mine in trials:
        values = [r.metrics.get(f"test_{name}") for r in mine]
        found = estimate([v for v in values if v is not None])
        ends = (_mean(r.metrics.get(f"test_{end}_{name}") for r in mine) for end in ("low", "high"))
        row |= {label: Interval(found.mean, *ends), f"{label} seeds": found}
    return row


def _mean(values: Iterable[float | None]) -> float:
    there = [v for v in values if v is not None]
    return float(np.mean(there)) if there else math.nan


def neighbours(
    kept: Mapping[str, np.ndarray], train: np.ndarray, count: int = 8
) -> tuple[np.ndarray, int] | None:
    """The samples that are nearest to a training picture, and below each its nearest ones.

    Args:
        kept: arrays of a record.
        train: training pictures uint8 (n, h, w, c).
        count: samples.

    Returns:
        Pictures for a `sheet`, row by row, and the columns; None where the record has no nearest
        ones, or they are of other pictures.
    """
    if "samples_nearest" not in kept:
        return None
    near, samples = kept["samples_nearest"], kept["samples"]
    if near.max() >= len(train) or train.shape[1:] != samples.shape[1:]:
        return None
    chosen = np.argsort(kept["samples_distance"][:, 0], kind="stable")[:count]
    rows = [samples[chosen], *(train[near[chosen, k]] for k in range(near.shape[1]))]
    return np.concatenate(rows), len(chosen)


def filmstrip(
    film: np.ndarray, steps: Sequence[int], rows: int = 6, columns: int = 10
) -> tuple[np.ndarray, list[int]]:
    """The same latent points (across) at evaluations spread over the run (down), first and last
    included; and the updates of each row."""
    chosen = np.unique(np.linspace(0, len(film) - 1, min(rows, len(film))).round().astype(int))
    shown = film[chosen, :columns]
    joined = shown.reshape(-1, *film.shape[2:])
    return sheet(joined, shown.shape[1]), [int(steps[i]) for i in chosen]


def film_uri(film: np.ndarray, columns: int = 4, milliseconds: int = 250) -> str:
    """A film (frames, n, h, w, c) as an animated GIF in a data URI; the last frame stays longer."""
    from PIL import Image

    frames = [Image.fromarray(_three(sheet(images, columns))) for images in film]
    times = [milliseconds] * (len(frames) - 1) + [6 * milliseconds]
    out = io.BytesIO()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True
    )
    return "data:image/gif;base64," + b64encode(out.getvalue()).decode()


def _three(image: np.ndarray) -> np.ndarray:
    return np.repeat(image, 3, -1) if image.shape[-1] == 1 else image


def latent_map(
    points: np.ndarray, images: np.ndarray, side: int = 720, most: int = 250
) -> np.ndarray:
    """Pictures where their latent points (n, 2) lie, as many as find room: uint8 (side, side, c).

    The middle 98 % of each direction fill the map; the first picture takes the place.
    """
    low, high = np.percentile(points, 1, 0), np.percentile(points, 99, 0)
    h, w, c = images.shape[1:]
    canvas = np.full((side, side, c), 255, np.uint8)
    share = np.clip((points - low) / np.maximum(high - low, 1e-9), 0, 1)
    corners = np.rint(share * [side - w, side - h]).astype(int)
    taken: list[np.ndarray] = []
    for (x, y), image in zip(corners, images, strict=False):
        clear = all(abs(x - a) >= w * 0.8 or abs(y - b) >= h * 0.8 for a, b in taken)
        if clear and len(taken) < most:
            taken.append(np.array([x, y]))
            canvas[y : y + h, x : x + w] = image
    return canvas
