"""The part of a report about generated pictures: samples, progress and quality."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record
from assay.reports import predictions
from assay.reports.drawing import Plot
from assay.reports.flat import Row
from assay.reports.protocol import dataset_setting
from assay.reports.registered import Section
from assay.reports.results import interval_text
from assay.reports.sheets import sheet
from assay.reports.style import NARROW, WIDE, draw_legend, new_figure, styled
from assay.reports.svg import INK, PALETTE, png_uri
from assay.reports.tables import Column, Table
from assay.reports.texts import tell_apart
from assay.statistics import by_trial, metric_of
from assay.subjects.generation import views as made

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from assay.data.dataset import Dataset

__all__ = ["SECTION", "draw_progress", "generation_section", "generation_table", "near_tables"]

MAX_TRIALS = 4
"""Maximum number of trials whose pictures are shown, the best on validation."""

_SHOWN, _COLUMNS = 32, 8


class GenerationSection(TypedDict):
    """What the report shows of trials that make pictures."""

    table: Table
    near: list[Table]
    figures: list[Plot]
    trials: list[dict[str, Any]]
    left_out: int
    failed: list[str]


def generation_section(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> GenerationSection | None:
    """Return {"table", "near", "figures", "trials", "left_out", "failed"}; None if no run generated
    pictures."""
    if not made.made_runs(records):
        return None
    runs = by_trial(records)
    best = [(t, made.best_made(runs.get(t["trial_id"], []))) for t in plan["trials"]]
    there = [(t, run) for t, run in best if run is not None]
    ranked = sorted(there, key=lambda pair: pair[1].metrics["val_distance"])[:MAX_TRIALS]
    chosen = {t["trial_id"] for t, _ in ranked}
    entries = made.progress(plan, records)
    return {
        "table": generation_table(plan, records),
        "near": near_tables(plan, records),
        "figures": [_progress_figure(entries)] if entries else [],
        "trials": [_trial(t, run, lookup) for t, run in there if t["trial_id"] in chosen],
        "left_out": len(there) - len(ranked),
        "failed": [r.message for r in made.made_runs(records) if r.status != "finished"],
    }


def _progress_figure(entries: Sequence[made.TrainingCourse]) -> Plot:
    alt = (
        f"Fréchet distance on validation of {len(entries)} trials by epoch and by second of "
        "training, and their losses by epoch. The table contains the final distances."
    )
    return Plot(
        "generation-progress",
        "Distance from real images during training",
        alt,
        "Mean over the finished runs. Distance on validation images, lower is better; the dotted "
        "line is the distance between real images and other real ones. It uses features of a "
        "network trained by assay and is not comparable with Inception FID.",
        (partial(draw_progress, entries),),
    )


@styled
def draw_progress(entries: Sequence[made.TrainingCourse], width: float = WIDE) -> Figure:
    """Draw distance by epoch and by second, and below them the losses of each kind by epoch."""
    shown = entries[: len(PALETTE)]
    kinds = [names for names in _LOSSES if any(names[0] in e["curves"] for e in shown)]
    from matplotlib.ticker import NullFormatter

    beside = width > NARROW
    figure = new_figure(6.2 if beside else 11.0, width)
    by_epoch, by_second, *below = figure.subplots(*((2, 2) if beside else (4, 1))).ravel()
    names = tell_apart([entry["trial"] for entry in shown], 30)
    for i, (entry, label) in enumerate(zip(shown, names, strict=True)):
        values = entry["curves"]["val_distance"]
        for ax, x in ((by_epoch, entry["epoch"]), (by_second, entry["seconds"])):
            ax.plot(x, values, color=PALETTE[i], marker="o", ms=3, label=label)
            ax.axhline(entry["floor"], color=INK, lw=1, ls=":")
        for ax, names in zip(below, kinds, strict=False):
            for name, style in zip(names, ("-", ":"), strict=True):
                if name in entry["curves"]:
                    curve = entry["curves"][name]
                    ax.plot(entry["epoch"], curve, color=PALETTE[i], lw=1.6, ls=style)
    for ax, label in ((by_epoch, "epoch"), (by_second, "seconds of training")):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(label)
        ax.set_ylabel("validation distance")
        ax.grid()
    for ax, names in zip(below, kinds, strict=False):
        ax.set_title(_LOSSES[names])
        ax.set_xlabel("epoch")
        ax.grid()
    for ax in below[len(kinds) :]:
        ax.set_axis_off()
    handles, labels = by_epoch.get_legend_handles_labels()
    draw_legend(figure, handles, labels, width)
    return figure


_LOSSES = {
    ("generator_loss", "discriminator_loss"): "loss: generator —, discriminator ···",
    ("loss", "val_loss"): "loss: training —, validation ···",
}
"""Two curves that share an axes -> its title."""


def generation_table(plan: PlanData, records: Sequence[Record]) -> Table:
    """Return the distance of each trial's pictures from real ones, and the cost."""
    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        Column("n", lambda r: str(r["n"])),
        Column("Fréchet distance", _cell("test_distance")),
        Column("floor", _cell("test_floor_distance")),
        Column("epochs", lambda r: f"{r['epochs']:.1f}"),
        Column("s of training", lambda r: f"{r['seconds']:.0f}"),
    )
    notes = (
        "On the test images: mean over runs ± half of the 95 % interval, or its ends if it is "
        "longer on one side. Floor: as many validation images instead of generated ones. Not "
        "comparable with Inception FID.",
        *_about_floor(plan),
    )
    rows = tuple(made.generation_rows(plan, records))
    return Table("Generated images", columns, rows, f"assay report {plan['study']}", notes)


