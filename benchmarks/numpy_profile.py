"""Time of a step of the numpy engine: matrix products, and everything else.

    python benchmarks/numpy_profile.py

trains the 3072-100-10 MLP at batch 200 with SGD, float32, on random images of CIFAR-10's shape and
writes results/numpy-DATE.json, once with one thread (what each worker of `assay run` has when there
are as many runs as cores) and once with a thread for every core. The products of the dense layers
are timed one by one inside the training steps, and so is the copying of the batch's images out of
the dataset; steps without these timers are timed as well, so that the timers' own cost shows.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from assay.core.cores import physical_cores
from assay.core.machine import machine
from assay.data.dataset import Dataset, Split
from assay.engines.engine import Member
from assay.engines.numpy_engine import layers
from assay.engines.numpy_engine.model import Model
from assay.engines.numpy_engine.trainer import NormalDataset, NumpyTrainer
from assay.engines.training import Training
from assay.networks import layers as described
from assay.networks.families import build_network
from assay.networks.network import initial_weights
from assay.tasks.task import TASKS

HIDDEN, BATCH, IMAGES = 100, 200, 10_000
WANTED = 0.7

BATCHES = "images of the batch"
spent = {
    BATCHES: 0.0,
    "forward x W": 0.0,
    "kernel gradient x^T d": 0.0,
    "input gradient d W^T": 0.0,
}


class TimedDense(layers.NumpyDense):
    """`NumpyDense` with a clock round each of its three products."""

    def forward(self, x: np.ndarray, training: bool) -> np.ndarray:
        started = time.perf_counter()
        y = x @ self.parameters["kernel"]
        spent["forward x W"] += time.perf_counter() - started
        if training:
            self.x = x
        y += self.parameters["bias"]
        return y

    def differentiate(self, d: np.ndarray) -> None:
        started = time.perf_counter()
        np.matmul(self.x.T, d, out=self.gradients["kernel"])
        spent["kernel gradient x^T d"] += time.perf_counter() - started
        self.gradients["bias"] = d.sum(0)

    def backward(self, d: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        below = d @ self.parameters["kernel"].T
        spent["input gradient d W^T"] += time.perf_counter() - started
        return below


def trainer(dataset: Dataset) -> NumpyTrainer:
    """A run at its first step."""
    network = build_network({"family": "mlp", "hidden": [HIDDEN]}, (32, 32, 3), {"class": 10})
    member = Member({}, network, Training(steps=1, batch_size=BATCH, learning_rate=1e-3), 0)
    data = NormalDataset(
        dataset.fit_data, dataset.read_test, TASKS["classify"], np.dtype(np.float32)
    )
    model = Model(network, initial_weights(network, 0), 0, np.dtype(np.float32))
    made = NumpyTrainer(member, model, data, "classify")
    made.start_epoch(np.random.default_rng(0).permutation(IMAGES)[None], 0)
    return made


def seconds(made: NumpyTrainer, steps: int) -> float:
    """Time of so many steps."""
    started = time.perf_counter()
    for step in range(steps):
        start = BATCH * (step % (IMAGES // BATCH))
        made.step(start, start + BATCH, 1.0)
    return time.perf_counter() - started


def random_dataset() -> Dataset:
    """Images of CIFAR-10's shape; speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
    train = Split(images, rng.integers(0, 10, IMAGES))
    few = Split(images[:BATCH], train.targets[:BATCH])
    names = tuple("0123456789")
    mean, std = np.full(3, 127.5, np.float32), np.full(3, 73.9, np.float32)
    return Dataset({"name": "random"}, train, few, few, names, mean, std, "")


def measure(dataset: Dataset, threads: int, steps: int, rounds: int) -> dict[str, Any]:
    """Times of a step, median over rounds, with this many threads for the products."""
    with threadpool_limits(threads):
        plain = trainer(dataset)
        usual, layers.LAYERS[described.Dense] = layers.LAYERS[described.Dense], TimedDense
        timed = trainer(dataset)
        layers.LAYERS[described.Dense] = usual
        timed._batches.take = clocked(timed._batches.take)  # type: ignore[method-assign]
        for made in (plain, timed):
            seconds(made, 20)
        found: list[dict[str, Any]] = []
        for _ in range(rounds):  # in turns: a slow minute hits both
            spent.update(dict.fromkeys(spent, 0.0))
            bare, whole = seconds(plain, steps), seconds(timed, steps)
            ms = {name: total / steps * 1e3 for name, total in spent.items()}
            products = sum(ms.values()) - ms[BATCHES]
            share = products / (whole / steps * 1e3)
            found.append({"ms": bare / steps * 1e3, "ms_timed": whole / steps * 1e3,
                          "share_in_products": share, "ms_parts": ms})  # fmt: skip
    found.sort(key=lambda r: r["share_in_products"])
    middle = found[len(found) // 2]
    return {
        "threads": threads, "median": middle, "rounds": found,
        "reached": middle["share_in_products"] >= WANTED,
    }  # fmt: skip


def clocked(take: Callable[..., Any]) -> Callable[..., Any]:
    """`take` with a clock."""

    def timed(index: np.ndarray) -> Any:
        started = time.perf_counter()
        taken = take(index)
        spent[BATCHES] += time.perf_counter() - started
        return taken

    return timed


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    dataset, cores = random_dataset(), physical_cores()
    load = os.getloadavg()[0]
    cells = [measure(dataset, n, given.steps, given.rounds) for n in sorted({1, cores})]
    result = {
        "date": datetime.date.today().isoformat(), "machine": machine(), "numpy": np.__version__,
        "network": f"3072-{HIDDEN}-10", "batch": BATCH, "precision": "float32",
        "steps": given.steps, "load_before": load, "command": "python benchmarks/numpy_profile.py",
        "wanted_share": WANTED, "cells": cells,
    }  # fmt: skip
    path = Path(__file__).parent / "results" / f"numpy-{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    for cell in cells:
        middle = cell["median"]
        print(f"{cell['threads']} thread(s): {middle['ms']:.2f} ms a step, "
              f"{middle['share_in_products']:.0%} of it in products")  # fmt: skip
        for name, ms in middle["ms_parts"].items():
            print(f"  {name:24} {ms:.3f} ms")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
