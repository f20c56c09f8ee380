"""Runs that leave checkpoints: recipes with every kind of state, and a way to interrupt them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.records import Record
from assay.core.store_format import encode_arrays
from assay.data.dataset import Dataset
from assay.engines.checkpoints import Checkpoint
from assay.engines.engine import ENGINES, Cohort, Member, Progress, Resources
from assay.engines.loop import Loop
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.schedules import Cosine
from assay.engines.training import Augment, EarlyStopping, Training
from assay.networks.families import build_network

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stacked adam": (
        {"family": "mlp", "hidden": [12, 8], "dropout": 0.3, "batch_norm": True},
        {"optimizer": Optimizer.parse("adam"), "learning_rate": 0.01},
    ),
    "stacked, compiled": (
        {"family": "mlp", "hidden": [800, 70]},
        {"optimizer": Optimizer.parse({"name": "rmsprop", "momentum": 0.5}), "learning_rate": 1e-3},
    ),
    "stacked momentum, early stopping, cosine": (
        {"family": "mlp", "hidden": [12]},
        {
            "optimizer": Optimizer.parse({"name": "sgd", "momentum": 0.9}),
            "early_stopping": EarlyStopping(patience=1),
            "schedule": Cosine(warmup=0.1),
        },
    ),
    "cnn, augmented, averaged": (
        {"family": "cnn", "filters": [[4], [6]], "first_kernel_size": 3, "dense": [8]},
        {
            "optimizer": Optimizer.parse("adam"),
            "learning_rate": 0.01,
            "augment": Augment(shift=1, flip=True),
            "ema": 0.9,
        },
    ),
    "noise": (
        {"family": "layers", "layers": [{"gaussian_noise": 0.5}, {"dense": 12}]},
        {"optimizer": Optimizer.parse("adam"), "learning_rate": 0.01},
    ),
    "cnn with batch norm and adagrad": (
        {"family": "cnn", "filters": [4], "first_kernel_size": 3, "dense": [], "batch_norm": True},
        {"optimizer": Optimizer.parse("adagrad"), "learning_rate": 0.05},
    ),
}


def member(
    corners: Dataset, case: str, seed: int, stop_after: int | None, **changes: Any
) -> Member:
    network, recipe = CASES[case]
    recipe = {"epochs": 4, "batch_size": 40, "learning_rate": 0.05} | recipe | changes
    net = build_network(network, corners.image_shape, {"class": 4})
    plain = {"epochs": 4, "case": case} | ({"stop_after": stop_after} if stop_after else {})
    config = {"seed": seed, "training": plain}
    return Member(config, net, Training(**recipe, stop_after=stop_after), seed)


def train(
    members: Sequence[Member],
    dataset: Dataset,
    folder: Path | None,
    engine: str = "torch",
    on_progress: Callable[[Progress], None] = lambda p: None,
    **changes: Any,
) -> list[Record]:
    kept = {"precision": "float32", "checkpoint_seconds": 0.0} | changes
    resources = Resources("cpu", threads=1, checkpoints=folder, **kept)
    made = ENGINES[engine]().train(Cohort(tuple(members)), dataset, resources, on_progress)
    records = {r.seed: r for r in made}
    if folder is not None:
        for record in records.values():
            if record.state:
                content = encode_arrays(record.state, "state")
                (folder / f"{record.run_id}.safetensors").write_bytes(content)
            Checkpoint(folder, record.run_id).remove()  # as whoever stores it does
    return [records[m.seed] for m in members]


def assert_same(a: Record, b: Record) -> None:
    assert a.status == b.status
    assert a.metrics == b.metrics
    for name in a.curves:
        if name != "seconds":
            np.testing.assert_array_equal(a.curves[name], b.curves[name], err_msg=name)
    for name in a.weights:
        np.testing.assert_array_equal(a.weights[name], b.weights[name], err_msg=name)


class Killed(Exception):
    """In the middle of a run."""


def kill(monkeypatch: pytest.MonkeyPatch, after: int, *training: Any) -> None:
    """Train until so many updates are done."""
    pause = Loop.pause

    def pause_once(self: Loop, done: int) -> None:
        pause(self, done)
        if done == after:
            raise Killed

    monkeypatch.setattr(Loop, "pause", pause_once)
    with pytest.raises(Killed):
        train(*training)
    monkeypatch.setattr(Loop, "pause", pause)
