"""Sensitivity of features and measures to defects of images.

    python benchmarks/measures.py cifar10

fits features to 5,000 training images, then degrades test images increasingly and writes
results/measures-DATE-NAME.json, which the tables of docs/measures.md show: how many standard
deviations of the floor each distance stands above the floor (real images against other real images,
over several splits), and all measures of blurred and of copied images with their floors. Mode
dropping needs classes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from assay import data
from assay.core.machine import machine
from assay.core.seeds import stream
from assay.data import Split
from assay.subjects.generation.features import Features
from assay.subjects.generation.measures import (
    Measurement,
    frechet_distance,
    kernel_distance,
    measure_all,
)

FITTED, SIDE, SPLITS = 5000, 1000, 8
SPOILED = {
    "blur": (0.3, 0.5, 0.8, 1.2, 2.0),
    "noise": (3, 6, 12, 25, 50),
    "colour shift": (4, 8, 16, 32, 64),
}
DROPPED = (1, 3, 5, 7, 9)


def spoil(images: np.ndarray, how: str, strength: float) -> np.ndarray:
    """Blurred (deviation in pixels), noisy (of 255), or with red up and blue down (or grey up)."""
    x = images.astype(np.float32)
    colour = np.array([1, 0, -1] if x.shape[-1] == 3 else [1], np.float32)
    if how == "blur":
        x = gaussian_filter(x, (0, strength, strength, 0))
    elif how == "noise":
        x += strength * stream(0, "noise").standard_normal(x.shape, np.float32)
    else:
        x += strength * colour
    return np.clip(x, 0, 255).astype(np.uint8)


def splits(count: int) -> list[np.ndarray]:
    """Orders of the test images; the first half of each stands for real, the second for fake."""
    return [stream(0, "split", k).permutation(count) for k in range(SPLITS)]


def spread(
    real: np.ndarray,
    fakes: Callable[[int, np.ndarray], np.ndarray],
    distance: Callable[[np.ndarray, np.ndarray], float],
) -> tuple[float, float]:
    """Mean and deviation of a distance over splits."""
    side = min(SIDE, len(real) // 2)
    found = [
        distance(real[order[:side]], fakes(k, order[side:])[:side])
        for k, order in enumerate(splits(len(real)))
    ]
    return float(np.mean(found)), float(np.std(found, ddof=1))


def above(measured: list[tuple[float, ...]], floors: list[tuple[float, float]]) -> list[Any]:
    """For each strength Fréchet and kernel distance, in deviations of their floors."""
    return [
        [(m - mean) / std for m, (mean, std) in zip(pair, floors, strict=True)] for pair in measured
    ]


def fitted(train: np.ndarray) -> tuple[Features, dict[str, Any]]:
    """Features of some training images, and what they cost."""
    started, busy = time.perf_counter(), time.process_time()
    features = Features.fit(train, cache=False)
    return features, {
        "images": len(train),
        "shape": list(train.shape[1:]),
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - busy,
        "about": str(features.about),
    }


def sensitivity(features: Features, test: Split, classes: int) -> dict[str, Any]:
    """How far above its floor each distance stands."""
    real = features.transform(test.images)
    distances = (frechet_distance, kernel_distance)
    floors = [spread(real, lambda k, rest: real[rest], d) for d in distances]
    rows: dict[str, Any] = {}
    for how, strengths in SPOILED.items():
        worse = [features.transform(spoil(test.images, how, s)) for s in strengths]
        measured = [
            tuple(spread(real, lambda k, rest, w=w: w[rest], d)[0] for d in distances)
            for w in worse
        ]
        rows[how] = {"strengths": strengths, "above": above(measured, floors)}
    if classes:
        orders = [stream(0, "classes", k).permutation(classes) for k in range(SPLITS)]

        def kept(count: int) -> Callable[[int, np.ndarray], np.ndarray]:
            return lambda k, rest: real[rest[np.isin(test.targets[rest], orders[k][:-count])]]

        measured = [tuple(spread(real, kept(c), d)[0] for d in distances) for c in DROPPED]
        rows["classes dropped"] = {"strengths": DROPPED, "above": above(measured, floors)}
    return {"splits": SPLITS, "floors": floors, "rows": rows}


def flat(found: Mapping[str, Measurement]) -> dict[str, dict[str, Any]]:
    """Numbers beside their floors as plain data."""
    return {
        name: {
            **asdict(m.number),
            **asdict(m.fake),
            "floor": m.floor.value,
            "floor_low": m.floor.low,
            "floor_high": m.floor.high,
            "n_real": m.n_real,
            "n_fake": m.n_fake,
        }
        for name, m in found.items()
    }


def everything(features: Features, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """All measures of blurred images, and of copies of training images among good ones."""
    a, b, c = (test[part] for part in np.array_split(splits(len(test))[0][: 3 * SIDE], 3))
    copied = np.concatenate([train[: len(b) // 10], b[len(b) // 10 :]])
    started = time.perf_counter()
    blurred = measure_all(a, spoil(b, "blur", 0.8), c, features.transform, train=train)
    seconds = time.perf_counter() - started
    copies = measure_all(a, copied, c, features.transform, train=train)
    return {
        "images": len(b),
        "seconds": seconds,
        "blurred": flat(blurred),
        "copied": flat(copies),
    }


def main() -> None:
    """Fit, spoil, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", nargs="?", default="cifar10")
    dataset = data.load(parser.parse_args().dataset)
    train = dataset.train.images[:FITTED]
    features, cost = fitted(train)
    date = datetime.date.today().isoformat()
    result = {
        "date": date,
        "machine": machine(),
        "command": f"python benchmarks/measures.py {dataset.name}",
        "features": cost,
        "sensitivity": sensitivity(features, dataset.test, len(dataset.class_names)),
        "measures": everything(features, train, dataset.test.images),
    }
    path = Path(__file__).parent / "results" / f"measures-{date}-{dataset.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
