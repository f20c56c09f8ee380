"""Numbers of a small run of each part, which may only move with a new version of the part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.engines.optimizers.optimizer import OPTIMIZERS
from assay.engines.schedules import SCHEDULES
from assay.networks.activations import ACTIVATIONS
from assay.networks.initializers import INITIALIZERS

Pinned = Callable[[dict[str, Any]], None]

DIGITS = {"name": "digits", "train": 150, "test": 40}
TRAINING = {"epochs": 2, "batch_size": 32, "learning_rate": 0.05}


def study(
    network: dict[str, Any] | None = None, dataset: Any = DIGITS, **training: Any
) -> dict[str, Any]:
    """One run of a network of a few units."""
    net = {"family": "mlp", "hidden": [12], **(network or {})}
    return {"dataset": dataset, "network": net, "training": TRAINING | training}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations(activation: str, pinned: Pinned):
    pinned(study({"activation": activation}))


@pytest.mark.parametrize("initializer", sorted(INITIALIZERS))
def test_initializers(initializer: str, pinned: Pinned):
    pinned(study({"kernel_initializer": initializer, "bias_initializer": initializer}))


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_optimizers(optimizer: str, pinned: Pinned):
    pinned(study(optimizer=optimizer))


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_schedules(schedule: str, pinned: Pinned):
    pinned(study(schedule=schedule))


REGULARIZERS: dict[str, dict[str, Any]] = {
    "l1": {"kernel_regularizer": {"l1": 0.01}},
    "l2": {"kernel_regularizer": {"l2": 0.01}},
    "dropout": {"dropout": 0.4},
    "batch_norm": {"batch_norm": True},
}


@pytest.mark.parametrize("regularizer", sorted(REGULARIZERS))
def test_regularizers(regularizer: str, pinned: Pinned):
    pinned(study(REGULARIZERS[regularizer]))


FAMILIES: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [16, 8]},
    "cnn": {"family": "cnn", "filters": [[4], [6, 6]], "first_kernel_size": 3, "dense": [8]},
    "layers": {
        "family": "layers",
        "layers": [{"conv2d": {"filters": 4, "kernel_size": 3}}, "flatten", {"dense": 8}],
    },
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_families(family: str, pinned: Pinned):
    given = study()
    network = FAMILIES[family]
    given["network"] = {"family": "mlp", **network}
    pinned(given)


RECIPES: dict[str, dict[str, Any]] = {
    "flip": {"augment": {"flip": True}},
    "shift": {"augment": {"shift": 1}},
    "ema": {"ema": 0.9},
    "crop": {"augment": {"crop": 1}},
    "reflect": {"augment": {"crop": 1, "reflect": True}},
    "alternating": {"augment": {"flip": "alternating"}},
    "cutout": {"augment": {"cutout": 3}},
    "mixup": {"augment": {"mixup": 0.2}},
    "swa": {"swa": 0.5},
    "lookahead": {"lookahead": 3},
    "label_smoothing": {"label_smoothing": 0.1},
    "early_stopping": {"early_stopping": 1, "epochs": 6},
}


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_recipes(recipe: str, pinned: Pinned):
    pinned(study(**RECIPES[recipe]))


DATASETS: dict[str, dict[str, Any]] = {
    "permute": {"permute": 7},
    "normalize": {"normalize": "unit"},
    "folds": {"folds": 3, "fold": 1},
}


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_datasets(dataset: str, pinned: Pinned):
    pinned(study(dataset={**DIGITS, **DATASETS[dataset]}))


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_engines(engine: str, pinned: Pinned):
    pinned({**study({"hidden": [16, 8], "batch_norm": True}), "engine": engine})
