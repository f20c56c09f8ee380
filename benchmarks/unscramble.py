"""Quality and speed of unscrambling: five permutations of each dataset.

    ASSAY_DATA=... python benchmarks/unscramble.py [--train 100 1000 ...] [--only mnist ...]

writes results/unscramble-DATE-IMAGES.json, where IMAGES are the joined numbers. The truth is only
used after each estimate.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.machine import machine
from assay.data import load, unscramble
from assay.subjects.unscrambling.truth import quality

DATASETS = ("cifar10", "mnist", "fashion-mnist")
SEEDS = (1, 2, 3, 4, 5)


def measure(name: str, train: int, seed: int) -> dict[str, Any]:
    """One permutation of one dataset."""
    dataset = load({"name": name, "permute": seed, "train": train, "validation": 100, "test": 100})
    images = dataset.train.images
    found = unscramble(images)
    assert dataset.permutation is not None
    deviation = images.reshape(len(images), len(found.cells), -1).astype(np.float32).std(0).max(-1)
    score = quality(found.cells, dataset.permutation, deviation, found.shape)
    row = {
        "dataset": name,
        "permute": seed,
        "train": train,
        "seconds": found.seconds,
        **asdict(score),
    }
    return row | {"energies": list(found.energies), "energy": found.energy,
                  "contrast": found.contrast}  # fmt: skip


def main() -> None:
    """Measure, print and write after every estimate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", nargs="*", type=int, default=[10_000], help="training images")
    parser.add_argument("--only", nargs="*", choices=DATASETS, default=DATASETS)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    given = parser.parse_args()
    images = " ".join(map(str, given.train))
    date = datetime.date.today().isoformat()
    result: dict[str, Any] = {
        "date": date, "machine": machine(), "load_before": os.getloadavg()[0],
        "command": f"python benchmarks/unscramble.py --train {images}", "rows": [],
    }  # fmt: skip
    file = f"unscramble-{date}-{images.replace(' ', '-')}.json"
    path = Path(__file__).parent / "results" / file
    for seed, name, count in product(given.seeds, given.only, given.train):
        row = measure(name, count, seed)
        result["rows"].append(row)
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(f"{name}, {count:,} images, permutation {seed}: {row['seconds']:.0f} s, "
              f"neighbours {row['neighbours']:.3f}, in place {row['in_place']:.3f}, "
              f"with shift {row['in_place_shifted']:.3f}", flush=True)  # fmt: skip
    print(f"written: {path}")


if __name__ == "__main__":
    main()
