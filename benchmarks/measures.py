"""Do the features and measures notice what is wrong with images, and how soon?

    python benchmarks/measures.py cifar-10

fits features to 5,000 training images, then spoils test images more and more and prints, as the
tables of docs/measures.md: how many standard deviations of the floor each distance stands above the
floor (real images against other real images, over several splits), and the other measures of the
worst case beside their floor. Dropping modes needs classes; without them it is left out.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from assay import data
from assay.core.machine import machine
from assay.core.seeds import stream
from assay.generation.features import Features
from assay.generation.measures import frechet_distance, kernel_distance, measure_all

FITTED, SIDE, SPLITS = 5000, 1000, 8
SPOILED = {
    "blur": (0.3, 0.5, 0.8, 1.2, 2.0),
    "noise": (3, 6, 12, 25, 50),
    "colour shift": (4, 8, 16, 32, 64),
}
DROPPED = (1, 3, 5, 7, 9)


def spoil(images: np.ndarray, how: str, strength: float) -> np.ndarray:
    """Blurred (deviation in pixels), noisy (of 255), or with red up and blue down (of 255)."""
    x = images.astype(np.float32)
    if how == "blur":
        x = gaussian_filter(x, (0, strength, strength, 0))
    elif how == "noise":
        x += strength * stream(0, "noise").standard_normal(x.shape, np.float32)
    else:
        x += strength * np.array([1, 0, -1], np.float32)
    return np.clip(x, 0, 255).astype(np.uint8)


def splits(count: int) -> list[np.ndarray]:
    """Orders of the test images; the first half of each stands for real, the second for fake."""
    return [stream(0, "split", k).permutation(count) for k in range(SPLITS)]


def above(
    real: np.ndarray,
    fakes: Callable[[int, np.ndarray], np.ndarray],
    distance: Callable[[np.ndarray, np.ndarray], float],
) -> tuple[float, float, np.ndarray]:
    """Mean and deviation of a distance over splits, and its values."""
    side = min(SIDE, len(real) // 2)
    found = [
        distance(real[order[:side]], fakes(k, order[side:])[:side])
        for k, order in enumerate(splits(len(real)))
    ]
    return float(np.mean(found)), float(np.std(found, ddof=1)), np.array(found)


def row(name: str, measured: list[tuple[float, ...]], floors: list[tuple[float, float]]) -> None:
    """One line of the table: Fréchet / kernel, in deviations of their floors."""
    cells = [
        " / ".join(f"{(m - mean) / std:.1f}" for m, (mean, std) in zip(pair, floors, strict=True))
        for pair in measured
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Fit, spoil, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", nargs="?", default="cifar-10")
    dataset = data.load(parser.parse_args().dataset)
    train, test = dataset.train.images[:FITTED], dataset.test.images
    started, busy = time.perf_counter(), time.process_time()
    features = Features.fit(train, cache=False)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    shape = "x".join(str(s) for s in dataset.image_shape)
    print(f"{datetime.date.today()}, {dataset.name}, {len(train)} images of {shape}, {machine()}")
    print(f"fitted in {seconds:.0f} s ({busy:.0f} s of one core): {features.about}")
    real = features.transform(test)
    distances = (frechet_distance, kernel_distance)
    floors = [above(real, lambda k, rest: real[rest], d)[:2] for d in distances]
    print("floors:", ", ".join(f"{m:.3g} ± {s:.2g}" for m, s in floors))
    for how, strengths in SPOILED.items():
        worse = [features.transform(spoil(test, how, s)) for s in strengths]
        measured = [
            tuple(above(real, lambda k, rest, w=w: w[rest], d)[0] for d in distances) for w in worse
        ]
        row(f"{how} {', '.join(str(s) for s in strengths)}", measured, floors)
    if dataset.class_names:
        targets, classes = dataset.test.targets, len(dataset.class_names)
        orders = [stream(0, "classes", k).permutation(classes) for k in range(SPLITS)]

        def kept(count: int) -> Callable[[int, np.ndarray], np.ndarray]:
            return lambda k, rest: real[rest[np.isin(targets[rest], orders[k][: classes - count])]]

        measured = [tuple(above(real, kept(c), d)[0] for d in distances) for c in DROPPED]
        row(f"classes dropped {', '.join(map(str, DROPPED))}", measured, floors)
    a, b, c = (test[part] for part in np.array_split(splits(len(test))[0][: 3 * SIDE], 3))
    found = measure_all(a, spoil(b, "blur", 0.8), c, features.transform, train=train)
    print("\n| blur 0.8 | value | floor |\n|---|---|---|")
    for number in found.values():
        value, floor = (
            f"{number[v]:.3f} [{number[lo]:.3f}, {number[hi]:.3f}]"
            for v, lo, hi in (("value", "low", "high"), ("floor", "floor_low", "floor_high"))
        )
        print(f"| {number['title']} | {value} | {floor} |")


if __name__ == "__main__":
    main()
