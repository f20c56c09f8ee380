"""Quality of the restorations on which the study `unscrambled-images` trains.

    ASSAY_DATA=... python benchmarks/restorations.py

Estimates of the study in the cache are used; others are computed, which takes about a minute each.
Writes results/restorations-DATE.json.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.machine import machine
from assay.data import load
from assay.subjects.unscrambling.restoring import restored_order
from assay.subjects.unscrambling.truth import quality

DATASETS = ("mnist", "fashion-mnist", "cifar10")
TRAIN = (100, 300, 1_000, 3_000, 10_000, None)


def measure(name: str, train: int | None) -> dict[str, Any]:
    """One restoration of the study; it is permuted by seed 7."""
    spec = {"name": name, "permute": 7, "validation": 2000, "train": train}
    dataset = load(spec)
    images = dataset.train.images
    order, contrast = restored_order(images)
    cells = np.empty(len(order), np.int64)
    cells[order] = np.arange(len(order))
    deviation = images.reshape(len(images), len(order), -1).astype(np.float32).std(0).max(-1)
    assert dataset.permutation is not None
    found = quality(cells, dataset.permutation, deviation, images.shape[1:3])
    return {"dataset": name, "images": len(images), "contrast": contrast, **asdict(found)}


def main() -> None:
    """Measure all, print and write."""
    date = datetime.date.today().isoformat()
    rows = []
    for name in DATASETS:
        for train in TRAIN:
            rows.append(measure(name, train))
            print(json.dumps(rows[-1]), flush=True)
    result = {
        "date": date,
        "machine": machine(),
        "command": "python benchmarks/restorations.py",
        "rows": rows,
    }
    path = Path(__file__).parent / "results" / f"restorations-{date}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
