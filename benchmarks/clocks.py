"""Clocks: speed of drawing, and accuracy and speed of readers.

    [ASSAY_DATA=...] python benchmarks/clocks.py [--reader FILE|any|course] [--skip-speed]
    python benchmarks/clocks.py --calibrate
    python benchmarks/clocks.py --average BEFORE.safetensors AFTER.safetensors

Without `--reader`, all built-in readers together are measured; `--calibrate` fits their combination
and writes it beside them. `--average` writes the mean of a reader and of the one that it started
from as AFTER: it keeps what the first could do and the second has half forgotten (M. Wortsman et
al., "Robust fine-tuning of zero-shot models", CVPR 2022).

It measures drawing of both styles; reading one 150x150 picture and a photo of 12 megapixels on one
core; the effect of several views of a clock (see `looks`); errors on 3,600 rendered clocks that no
training used (five for each time, seed 1; for all readers together as many photo-like and corrupted
ones of both styles, see `render.corrupted`); and errors on other pictures, if
ASSAY_DATA/clocks has them: `leiden-samples-150.npz` (11 of the course's set), for style any
`analog-clocks-75.npz` and `time-faces-96.npz` as well (see `sets`). Writes
results/clocks-DATE-STYLE.json with every reading that was wrong by more than five minutes, by the
number of its picture.
"""

from __future__ import annotations

import argparse
import datetime
import io
import itertools
import json
import os
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from assay.core.machine import machine
from assay.core.seeds import stream
from assay.data import load
from assay.subjects.clocks.app import STYLES as SHIPPED
from assay.subjects.clocks.app import find_reader, find_readers
from assay.subjects.clocks.reading.calibration import fit
from assay.subjects.clocks.reading.ensemble import Ensemble
from assay.subjects.clocks.reading.reader import Reader, Sight
from assay.subjects.clocks.render import draw_scene, make_scene, render
from assay.subjects.clocks.render.compiled import paint
from assay.subjects.clocks.render.corrupted import KINDS, corrupted
from assay.subjects.clocks.render.photo_like import photo_like
from assay.subjects.clocks.render.shade import shade
from assay.subjects.clocks.render.styles import STYLES
from assay.subjects.clocks.render.textures import make_textures
from assay.subjects.clocks.time import distance, text

FILES = {"analog-clocks-75": 75, "time-faces-96": 96}
"""Files of pictures in WebP strips of 100, and their side."""

LARGEST = 4000
"""Pictures of a set from elsewhere, the first ones."""

CALIBRATED_ON, WITHOUT = 6000, 600
"""Clocks that the ensemble of readers is fitted on, and pictures without one."""

SURE = 0.9


