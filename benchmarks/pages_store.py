"""The store that `benchmarks/pages.py` measures: 5,000 runs of 50 epochs.

A few runs are really trained; every planned run gets the record of one of them under its own name,
with noise on its curves and metrics, so that no two are equal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay.apps.api import plan_of
from assay.core.records import Record, run_id
from assay.core.store import Store

__all__ = ["LARGE", "LATE", "fill", "records_of", "series"]

LARGE = "large"
"""The study of 1,000 runs."""

LATE = "late"
"""A study of which one run is missing."""

BASE = {
    "dataset": {"name": "digits", "train": 200, "test": 100},
    "network": {"family": "mlp", "hidden": [16]},
    "training": {"epochs": 50, "batch_size": 32, "optimizer": "adam"},
    "save_weights": False,
}
RATES = [0.0001, 0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1]
FACTORS = {
    "training.learning_rate": RATES,
    "network.activation": ["relu", "tanh", "sigmoid", "elu", "gelu"],
    "network.kernel_initializer": ["glorot_uniform", "he_uniform"],
}
SERIES = ("loss", "val_loss", "accuracy", "val_accuracy")


def study(name: str, trials: int, train: int) -> dict[str, Any]:
    """A study of 50 or 100 trials with ten runs each; no two with equal runs."""
    kept = dict(list(FACTORS.items())[: 2 if trials == 50 else 3])
    return {
        "study": name,
        "question": f"What do {len(kept)} choices matter in {trials} trials?",
        **BASE,
        "dataset": {**BASE["dataset"], "train": train},
        "factors": kept,
        "design": "full_factorial",
        "repeats": 10,
    }


def studies(runs: int) -> Iterator[dict[str, Any]]:
    """Studies with so many runs in all, the large one first."""
    yield study(LARGE, 100, 200)
    for number in range((runs - 1000) // 500):
        yield study(f"study-{number}" if number else LATE, 50, 201 + number)


def trained() -> list[Record]:
    """Records of ten runs that were trained."""
    with tempfile.TemporaryDirectory() as folder:
        made = {**BASE, "study": "trained", "repeats": 10}
        return assay.run(made, store=folder, workers=1, progress=False).records()


def records_of(plan: Any, real: list[Record]) -> Iterator[Record]:
    """A record for each run of a plan."""
    for place, trial in enumerate(plan.trials):
        for seed in plan.study.seeds:
            config = {**trial.config, "seed": seed}
            yield noisy(real[seed % len(real)], config, trial.id, place)


def noisy(record: Record, config: dict[str, Any], trial: str, place: int) -> Record:
    """The same run with other numbers, under the name of another."""
    draw = np.random.default_rng([place, config["seed"]])
    bend = 1 + 0.02 * (place % 17) + 0.02 * draw.standard_normal()
    curves = {
        name: curve * bend + (0.003 * draw.standard_normal(len(curve)) if "loss" in name else 0)
        if name in SERIES
        else curve
        for name, curve in record.curves.items()
    }
    scale = {name: bend if "loss" in name else 1 - 0.002 * (place % 17) for name in record.metrics}
    counts = ("best_epoch", "epochs", "steps")
    metrics = {k: v if k in counts else v * scale[k] for k, v in record.metrics.items()}
    named = {"run_id": run_id(config), "trial_id": trial, "seed": config["seed"]}
    return replace(record, **named, config=config, curves=curves, metrics=metrics)


def fill(folder: Path, runs: int) -> Record:
    """Write the store, unless it is there; returns a record of `LATE` that is not in it."""
    real, late = trained(), None
    for made in studies(runs):
        plan = plan_of(made)
        records = list(records_of(plan, real))
        if plan.name == LATE:
            late = records.pop()
        with Store(folder) as store:
            store.save_plan(plan.to_json())
            for record in records:
                store.add(record)
    assert late is not None
    return late


def series(folder: Path) -> dict[str, Any]:
    """What other tools are given: names, settings, and curves (runs, series, epochs)."""
    studies_, trials, seeds, curves = [], [], [], []
    with Store(folder, read_only=True) as store:
        for plan in store.plans():
            for trial in plan["trials"]:
                for record in store.records(run for run in trial["runs"] if store.recorded([run])):
                    studies_.append(plan["study"])
                    trials.append(str(trial["label"]))
                    seeds.append(record.seed)
                    curves.append([record.curves[name] for name in SERIES])
    return {
        "study": np.array(studies_),
        "trial": np.array(trials),
        "seed": np.array(seeds),
        "curves": np.array(curves, np.float32),
        "names": np.array(SERIES),
    }
