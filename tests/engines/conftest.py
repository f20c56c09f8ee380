"""A small image problem and a short way to train cohorts of members on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.plugins import look_in
from assay.core.records import Record
from assay.core.seeds import stream
from assay.data.dataset import Dataset, Split
from assay.engines.engine import ENGINES, Cohort, Member, Resources
from assay.engines.training import Training
from assay.networks.families import build_network

sys.path.insert(0, str(Path(__file__).parent))

from own_parts import PARTS

pytest.register_assert_rewrite("checkpointed_runs")

NUMBERS = itertools.count()

Train = Callable[..., list[Record]]


def _split(count: int, name: str, size: int = 8) -> Split:
    """Images whose class is the bright quarter, under noise."""
    rng = stream(0, "corners", name)
    targets = rng.integers(0, 4, count)
    images = rng.integers(0, 160, (count, size, size, 1))
    half = size // 2
    for image, target in zip(images, targets, strict=True):
        row, column = divmod(int(target), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 60
    return Split(images.astype(np.uint8), targets.astype(np.int64))


@pytest.fixture(scope="session")
def corners() -> Dataset:
    """310 training images (not a multiple of any batch size used), 100 + 100 others."""
    train = _split(310, "train")
    return Dataset(
        spec={"name": "corners"},
        train=train,
        validation=_split(100, "validation"),
        test=_split(100, "test"),
        class_names=("a", "b", "c", "d"),
        mean=train.images.mean((0, 1, 2), dtype=np.float64).astype(np.float32),
        std=train.images.std((0, 1, 2), dtype=np.float64).astype(np.float32),
        fingerprint="corners",
    )


@pytest.fixture
def member(corners: Dataset) -> Callable[..., Member]:
    """Make a member: network options, then training settings and the seed by name."""

    def make(network: dict[str, Any], seed: int = 0, **training: Any) -> Member:
        recipe = {"epochs": 3, "batch_size": 40, "learning_rate": 0.05} | training
        net = build_network(network, corners.image_shape, {"class": 4})
        config = {"network": network, "seed": seed, "training": repr(recipe)}
        return Member(config, net, Training(**recipe), seed)

    return make


@pytest.fixture
def train(corners: Dataset) -> Train:
    """Train members as one cohort on one thread of the CPU."""

    def run(
        *members: Member,
        engine: str = "torch",
        precision: str = "float32",
        dataset: Dataset = corners,
    ) -> list[Record]:
        resources = Resources(device="cpu", precision=precision, threads=1)
        made = ENGINES[engine]()
        records = list(made.train(Cohort(members), dataset, resources, lambda progress: None))
        return sorted(records, key=lambda record: [m.seed for m in members].index(record.seed))

    return run


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's file in the current folder, another one in each test."""
    name = f"own_parts_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(PARTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    look_in(None)  # not beside the study of the test before
    return name
