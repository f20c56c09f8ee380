"""Do the features and measures notice what is wrong with images, and how soon?

    python benchmarks/measures.py cifar10

fits features to 5,000 training images, then spoils test images more and more and prints, as the
tables of docs/measures.md: how many standard deviations of the floor each distance stands above the
floor (real images against other real images, over several splits), and all measures of blurred
images and of copied ones beside their floor. Dropping modes needs classes.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from assay import data
from assay.core.seeds import stream
from assay.data import Split
from assay.subjects.generation.features import Features
from assay.subjects.generation.measures import frechet_distance, kernel_distance, measure_all

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


def row(name: str, measured: list[tuple[float, ...]], floors: list[tuple[float, float]]) -> None:
    """One line of the table: Fréchet / kernel, in deviations of their floors."""
    cells = [
        " / ".join(f"{(m - mean) / std:.1f}" for m, (mean, std) in zip(pair, floors, strict=True))
        for pair in measured
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def fitted(train: np.ndarray, name: str) -> Features:
    """Features of some training images; says what they cost."""
    started, busy = time.perf_counter(), time.process_time()
    features = Features.fit(train, cache=False)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    shape = "x".join(map(str, train.shape[1:]))
    print(f"{datetime.date.today()}, {name}: fitted to {len(train)} images of {shape}")
    print(f"in {seconds:.0f} s ({busy:.0f} s of one core): {features.about}")
    return features


def sensitivity(features: Features, test: Split, classes: int) -> None:
    """How far above its floor each distance stands."""
    real = features.transform(test.images)
    distances = (frechet_distance, kernel_distance)
    floors = [spread(real, lambda k, rest: real[rest], d) for d in distances]
    print("floors:", ", ".join(f"{mean:.3g} ± {std:.2g}" for mean, std in floors))
    for how, strengths in SPOILED.items():
        worse = [features.transform(spoil(test.images, how, s)) for s in strengths]
        measured = [
            tuple(spread(real, lambda k, rest, w=w: w[rest], d)[0] for d in distances)
            for w in worse
        ]
        row(f"{how} {', '.join(map(str, strengths))}", measured, floors)
    if not classes:
        return
    orders = [stream(0, "classes", k).permutation(classes) for k in range(SPLITS)]

    def kept(count: int) -> Callable[[int, np.ndarray], np.ndarray]:
        return lambda k, rest: real[rest[np.isin(test.targets[rest], orders[k][:-count])]]

    measured = [tuple(spread(real, kept(c), d)[0] for d in distances) for c in DROPPED]
    row(f"classes dropped {', '.join(map(str, DROPPED))}", measured, floors)


def everything(features: Features, train: np.ndarray, test: np.ndarray) -> None:
    """All measures of blurred images, and of copies of training images among good ones."""
    a, b, c = (test[part] for part in np.array_split(splits(len(test))[0][: 3 * SIDE], 3))
    copied = np.concatenate([train[: len(b) // 10], b[len(b) // 10 :]])
    blurred = measure_all(a, spoil(b, "blur", 0.8), c, features.transform, train=train)
    copies = measure_all(a, copied, c, features.transform, train=train)
    print(f"\n| {len(b)} images | blurred by 0.8 | a tenth copied | floor |\n|---|---|---|---|")
    for name, number in blurred.items():
        cells = [
            f"{found[v]:.3f} [{found[lo]:.3f}, {found[hi]:.3f}]"
            for found, v, lo, hi in (
                (number, "value", "low", "high"),
                (copies[name], "value", "low", "high"),
                (number, "floor", "floor_low", "floor_high"),
            )
        ]
        print(f"| {number['title']} | {' | '.join(cells)} |")


def main() -> None:
    """Fit, spoil, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", nargs="?", default="cifar10")
    dataset = data.load(parser.parse_args().dataset)
    train = dataset.train.images[:FITTED]
    features = fitted(train, dataset.name)
    sensitivity(features, dataset.test, len(dataset.class_names))
    everything(features, train, dataset.test.images)


if __name__ == "__main__":
    main()
