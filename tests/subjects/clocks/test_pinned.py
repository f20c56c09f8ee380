"""Numbers of small runs on clocks, and of drawn clocks, which only a new version may move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.data.catalog import ENTRIES
from assay.subjects.clocks.dataset import STYLES, DrawnImages, style_version
from assay.subjects.clocks.labels.scheme import SCHEMES

Pinned = Callable[..., None]

TRAINING = {"epochs": 1, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.003}


@pytest.mark.parametrize("labels", sorted(SCHEMES))
def test_labels(labels: str, sketched: str, pinned: Pinned):
    pinned(
        {
            "dataset": {"name": sketched, "train": 96, "validation": 48, "test": 24},
            "network": {"family": "mlp", "hidden": [16]},
            "task": {"name": "tell_time", "labels": labels},
            "training": TRAINING,
        }
    )


NETWORKS: dict[str, dict[str, Any]] = {
    "clock-cnn": {"filters": [[4], [6]], "dense": [8], "head_dense": [8]},
    "clock-net": {},
}


@pytest.mark.parametrize("family", sorted(NETWORKS))
def test_families(family: str, sketched: str, pinned: Pinned):
    pinned(
        {
            "dataset": {"name": sketched, "train": 64, "validation": 32, "test": 16},
            "network": {"family": family, **NETWORKS[family]},
            "task": {"name": "tell_time", "labels": "joint"},
            "training": TRAINING,
        }
    )


@pytest.mark.parametrize("style", STYLES)
def test_renderer(style: str, pinned: Pinned):
    minutes = np.arange(0, 720, 60)
    images = np.asarray(DrawnImages(minutes, style, 48, 0, ("pinned",), glare=0.25), float)
    spread = images.reshape(len(minutes), -1)
    numbers = {"mean": spread.mean(1).tolist(), "deviation": spread.std(1).tolist()}
    number = ENTRIES.version("clocks-rendered") + style_version(style) - 1
    versions = {"dataset clocks-rendered": number}
    pinned(numbers=numbers, versions=versions, within=1e-3)  # pixels are rounded
