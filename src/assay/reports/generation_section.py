"""The part of a report about making pictures: what was made, how it came about, how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.records import Record
from assay.reports import generation_views as made
from assay.reports import predictions
from assay.reports.style import new_figure, shorten, styled
from assay.reports.svg import INK, PALETTE, png_uri, svg
from assay.reports.tables import Column, Table
from assay.statistics import by_trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from assay.data.dataset import Dataset

__all__ = ["draw_progress", "generation_section", "generation_table"]

MAX_TRIALS = 4
"""Trials whose pictures are shown, the best on validation; a page should open quickly."""

_SHOWN, _COLUMNS = 32, 8


def generation_section(
    plan: Mapping[str, Any], records: Sequence[Record], lookup: predictions.DatasetOf
) -> dict[str, Any] | None:
    """Return {"table", "figures", "trials", "left_out"}; None where no run made pictures."""
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
        "figures": [_progress_figure(entries)] if entries else [],
        "trials": [_trial(t, run, lookup) for t, run in there if t["trial_id"] in chosen],
        "left_out": len(there) - len(ranked),
        "failed": [r.message for r in made.made_runs(records) if r.status != "finished"],
    }


def _progress_figure(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    alt = (
        f"Fréchet distance on validation of {len(entries)} trials by epoch and by second of "
        "training, and their losses by epoch. The table holds the distances at the end."
    )
    return {
        "name": "generation-progress",
        "title": "How far from real pictures, and how fast",
        "caption": "Mean over the finished runs. Distance on validation pictures, lower is better; "
        "the dotted line is that of real pictures against other real ones. It is measured on "
        "features of a network trained here and not comparable with Inception FID.",
        "drawings": [svg(draw_progress(entries), "generation-progress-0", alt)],
    }


@styled
def draw_progress(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw distance by epoch and by second, and below them the losses of each kind by epoch."""
    shown = entries[: len(PALETTE)]
    kinds = [names for names in _LOSSES if any(names[0] in e["curves"] for e in shown)]
    figure = new_figure(6.2)
    (by_epoch, by_second), *below = figure.subplots(2, 2)
    for i, entry in enumerate(shown):
        label, values = shorten(entry["trial"], 30), entry["curves"]["val_distance"]
        for ax, x in ((by_epoch, entry["epoch"]), (by_second, entry["seconds"])):
            ax.plot(x, values, color=PALETTE[i], marker="o", ms=3, label=label)
            ax.axhline(entry["floor"], color=INK, lw=1, ls=":")
        for ax, names in zip(below[0], kinds, strict=False):
            for name, style in zip(names, ("-", ":"), strict=True):
                if name in entry["curves"]:
                    curve = entry["curves"][name]
                    ax.plot(entry["epoch"], curve, color=PALETTE[i], lw=1.6, ls=style)
    for ax, label in ((by_epoch, "epoch"), (by_second, "seconds of training")):
        ax.set_yscale("log")
        ax.set_xlabel(label)
        ax.set_ylabel("validation distance")
        ax.grid()
    for ax, names in zip(below[0], kinds, strict=False):
        ax.set_title(_LOSSES[names])
        ax.set_xlabel("epoch")
        ax.grid()
    for ax in below[0][len(kinds) :]:
        ax.set_axis_off()
    handles, labels = by_epoch.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(3, len(labels)))
    return figure


_LOSSES = {
    ("generator_loss", "discriminator_loss"): "loss: generator —, discriminator ···",
    ("loss", "val_loss"): "loss: training —, validation ···",
}
"""Two curves that share an axes -> its title."""


def generation_table(plan: Mapping[str, Any], records: Sequence[Record]) -> Table:
    """Return the measures of each trial's pictures, each beside its floor."""
    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        Column("n", lambda r: str(r["n"])),
        Column("Fréchet distance", _cell("test_distance", 2)),
        Column("floor", _cell("test_floor_distance", 2)),
        Column("variety", _cell("test_variety", 2)),
        Column("reconstruction error", _cell("test_reconstruction_error", 4)),
        Column("epochs", lambda r: f"{r['epochs']:.1f}"),
        Column("s of training", lambda r: f"{r['seconds']:.0f}"),
    )
    notes = (
        "On the test pictures: mean over runs ± half of the 95 % interval. Floor: as many training "
        "pictures in place of made ones. Variety: variance of the features as a share of that of "
        "real ones. Reconstruction error: root mean square of pixels from 0 to 1.",
        "Distances are measured on features of a network trained on these pictures; they are not "
        "comparable with Inception FID.",
    )
    rows = tuple(made.generation_rows(plan, records))
    return Table("Pictures that were made", columns, rows, f"assay report {plan['study']}", notes)


def _cell(name: str, decimals: int) -> Callable[[Mapping[str, Any]], str]:
    def text(row: Mapping[str, Any]) -> str:
        mean, low, high = (row.get(key) for key in (name, f"{name}_low", f"{name}_high"))
        if mean is None:
            return "-"
        said = f"{mean:.{decimals}f}"
        return said if low is None or high is None else f"{said} ± {(high - low) / 2:.{decimals}f}"

    return text


def _trial(trial: Mapping[str, Any], run: Record, lookup: predictions.DatasetOf) -> dict[str, Any]:
    """The pictures of a trial's best run as items {"title", "image", "caption"}."""
    kept, label = run.predictions, str(trial["label"])
    dataset = lookup(trial.get("config", {}).get("dataset") or {})
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
            png_uri(made.sheet(kept["samples"][:_SHOWN], _COLUMNS)),
            f"Not chosen: assay sample {run.run_id[:8]} -n {_SHOWN} --seed 0.",
        ),
        *_beside_real(kept, dataset),
        _item(
            "From one latent point to another",
            png_uri(made.sheet(kept["interpolation"], len(kept["interpolation"]))),
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
    """What takes the real pictures; nothing where they are not to be had."""
    if dataset is None:
        return []
    real = dataset.test.images
    items = [
        _item(
            "Real pictures",
            png_uri(made.sheet(real[:_SHOWN], _COLUMNS)),
            "Test pictures, not chosen either.",
        )
    ]
    if "test_reconstruction" in kept:
        again = kept["test_reconstruction"]
        both = np.concatenate([real[: len(again)], again])
        items.append(
            _item(
                "Reconstructions",
                png_uri(made.sheet(both, len(again))),
                "Above test pictures, below the same after encoder and decoder.",
            )
        )
    if "test_latent" in kept:
        items.append(
            _item(
                "Map of the latent points",
                png_uri(made.latent_map(kept["test_latent"], real)),
                "Test pictures at the first two principal components of their latent points.",
            )
        )
    return items