def _cell(name: str) -> Callable[[Row], str]:
    return lambda row: interval_text(row[name], metric_of("distance").number)


def near_tables(plan: PlanData, records: Sequence[Record]) -> list[Table]:
    """Return every measure of every trial with its floor; one table for comparable trials."""
    tables, notes = [], (*_NOTES, *_about_floor(plan))
    for labels, rows in made.near_groups(plan, records):
        for start in range(0, len(labels), _ABREAST):
            some = labels[start : start + _ABREAST]
            heads = tell_apart(some, 30)
            columns = (
                Column("measure", lambda r: r["measure"], "left"),
                Column("best", lambda r: _BEST[r["better"]], "left"),
                Column("floor", lambda r: _short(r["floor"])),
                *(Column(h, _near_cell(label)) for h, label in zip(heads, some, strict=True)),
            )
            command = f"assay report {plan['study']}"
            tables.append(
                Table("All measures and their floors", columns, tuple(rows), command, notes)
            )
    return tables


def _about_floor(plan: PlanData) -> Iterator[str]:
    """Say where validation images make no floor."""
    configs = [trial.get("config") or {} for trial in plan["trials"]]
    for name, said in (
        ("validate_on_test", "the validation images are the test images"),
        ("refit", "the validation images are trained on as well"),
    ):
        if any(dataset_setting(config, name) for config in configs):
            yield f"The floor means nothing where {said} (`dataset.{name}`)."


_ABREAST = 5
"""Maximum number of trials side by side in a table."""

_BEST = {"lower": "lower", "higher": "higher", "floor": "the floor"}

_NOTES = (
    "Mean over the runs of a trial [95 % bootstrap interval over images] ± half of the 95 % "
    "interval over seeds, if there are several. Floor: as many validation images instead of "
    "generated ones; for interpolations two real images, a straight path and equal steps.",
    "Precision and recall: fraction of generated images among real ones, and of real images among "
    "generated ones; density and coverage: the same, less sensitive to outliers. Nearer to "
    "training than test images: above the floor if images are copied. Reconstruction error: root "
    "mean squared error of intensities from 0 to 1; autoencoders only.",
)


def _near_cell(label: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        found, half = row[label], row[f"{label} seeds"].half_width
        said = _short(found.value)
        if math.isfinite(found.half_width):
            said += f" [{_short(found.low)}, {_short(found.high)}]"
        return f"{said} ± {_short(half)}" if math.isfinite(half) else said

    return text


def _short(value: float) -> str:
    """A number with three or four digits."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    return f"{value:,.{0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3}f}"


def _trial(trial: PlannedTrial, run: Record, lookup: predictions.DatasetOf) -> dict[str, Any]:
    """The pictures of a trial's best run as items {"title", "image", "caption"}."""
    kept, label = run.predictions, str(trial["label"])
    dataset = lookup(run.config.get("dataset") or {})
    strip, steps = made.filmstrip(kept["film"], kept["film_step"].tolist())
    items = [
        _item(
            "Film",
            made.film_uri(kept["film"]),
            f"The same {kept['film'].shape[1]} latent points at {len(kept['film'])} evaluations.",
        ),
        _item(
            "Filmstrip",
            png_uri(strip),
            "Down: after " + ", ".join(f"{step:,}" for step in steps) + " updates.",
        ),
        _item(
            "Random pictures",
            png_uri(sheet(kept["samples"][:_SHOWN], _COLUMNS)),
            f"Not selected: the first {_SHOWN} of assay sample {run.run_id[:8]} "
            f"-n {len(kept['samples'])} --seed 0.",
        ),
        *_beside_real(kept, dataset),
        _item(
            "From one latent point to another",
            png_uri(sheet(kept["interpolation"], len(kept["interpolation"]))),
            f"assay interpolate {run.run_id[:8]} --from 1 --to 2 --steps "
            f"{len(kept['interpolation'])}.",
        ),
    ]
    return {
        "label": label,
        "seed": run.seed,
        "items": items,
        "missing": predictions.NOT_FOUND if dataset is None else None,
    }


def _item(title: str, image: str, caption: str) -> dict[str, str]:
    return {"title": title, "image": image, "caption": caption}


def _beside_real(kept: Mapping[str, np.ndarray], dataset: Dataset | None) -> list[dict[str, str]]:
    """Return functions of the real pictures; empty if they are not available."""
    if dataset is None:
        return []
    real = dataset.test.images
    items = [
        _item(
            "Real pictures",
            png_uri(sheet(real[:_SHOWN], _COLUMNS)),
            "Test images, not selected either.",
        )
    ]
    items += _neighbours(kept, dataset.train.images)
    if "test_reconstruction" in kept:
        again = kept["test_reconstruction"]
        both = np.concatenate([real[: len(again)], again])
        items.append(
            _item(
                "Reconstructions",
                png_uri(sheet(both, len(again))),
                "Above: test images; below: their reconstructions.",
            )
        )
    if "test_latent" in kept:
        items.append(
            _item(
                "Map of the latent points",
                png_uri(made.latent_map(kept["test_latent"], real)),
                "Test images at the first two principal components of their latent points.",
            )
        )
    return items


def _neighbours(kept: Mapping[str, np.ndarray], train: np.ndarray) -> list[dict[str, str]]:
    found = made.neighbours(kept, train)
    if found is None:
        return []
    joined, columns = found
    return [
        _item(
            "Nearest training images",
            png_uri(sheet(joined, columns)),
            f"Above: those of {len(kept['samples'])} random images that are nearest to a training "
            "image, nearest first; below each its nearest training images by the features. Copies "
            "would show up here.",
        )
    ]


SECTION = Section("Pictures", Path(__file__).with_name("section.html.j2"), generation_section)
