"""Figures of classes: accuracy of each class, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.drawing import Plot
from assay.reports.style import NARROW, WIDE, draw_legend, legend_height, new_figure, styled
from assay.reports.svg import INK, PALETTE, PAPER
from assay.reports.texts import ns, tell_apart
from assay.statistics import by_trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration", "calibration_plot", "class_plot", "draw_calibration", "draw_classes"]

BINS = 10
"""Bins of a calibration curve, of equal width."""

MAX_CLASSES = 30

_MARKERS = "osD^"


class NamedScores(predictions.ClassScores):
    """The scores of a class with its name."""

    name: str


class ClassBars(TypedDict):
    """A trial with the scores of its classes."""

    label: str
    rows: list[NamedScores]


class Calibration(TypedDict):
    """A reliability diagram's data (bins,), see `calibration`."""

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float
    n: int


class NamedCalibration(Calibration):
    """The calibration of a trial."""

    label: str


def class_plot(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> Plot | None:
    """Return bars of the accuracy of each class for the headline trials; None without classes, or
    for trials of different data."""
    runs = by_trial(records)
    entries: list[ClassBars] = []
    for trial in views.headline_trials(plan, records):
        rows = predictions.per_class(runs[trial["trial_id"]])
        if 0 < len(rows) <= MAX_CLASSES:
            spec = trial.get("config", {}).get("dataset") or {}
            names = predictions.class_names(spec, lookup(spec), max(r["class"] for r in rows) + 1)
            shown: list[NamedScores] = [{**row, "name": names[row["class"]]} for row in rows]
            entries.append({"label": str(trial["label"]), "rows": shown})
    first = [row["name"] for row in entries[0]["rows"]] if entries else []
    entries = [e for e in entries if [row["name"] for row in e["rows"]] == first]
    if not entries:
        return None
    counted = [row["accuracy"].n for e in entries for row in e["rows"]]
    runs = f"mean over runs, {ns(counted)}, with its 95 % interval"
    return Plot(
        "classes",
        "Accuracy by class",
        f"Bars of the test accuracy of {len(first)} classes for {len(entries)} configurations.",
        f"Test accuracy (%) of each class: {runs if max(counted) > 1 else 'one run'}."
        + (" The axis does not start at 0." if _start(entries) else ""),
        (partial(draw_classes, entries),),
        lesser=7,
    )


def _start(entries: Sequence[ClassBars]) -> float:
    """Return where the axis starts: the ten below the lowest end of an interval."""
    ends = [(row["accuracy"].low, row["accuracy"].mean) for e in entries for row in e["rows"]]
    lowest = 100 * float(np.nanmin(ends))
    return min(max(0.0, 10 * np.floor(lowest / 10)), 90.0)


@styled
def draw_classes(entries: Sequence[ClassBars], width: float = WIDE) -> Figure:
    """Draw the accuracy of each class as bars, beside each other for each of `entries`."""
    classes = [row["name"] for row in entries[0]["rows"]]
    upright = width > NARROW
    tall = 2.7 if upright else 0.7 + 0.17 * len(classes) * (len(entries) + 0.8)
    figure = new_figure(tall, width)
    ax = figure.subplots()
    thick = 0.8 / len(entries)
    labels = tell_apart([str(e["label"]) for e in entries], 36)
    start = _start(entries)
    for k, entry in enumerate(entries):
        place = np.arange(len(classes)) + (k - (len(entries) - 1) / 2) * thick
        found = [row["accuracy"] for row in entry["rows"]]
        mean, low, high = 100 * np.array([(e.mean, e.low, e.high) for e in found]).T
        low, high = (np.where(np.isnan(ends), mean, ends) for ends in (low, high))
        low, high = np.maximum(low, 0), np.minimum(high, 100)
        ends = np.array([mean - low, high - mean])
        look = {
            "color": PALETTE[k % len(PALETTE)],
            "alpha": 0.75,
            "hatch": ("", "///", "...", "xx")[k % 4],
            "edgecolor": PAPER,
            "label": labels[k],
            "error_kw": {"lw": 1, "ecolor": INK},
        }
        if upright:
            ax.bar(place, mean, thick * 0.92, yerr=ends, **look)
        else:
            ax.barh(place, mean, thick * 0.92, xerr=ends, **look)
    names = tell_apart(classes, 12, lines=1)
    if upright:
        turned = max(map(len, names)) > 6
        ax.set_xticks(range(len(classes)), names, rotation=30 if turned else 0,
                      ha="right" if turned else "center", rotation_mode="anchor")  # fmt: skip
        ax.set(ylim=(start, 100), ylabel="test accuracy (%)")
        ax.grid(axis="y")
    else:
        ax.set_yticks(range(len(classes)), names)
        ax.set(xlim=(start, 100), ylim=(len(classes) - 0.5, -0.5), xlabel="test accuracy (%)")
        ax.grid(axis="x")
    ax.tick_params(axis="x" if upright else "y", length=0)
    draw_legend(figure, *ax.get_legend_handles_labels(), width)
    return figure


def calibration(runs: Sequence[Record], bins: int = BINS) -> Calibration | None:
    """Return a reliability diagram's data, pooled over the runs of a trial (Guo et al. 2017).

    Returns:
        {"confidence", "accuracy", "count" (bins,)}: mean confidence and accuracy of the images in
        each bin of confidence, NaN for empty bins; "error", the expected calibration error:
        |accuracy - confidence| averaged over images; "n", the runs. None if no run kept
        confidences.
    """
    mine = [r for r in runs if r.status == "finished"
            and {"test_confidence", "test_predicted", "test_target"} <= set(r.predictions)
            and r.predictions["test_target"].ndim == 1]  # fmt: skip
    if not mine:
        return None
    sure = np.concatenate([r.predictions["test_confidence"].astype(np.float64) for r in mine])
    right = np.concatenate(
        [r.predictions["test_predicted"] == r.predictions["test_target"] for r in mine]
    )
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(place, sure, bins) / count
        accuracy = np.bincount(place, right.astype(float), bins) / count
    gap = np.abs(np.nan_to_num(accuracy - confidence))
    return {"confidence": confidence, "accuracy": accuracy, "count": count,
            "error": float((gap * count).sum() / count.sum()), "n": len(mine)}  # fmt: skip


def calibration_plot(plan: PlanData, records: Sequence[Record]) -> Plot | None:
    """Return the calibration curves of the headline trials; None if no run kept confidences."""
    runs = by_trial(records)
    entries: list[NamedCalibration] = []
    for trial in views.headline_trials(plan, records):
        found = calibration(runs[trial["trial_id"]])
        if found is not None:
            entries.append({**found, "label": str(trial["label"])})
    if not entries:
        return None
    errors = "; ".join(f"{e['label']} {100 * e['error']:.1f} %, n = {e['n']}" for e in entries)
    return Plot(
        "calibration",
        "Calibration",
        f"Fraction of correct predictions over the predicted probability. {errors}.",
        "Fraction of correct test predictions over the probability of the predicted class, in "
        f"{BINS} bins of equal width, pooled over runs; on the diagonal, the probabilities are "
        "calibrated. Bins with fewer than 10 images are left out. Expected calibration error: "
        f"{errors}.",
        (partial(draw_calibration, entries),),
        small=True,
        lesser=8,
    )


@styled
def draw_calibration(entries: Sequence[NamedCalibration], width: float = WIDE) -> Figure:
    """Draw entries of `calibration`."""
    size = min(width, NARROW)
    labels = tell_apart([str(e["label"]) for e in entries], 36)
    figure = new_figure(size * 0.72 + 0.2 + legend_height(labels, size), size)
    ax = figure.subplots()
    ax.plot([0, 100], [0, 100], color=INK, lw=0.8, ls=":")
    for k, (entry, label) in enumerate(zip(entries, labels, strict=True)):
        seen = entry["count"] >= 10
        ax.plot(100 * entry["confidence"][seen], 100 * entry["accuracy"][seen], lw=1.6, ms=5,
                color=PALETTE[k % len(PALETTE)], marker=_MARKERS[k % 4], label=label)  # fmt: skip
    ax.set(xlabel="probability given (%)", ylabel="right answers (%)", xlim=(0, 101), ylim=(0, 101))
    ax.grid()
    draw_legend(figure, *ax.get_legend_handles_labels(), size)
    return figure
