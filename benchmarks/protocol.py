"""Shared code of the peers' scripts: arguments, images, and communication with run.py.

Run by hand, a script prepares, measures once and prints one JSON line:

    python benchmarks/peer_torch.py --model mlp-300-100 --batch 32 --precision float32 --seconds 4

With `--wait` it executes the lines on its standard input, "prepare" once and then "measure
VARIANT", and answers each with one line, so that peers can take turns with compiled programs. This
module only needs NumPy, because the peers have their own environments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

import numpy as np

__all__ = [
    "CLASSES",
    "IMAGES",
    "MODELS",
    "Measured",
    "Peer",
    "Setup",
    "family_of",
    "images",
    "main",
    "side_of",
    "timed",
]

MODELS = ("mlp-300-100", "mlp-512-512", "digits-64-32", "cnn", "digits-cnn")
"""MLPs by the widths of their hidden layers, and two CNNs; those of the digits are for pictures of
8x8. `digits-cnn` is the narrow one of the study `tour`: 16 and 32 filters, 64 units."""
PRECISIONS = ("float32", "bfloat16")
CLASSES = 10
IMAGES = 59_904
"""Fashion-MNIST's 60,000 cut to whole batches of 32 and 256."""


@dataclass(frozen=True)
class Setup:
    """What to measure, as the command line says it."""

    model: str
    batch: int
    precision: str
    seconds: float
    backend: str = ""
    threads: int = 0  # as many as the peer likes

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of an MLP's hidden layers."""
        return tuple(int(width) for width in self.model.split("-")[1:])

    @property
    def side(self) -> int:
        """Pixels of a side of the pictures."""
        return side_of(self.model)


@dataclass(frozen=True)
class Measured:
    """Training images seen, over all runs, and the seconds that took."""

    images: float
    seconds: float


class Peer(Protocol):
    """A framework with its model compiled."""

    def prepare(self) -> dict[str, Any]:
        """Build, compile and warm up; return `variants`, `settings`, `threads`, `versions`."""
        ...

    def measure(self, variant: str) -> Measured:
        """Train for about the seconds asked for."""
        ...


def family_of(model: str) -> dict[str, Any]:
    """The network as assay describes it."""
    if model == "cnn":
        return {"family": "cnn"}
    if model == "digits-cnn":
        narrow = {"filters": [[16], [32]], "first_kernel_size": 3, "dense": [64], "dropout": 0.2}
        return {"family": "cnn", **narrow}
    return {"family": "mlp", "hidden": [int(width) for width in model.split("-")[1:]]}


def side_of(model: str) -> int:
    """Pixels of a side of the pictures that a model is measured with."""
    return 8 if model.startswith("digits") else 28


def images(side: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images, uint8 (n, side, side, 1), 28 as Fashion-MNIST's; labels, int64 (n,).

    Speed does not depend on what is in the images, so nothing has to be downloaded.
    """
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (IMAGES, side, side, 1), dtype=np.uint8)
    return pictures, rng.integers(0, CLASSES, IMAGES)


def timed(train: Callable[[int], float], batch: float, steps: int, seconds: float) -> Measured:
    """Train in one go for about `seconds`.

    Args:
        train: takes a number of steps, returns the seconds they took.
        batch: images a step, summed over all runs.
        steps: a first guess. If it was far too low, the whole is done again with a better one.
    """
    while True:
        took = train(steps)
        if took >= 0.6 * seconds:
            return Measured(steps * batch, took)
        wanted = round(steps * seconds / max(took, 1e-3))
        if wanted <= steps:
            return Measured(steps * batch, took)
        steps = min(wanted, 50 * steps)


def main(
    make: Callable[[Setup], Peer],
    backends: tuple[str, ...] = (),
    models: tuple[str, ...] = MODELS,
) -> None:
    """Read the command line and serve the peer that `make` returns."""
    parser = argparse.ArgumentParser(description="One peer of the benchmark; see README.md.")
    parser.add_argument("--model", choices=models, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as the peer likes")
    parser.add_argument("--wait", action="store_true", help="measure when standard input says so")
    if backends:
        parser.add_argument("--backend", choices=backends, default=backends[0])
    asked = vars(parser.parse_args())
    wait = asked.pop("wait")
    # libraries print to standard output; only our answers may
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    started = time.perf_counter()
    peer = make(Setup(**asked))
    if wait:
        _serve(peer, answers)
        return
    told = _prepare(peer)
    rates = {variant: _answer(peer.measure(variant)) for variant in told["variants"]}
    for rate in rates.values():
        rate["ms_per_step"] = 1000 * asked["batch"] / rate["images_per_second"]
    total = time.perf_counter() - started
    print(json.dumps({**asked, **told, "measured": rates, "total_seconds": total}), file=answers)


def _serve(peer: Peer, answers: TextIO) -> None:
    for line in sys.stdin:
        command, _, variant = line.strip().partition(" ")
        told = _prepare(peer) if command == "prepare" else _answer(peer.measure(variant))
        print(json.dumps(told), file=answers, flush=True)


def _prepare(peer: Peer) -> dict[str, Any]:
    started = time.perf_counter()
    told = peer.prepare()
    return told | {"prepare_seconds": time.perf_counter() - started}


def _answer(measured: Measured) -> dict[str, float]:
    rate = measured.images / measured.seconds
    return {"images_per_second": rate, "seconds": measured.seconds}
