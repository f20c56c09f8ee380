"""A small real engine for tests of the execution: softmax regression by SGD, in NumPy.

It starts in a moment, gives the same bits whatever the cohort, and misbehaves on demand: env
SOFTMAX_FAIL, SOFTMAX_KILL and SOFTMAX_KILL_ONCE name seeds, SOFTMAX_SLEEP seconds per epoch. The
JSON file that env SOFTMAX_CONTROL names says the same to workers that have started already.
SOFTMAX_GPUS names devices that it may be told to use; it computes on the CPU all the same.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import EngineError
from assay.core.records import Record, run_id, trial_id
from assay.core.seeds import stream
from assay.data import Dataset, Split, batch_order
from assay.engines.engine import Cohort, Member, Progress, Resources


def setting(name: str, default: str = "") -> str:
    file = Path(os.environ.get("SOFTMAX_CONTROL", "none"))
    told = json.loads(file.read_text()) if file.exists() else {}
    return told.get(name, os.environ.get(name, default))


def seeds(name: str) -> list[str]:
    return setting(name).split()


def features(split: Split, dataset: Dataset) -> np.ndarray:
    scaled = (split.images - dataset.mean) / dataset.std
    return scaled.reshape(len(split), -1).astype(np.float32)


def logits(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x @ weights[:-1] + weights[-1]


def loss(weights: np.ndarray, x: np.ndarray, targets: np.ndarray) -> float:
    z = logits(weights, x)
    z = z - z.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), targets]))


class SoftmaxEngine:
    name = "softmax"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        if cohort.task != "classify":
            raise EngineError(f"softmax regression cannot {cohort.task}")

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        return 3

    def describe(self, resources: Resources) -> dict[str, Any]:
        return {"device": "cuda" if self.accelerators(resources) else "cpu"}

    def accelerators(self, resources: Resources) -> dict[str, int]:
        return dict.fromkeys(setting("SOFTMAX_GPUS").split(), 8 << 30)

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        for place, member in enumerate(cohort.members):
            seed = str(member.seed)
            if seed in seeds("SOFTMAX_FAIL"):
                raise RuntimeError(f"seed {seed} cannot be trained")
            if seed in seeds("SOFTMAX_KILL"):
                os.kill(os.getpid(), signal.SIGKILL)
            if seed in seeds("SOFTMAX_KILL_ONCE"):
                marker = Path(setting("SOFTMAX_MARKER"))
                if not marker.exists():
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            size = len(cohort.members)
            on_progress(Progress(0, place / size, size - place, remark=f"seed {seed} begins"))
            record = self.run(member, dataset, size, place, on_progress)
            yield replace(record, provenance={**record.provenance, "device": resources.device})

    def run(
        self,
        member: Member,
        dataset: Dataset,
        cohort_size: int,
        place: int,
        on_progress: Callable[[Progress], None],
    ) -> Record:
        recipe, n = member.training, len(dataset.train)
        x, y = features(dataset.train, dataset), dataset.train.targets
        draw = stream(member.seed, "init")
        weights = draw.normal(0, 0.01, (x.shape[1] + 1, 10)).astype(np.float32)
        curve: list[float] = []
        with np.errstate(all="ignore"):
            for epoch in range(recipe.epochs):
                order = batch_order(member.seed, epoch, n)
                for start in range(0, n, recipe.batch_size):
                    batch = order[start : start + recipe.batch_size]
                    z = logits(weights, x[batch])
                    p = np.exp(z - z.max(1, keepdims=True))
                    p /= p.sum(1, keepdims=True)
                    p[np.arange(len(batch)), y[batch]] -= 1
                    step = recipe.learning_rate / len(batch)
                    weights[:-1] -= step * x[batch].T @ p
                    weights[-1] -= step * p.sum(0)
                time.sleep(float(setting("SOFTMAX_SLEEP", "0")))
                curve.append(loss(weights, x, y))
                fraction = (place + (epoch + 1) / recipe.epochs) / cohort_size
                on_progress(Progress(n, fraction, cohort_size - place, {"loss": curve[-1]}))
                if not np.isfinite(curve[-1]):
                    break
        predicted = logits(weights, features(dataset.test, dataset)).argmax(1).astype(np.uint8)
        finite = bool(np.isfinite(curve[-1]))
        return Record(
            run_id=run_id(member.config),
            trial_id=trial_id(member.config),
            seed=member.seed,
            status="finished" if finite else "diverged",
            config=member.config,
            curves={
                "step": np.arange(1, len(curve) + 1, dtype=np.float32),
                "epoch": np.arange(1, len(curve) + 1, dtype=np.float32),
                "loss": np.array(curve),
            },
            metrics={"test_accuracy": float((predicted == dataset.test.targets).mean())},
            predictions={"test_predicted": predicted},
            provenance={
                "pid": os.getpid(),
                "threads": os.environ.get("OMP_NUM_THREADS"),
                "waiting": os.environ.get("OMP_WAIT_POLICY"),
                "cohort": cohort_size,
            },
            weights={"trunk.0.kernel": weights},
            message="" if finite else f"the loss was {curve[-1]} after {len(curve)} epochs",
        )