def sets(styles: tuple[str, ...], most: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, images (n, h, w, c) and true minutes of every set of pictures that is there; `most` of
    each at most, evenly."""
    for name, images, minutes in whole_sets(styles):
        count = min(most, len(images))
        some = np.unique(np.linspace(0, len(images) - 1, count).round().astype(int))
        yield name, images[some], minutes[some]


def whole_sets(styles: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """All of every set."""
    times = np.repeat(np.arange(720), 5)
    for style in styles:
        images = render(times, style=style, seed=1).images[..., None]
        yield f"rendered, {style}", images, times
        if len(styles) > 1:
            turned = style == "course"
            seen, _ = photo_like(images, stream(1, "benchmark", style), turned)
            yield f"rendered, {style}, like photos", seen, times
            for kind in KINDS:
                spoilt = corrupted(images, stream(1, "benchmark", style, kind), kind)
                yield f"rendered, {style}, {kind}", spoilt, times
    folder = Path(os.environ.get("ASSAY_DATA", "")) / "clocks"
    if (path := folder / "leiden-samples-150.npz").is_file():
        with np.load(path, allow_pickle=False) as file:
            yield "the course's, 11 samples", file["images"][..., None], _minutes(file["labels"])
    for name, side in FILES.items() if "any" in styles else ():
        if (path := folder / f"{name}.npz").is_file():
            with np.load(path, allow_pickle=False) as file:
                images, minutes = _strips(file, side), _minutes(file["labels"])
            images, minutes = images[:LARGEST], minutes[:LARGEST]
            yield name, images, minutes
            if (images != images[..., :1]).any():
                grey = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
                yield f"{name}, in grey", np.stack(grey)[..., None], minutes


def _minutes(labels: np.ndarray) -> np.ndarray:
    return labels[:, 0].astype(int) % 12 * 60 + labels[:, 1]


def _strips(file: Any, side: int) -> np.ndarray:
    whole, edges = file["webp"].tobytes(), file["offsets"].tolist()
    strips = [Image.open(io.BytesIO(whole[a:b])) for a, b in itertools.pairwise(edges)]
    return np.concatenate([np.asarray(s.convert("RGB")).reshape(-1, side, side, 3) for s in strips])


def accuracy(reader: Reader | Ensemble, images: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """How far readings are from the truth, and whether certainties keep their word."""
    sights = [reader.read(image) for image in images]
    error = distance(np.array([s.minutes for s in sights]), true)
    sure = np.array([s.certainty > SURE for s in sights])
    wrong = [
        {"number": i, "true": text(t), "read": text(s.minutes), "certainty": round(s.certainty, 3)}
        for i, (s, t, e) in enumerate(zip(sights, true, error, strict=True))
        if e > 5
    ]
    found = {"n": len(true), "mean_minutes": error.mean(), "median_minutes": np.median(error)}
    for minutes in (1, 2, 5):
        found[f"within_{minutes}"] = (error <= minutes).mean()
    found |= {
        "sure": sure.mean(),
        "right_when_sure": (error[sure] <= 1).mean() if any(sure) else None,
    }
    if sights[0].possible:
        held = np.array([_holds(s, int(t)) for s, t in zip(sights, true, strict=True)])
        sizes = [sum((last - first) % 720 + 1 for first, last in s.possible) for s in sights]
        found |= {
            "possible_holds_truth": held.mean(),
            "possible_holds_truth_when_sure": held[sure].mean() if any(sure) else None,
            "possible_minutes": np.median(sizes),
        }
    return found | {"readable": np.mean([s.readable for s in sights]), "wrong": wrong}


def _holds(sight: Sight, true: int) -> bool:
    """Whether a time is in the set of possible ones."""
    return any((true - first) % 720 <= (last - first) % 720 for first, last in sight.possible)


def looks(reader: Reader, style: str) -> dict[str, list[float]]:
    """Mean error in minutes by how often each clock is looked at, on three sets of 3,600 drawn ones
    (seeds 1, 2 and 3)."""
    times, usual = np.repeat(np.arange(720), 5), reader.looks
    found: dict[str, list[float]] = {}
    for seed in (1, 2, 3):
        images = render(times, style=style, seed=seed).images[..., None]
        for reader.looks in (1, 5, 9):
            error = distance(reader.glance(images).minutes, times)
            found.setdefault(str(reader.looks), []).append(float(error.mean()))
    reader.looks = usual
    return found


def drawing(rounds: int = 5) -> dict[str, float]:
    """Clocks drawn a second: with all cores, and with one, compiled and by PyTorch in turns."""
    found: dict[str, list[float]] = {}
    threads, times = torch.get_num_threads(), np.arange(720)
    for style in ("course", "any"):
        scene = make_scene(times, style, 0)
        textures = make_textures(STYLES[style].designs, STYLES[style].surfaces, "cpu")
        ways = {
            "": (threads, lambda s=style, x=scene: draw_scene(x, s, 150)),
            "_one_core": (1, lambda x=scene, t=textures: paint(x, t, 150)),
            "_one_core_pytorch": (1, lambda x=scene, t=textures: [
                shade(x[i : i + 4], t, 150) for i in range(0, len(x), 4)  # as many as a cache holds
            ]),
        }  # fmt: skip
        for measured in range(-1, rounds):
            for name, (cores, draw) in ways.items():
                torch.set_num_threads(cores)
                began = time.perf_counter()
                draw()
                if measured >= 0:
                    rate = len(times) / (time.perf_counter() - began)
                    found.setdefault(f"drawn_a_second_{style}{name}", []).append(rate)
    torch.set_num_threads(threads)
    return {name: float(np.median(rates)) for name, rates in found.items()}


def speed(reader: Reader | Ensemble) -> dict[str, float]:
    """Clocks drawn a second, and seconds a reading with one core."""
    found = drawing()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    small = render(np.arange(1)).images[0][..., None]
    large = np.asarray(Image.fromarray(small[..., 0]).resize((4000, 3000)))[..., None]
    for name, picture, rounds in (("150x150", small, 20), ("12_megapixels", large, 3)):
        reader.read(picture)
        began = time.perf_counter()
        for _ in range(rounds):
            reader.read(picture)
        found[f"seconds_{name}"] = (time.perf_counter() - began) / rounds
    torch.set_num_threads(threads)
    return found


def described(ensemble: Ensemble) -> dict[str, Any]:
    """How the readers are weighed, without the hundreds of weights of the detector."""
    return {k: v for k, v in ensemble.stack.about.items() if k != "detector"}


def without_clocks(count: int) -> np.ndarray:
    """Pictures without a clock, uint8 (n, 150, 150, 1): photos of cats, and of CIFAR-10."""
    found = []
    for name in ("cat-faces", "cifar10"):
        images = np.asarray(load({"name": name}).train.images[: count // 2])
        grey = (Image.fromarray(image).convert("L").resize((150, 150)) for image in images)
        found += [np.asarray(picture)[..., None] for picture in grey]
    return np.stack(found)


def calibrate() -> None:
    """Fit the ensemble of all readers that ship on clocks that nothing else draws, and on pictures
    without one, and write it."""
    readers = [find_reader(style) for style in SHIPPED]
    about = fit(readers, CALIBRATED_ON, seed=5, others=without_clocks(WITHOUT))
    with as_file(files("assay.subjects.clocks") / "readers" / "ensemble.json") as path:
        path.write_text(json.dumps(about) + "\n")
        print(f"written: {path}\n{json.dumps(about)}")


def average(before: Path, after: Path) -> None:
    """Write the mean of two readers' weights, and of what normalizes their pictures, as `after`."""
    first, last = Reader.load(before), Reader.load(after)
    weights = {k: (np.float32(first.weights[k]) + last.weights[k]) / 2 for k in last.weights}
    about = {k: np.mean([first.about[k], last.about[k]], 0).tolist() for k in ("mean", "std")}
    Reader({**last.about, **about}, weights).save(after)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reader", help="a reader's file, or a style")
    parser.add_argument("--most", type=int, default=LARGEST, help="pictures of a set")
    parser.add_argument("--skip-speed", action="store_true")
    parser.add_argument(
        "--calibrate", action="store_true", help="fit how all readers work together"
    )
    parser.add_argument("--average", nargs=2, type=Path, help="a reader before and after training")
    given = parser.parse_args()
    if given.average:
        average(*given.average)
        return
    if given.calibrate:
        calibrate()
        return
    reader = find_readers(given.reader)
    readers = reader.readers if isinstance(reader, Ensemble) else (reader,)
    styles = tuple(str(one.about["style"]) for one in readers)
    style, date = "-and-".join(styles), datetime.date.today().isoformat()
    result: dict[str, Any] = {
        "date": date, "machine": machine(), "load_before": os.getloadavg()[0],
        "command": "python benchmarks/clocks.py" + (f" --reader {style}" if given.reader else ""),
        "readers": [
            {k: v for k, v in one.about.items() if k not in ("network", "mean", "std")}
            for one in readers
        ],
        "together": described(reader) if isinstance(reader, Ensemble) else None,
    }  # fmt: skip
    if not given.skip_speed:
        result["speed"] = speed(reader)
        print(json.dumps(result["speed"]), flush=True)
    if isinstance(reader, Reader):
        result["mean_minutes_by_looks"] = looks(reader, style)
        print(json.dumps(result["mean_minutes_by_looks"]), flush=True)
    path = Path(__file__).parent / "results" / f"clocks-{date}-{style}.json"
    for name, images, true in sets(styles, given.most):
        found = accuracy(reader, images, true)
        result.setdefault("sets", {})[name] = found
        print(name, json.dumps({k: v for k, v in found.items() if k != "wrong"}, default=float))
        path.write_text(json.dumps(result, indent=1, default=float) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
