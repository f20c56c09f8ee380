"""Number of near-duplicates in the real datasets, and the time to find them.

    python benchmarks/near_duplicates.py [--data FOLDER]

looks for near-duplicates (`assay.data.near_duplicates`) of the test images of four datasets among
their training and validation images, and within the cat faces; writes
results/near-duplicates-DATE.json. Seconds are processor time of one thread.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.machine import machine
from assay.data import load
from assay.data.near_duplicates import ALIKE, NEAR, TEXTURED, difference_hash, near_pairs

NAMES = ("cat-faces", "cifar10", "fashion-mnist", "mnist")


def measure(name: str, data: Path | None) -> dict[str, Any]:
    """One dataset, as assay splits it."""
    dataset = load(name, data)
    parts = (dataset.train.images, dataset.validation.images)
    images = np.concatenate([*parts, dataset.test.images])
    start = time.process_time()
    hashes = difference_hash(images)
    hashed = time.process_time()
    pairs = np.concatenate([near_pairs(dataset.test.images, part) for part in parts])
    searched = time.process_time()
    within = near_pairs(images) if name == "cat-faces" else None
    ended = time.process_time()
    took = {"hash": round(hashed - start, 2), "search": round(searched - hashed, 2)}
    row = {
        "dataset": name,
        "images": len(images),
        "test": len(dataset.test),
        "textured": round(float(hashes.textured.mean()), 3),
        "test_near_training": len(np.unique(pairs[:, 0])),
        "seconds": took,
    }
    if within is not None:
        row |= {"with_twin": len(np.unique(within))}
        took["within"] = round(ended - searched, 2)
    return row


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    rows = [measure(name, asked.data) for name in NAMES]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    file = Path(__file__).parent / "results" / f"near-duplicates-{today}.json"
    written = {
        "date": today,
        "command": "python benchmarks/near_duplicates.py",
        "machine": machine(),
        "rule": {"bits": NEAR, "correlation": ALIKE, "textured": TEXTURED},
        "rows": rows,
    }
    file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
