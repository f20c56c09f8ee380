"""AssayClassifier beside scikit-learn's MLPClassifier: equal network, data, batches, optimizer and
epochs, the whole of `fit` in wall time.

    ASSAY_DATA=... python benchmarks/classifier.py [--rounds 3]

scikit-learn's 1,797 digits (64 features) with its default network and batch size, and
Fashion-MNIST (60,000 images of 784 numbers). Both train in turns, in one process, each on as many
threads as it chooses. Everything that `fit` does counts; only the first `fit` of each, with imports
and compilation, is left out and given on its own. Writes results/classifier-DATE.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from assay import AssayClassifier
from assay.core.machine import machine
from assay.data import load

HERE = Path(__file__).parent

TASKS: dict[str, dict[str, Any]] = {
    "digits": {"hidden": (100,), "batch": 200, "epochs": 200},
    "digits, small batches": {"hidden": (64, 32), "batch": 32, "epochs": 50},
    "fashion-mnist": {"hidden": (300, 100), "batch": 32, "epochs": 3},
    "fashion-mnist, large batches": {"hidden": (100,), "batch": 200, "epochs": 10},
}


def samples(name: str) -> tuple[np.ndarray, ...]:
    """Training and test vectors, float32 from 0 to 1, with their labels."""
    if name.startswith("digits"):
        data, y = load_digits(return_X_y=True)
        x = (np.asarray(data) / 16).astype(np.float32)
        y = np.asarray(y)
        return x[:1500], y[:1500], x[1500:], y[1500:]
    data = load({"name": "fashion-mnist", "validation": 1})
    parts = []
    for split in (data.train, data.test):
        flat = split.images.reshape(len(split.images), -1)
        parts += [flat.astype(np.float32) / 255, split.targets]
    return tuple(parts)


def classifiers(task: dict[str, Any]) -> dict[str, Any]:
    """Both, with Adam at its default rate, without penalties, early stopping or held-out data."""
    hidden, batch, epochs = task["hidden"], task["batch"], task["epochs"]
    theirs = {"alpha": 0.0, "n_iter_no_change": epochs + 1, "random_state": 0}
    return {
        "AssayClassifier": AssayClassifier(
            hidden=list(hidden), activation="relu", learning_rate=0.001, batch_size=batch,
            epochs=epochs, validation_fraction=0.0, precision="float32", random_state=0,
        ),
        "MLPClassifier": MLPClassifier(hidden, batch_size=batch, max_iter=epochs, **theirs),
    }  # fmt: skip


def compared(name: str, rounds: int) -> dict[str, Any]:
    """Times and accuracies of both on one task."""
    x, y, test_x, test_y = samples(name)
    rows: dict[str, dict[str, Any]] = {}
    for turn in range(rounds + 1):
        for who, model in classifiers(TASKS[name]).items():
            began = time.perf_counter()
            model.fit(x, y)
            took = time.perf_counter() - began
            row = rows.setdefault(who, {"first": took, "seconds": [], "test_accuracy": []})
            row["test_accuracy"].append(float(model.score(test_x, test_y)))
            if turn:
                row["seconds"].append(took)
    for row in rows.values():
        row["median"] = statistics.median(row["seconds"])
    pairs = zip(rows["MLPClassifier"]["seconds"], rows["AssayClassifier"]["seconds"], strict=True)
    ratio = statistics.median(theirs / ours for theirs, ours in pairs)
    print(f"{name}: AssayClassifier is {ratio:.2f} times as fast", flush=True)
    return {"task": name, **TASKS[name], "images": len(x), **rows, "times_as_fast": ratio}


def main() -> None:
    """Compare both on every task."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="measured fits of each")
    asked = parser.parse_args()
    load_before = os.getloadavg()[0]
    warnings.simplefilter("ignore", ConvergenceWarning)
    cells = [compared(name, asked.rounds) for name in TASKS]
    found = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "load": round(load_before, 2),
        "scikit-learn": sklearn.__version__,
        "cells": cells,
    }
    out = HERE / "results" / f"classifier-{found['date']}.json"
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
