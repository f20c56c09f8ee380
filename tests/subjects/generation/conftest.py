"""Small dials, small networks, and a short way to train them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.apps.api import plan_of
from assay.core.records import VALIDATION_ONLY, Record
from assay.data import load
from assay.engines.engine import ENGINES, Progress, Resources
from assay.studies.members import cohorts
from assay.subjects.generation.measures import intervals

DATA = {"name": "drawn-dials", "train": 400, "validation": 80, "test": 80}
SHAPE = {"dense": 1024, "filters": [32, 24, 16], "down_filters": [16, 24, 32], "leak": 0.2}
RECIPES: dict[str, dict[str, Any]] = {
    "gan": {
        "network": {"family": "gan", "latent": 16, **SHAPE},
        "task": {
            "name": "adversarial",
            "loss": "relativistic",
            "r1": 0.3,
            "r2": 0.3,
            "features": 8,
        },
        "training": {"optimizer": {"name": "adam", "beta_1": 0.0, "beta_2": 0.99}, "ema": 0.9},
    },
    "vae": {
        "network": {"family": "vae", "latent": 16, **SHAPE},
        "task": {"name": "autoencode", "beta": 0.3, "prior": "mixture", "features": 8},
        "training": {"optimizer": "adam", "ema": 0.9, "augment": {"flip": True}},
    },
    "flow": {
        "network": {"family": "flow", "filters": [32, 48], "activation": "relu"},
        "task": {"name": "flow_matching", "euler_steps": 4, "features": 8},
        "training": {"optimizer": "adam", "ema": 0.9, "augment": {"flip": True}},
    },
}
Train = Callable[..., Record]


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals have tests of their own; all of their resamples take two seconds of each run."""
    monkeypatch.setattr(intervals, "range", lambda n: range(min(n, 10)), raising=False)


@pytest.fixture(scope="session")
def train() -> Train:
    """Train one run of "gan", "vae" or "flow" on one thread of the CPU; other settings by name."""
    dials = load(DATA)

    def run(
        kind: str,
        *,
        seed: int = 0,
        precision: str = "float32",
        resources: dict[str, Any] | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        task: dict[str, Any] | None = None,
        only_chooses: bool = False,
        **training: Any,
    ) -> Record:
        recipe = RECIPES[kind]
        study = {
            "study": kind,
            "dataset": DATA,
            **recipe,
            "task": recipe["task"] | (task or {}),
            "training": {"learning_rate": 2e-3, **recipe["training"], **training},
            "seed": seed,
        }
        configs = plan_of(study).runs().values()
        more = {VALIDATION_ONLY: True} if only_chooses else {}
        (cohort,) = cohorts([config | more for config in configs])
        given = Resources(device="cpu", precision=precision, threads=1, **(resources or {}))
        engine = ENGINES["torch"]()
        engine.check(cohort, given)
        (record,) = engine.train(cohort, dials, given, on_progress)
        return record

    return run
