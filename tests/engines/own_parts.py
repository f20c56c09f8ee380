"""A user's file with networks of their own, and how tests train them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assay.apps.api import plan_of
from assay.core.records import Record
from assay.data import load
from assay.engines.engine import ENGINES, Cohort, Progress, Resources
from assay.studies.members import cohorts

PARTS = """
import os
import signal
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    steps = 0

    def __init__(self, image_shape, num_classes, width=4, rate=0.25):
        super().__init__()
        self.conv = nn.Conv2d(image_shape[-1], width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(rate)
        self.out = nn.Linear(width * 16, num_classes)

    def forward(self, x):
        if self.training:
            Net.steps += 1
            kill = Path(__file__).with_name("kill")
            if Net.steps > 30 and kill.exists():
                kill.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        x = nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2)
        return self.out(self.drop(x.view(len(x), -1)))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return (x + self.body(x)).relu()


def of_family(family, num_classes, module="linear"):  # names of keys of `network:` itself
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


def plain(num_classes, width=4, module="linear", family="plain"):
    return of_family(family, num_classes, module)


def residual(num_classes, blocks=2):
    return nn.Sequential(
        nn.LazyConv2d(8, 3), *[Block(8) for _ in range(blocks)],
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, num_classes),
    )


class Narrow(Net):
    def forward(self, x):  # narrow
        return super().forward(x)[:, :5]


class Broken(Net):
    def forward(self, x):
        return self.missing(x)


class Unseeded(Net):
    def __init__(self, image_shape, num_classes):
        super().__init__(image_shape, num_classes)
        self.out.weight.data.fill_(float(int.from_bytes(os.urandom(4), "big")))


class Spare(Net):
    def __init__(self, image_shape, num_classes):
        super().__init__(image_shape, num_classes)
        self.never_called = nn.Linear(3, 3)


class OfTwo(Net):
    def forward(self, x):
        assert len(x) == 2, "only two"
        return super().forward(x)


class Detached(Net):
    def forward(self, x):  # detached
        return super().forward(x).detach()


class Silent(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.out = nn.Linear(64, num_classes)


class Leaving(nn.Module):
    def __init__(self):
        raise SystemExit(3)


class Heads(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(64, n) for name, n in outputs.items()})

    def forward(self, x):
        return {name: head(x.flatten(1)) for name, head in self.heads.items()}


def nothing(num_classes):
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64))


def empty(num_classes):
    return nn.Flatten()


def text():
    return "a network"


def failing(width):
    raise ValueError(f"width {width} is odd")
"""


WRITTEN: dict[str, Any] = {
    "study": "own",
    "dataset": {"name": "digits", "train": 300},
    "training": {"epochs": 3, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01},
    "precision": "float32",
    "repeats": 2,
}


def cohort(network: Any, **changes: Any) -> Cohort:
    written = WRITTEN | changes | {"network": network}
    (one,) = cohorts(plan_of(written).configs())
    return one


def train(
    one: Cohort,
    folder: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda p: None,
) -> list[Record]:
    resources = Resources("cpu", threads=1, checkpoints=folder, checkpoint_seconds=0.0)
    dataset = load(one.members[0].config["dataset"])
    found = ENGINES[one.members[0].config["engine"]]()
    return list(found.train(one, dataset, resources, on_progress))


def assert_same(a: Record, b: Record) -> None:
    assert a.metrics == b.metrics
    for name in a.curves.keys() - {"seconds"}:
        np.testing.assert_array_equal(a.curves[name], b.curves[name], err_msg=name)
    assert a.weights.keys() == b.weights.keys()
    for name in a.weights:
        np.testing.assert_array_equal(a.weights[name], b.weights[name], err_msg=name)
