"""Numbers of small GANs, VAEs and flows, and of drawn dials, which only a new version may move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Pinned = Callable[..., None]

SHAPE = {"latent": 4, "dense": 64, "filters": [8, 8, 4], "down_filters": [4, 8, 8]}
KINDS: dict[str, dict[str, Any]] = {
    "gan": {"name": "adversarial", "loss": "relativistic", "r1": 0.3, "r2": 0.3, "features": 8},
    "vae": {"name": "autoencode", "beta": 0.3, "features": 8},
    "flow": {"name": "flow_matching", "euler_steps": 4, "features": 8},
}
SHAPES = {"gan": SHAPE, "vae": SHAPE, "flow": {"filters": [8, 12]}}


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("family", sorted(KINDS))
def test_families(family: str, pinned: Pinned):
    pinned(
        {
            "dataset": {"name": "drawn-dials", "train": 96, "validation": 48, "test": 48},
            "network": {"family": family, **SHAPES[family]},
            "task": KINDS[family],
            "training": {
                "epochs": 1,
                "batch_size": 32,
                "optimizer": "adam",
                "learning_rate": 0.002,
            },
        }
    )
