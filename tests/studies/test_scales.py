"""Automatic scales: smaller in all that the study does not ask about."""

from __future__ import annotations

from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.records import Config
from assay.studies.study import parse_study

SHORT_AND_LONG = {"short": {"training.epochs": 2}, "long": {"training.epochs": 8}}


def configs(scale: str = "smoke", **changes: Any) -> list[Config]:
    written = {
        "study": "small",
        "dataset": "digits",
        "network": {"family": "mlp", "hidden": [16]},
        "training": {"epochs": 4},
        **changes,
    }
    return [trial.config for trial in parse_study(written, scale=scale).trials]


@pytest.mark.parametrize("scale", ["smoke", "quick"])
@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"trials": SHORT_AND_LONG}, [2, 8]),
        ({"factors": {"length": SHORT_AND_LONG}}, [4, 2, 8]),
        ({"factors": {"training": [{"epochs": 2}, {"epochs": 8}]}}, [4, 2, 8]),
        ({"factors": {"training.epochs": [2, 8]}}, [4, 2, 8]),
        ({"trials": {"a": {"training": {"epochs": 2}}, "b": {}}}, [2, 4]),
    ],
)
def test_what_a_level_sets_is_not_made_smaller(
    scale: str, changes: dict[str, Any], epochs: list[int]
) -> None:
    made = configs(scale, **changes)
    assert [config["training"]["epochs"] for config in made] == epochs
    assert {config["dataset"]["train"] for config in made} == {500 if scale == "smoke" else None}


def test_trials_that_are_whole_recipes_are_made_smaller() -> None:
    recipes = {
        "small": {"network.hidden": [8], "training.epochs": 20},
        "large": {"network.hidden": [32], "training.epochs": 40},
    }
    assert [c["training"]["epochs"] for c in configs(trials=recipes)] == [1, 1]
    assert [c["training"]["epochs"] for c in configs(factors={"size": recipes})] == [1, 1, 1]
    recipes["longer"] = {**recipes["large"], "training.epochs": 80}
    assert [c["training"]["epochs"] for c in configs(trials=recipes)] == [20, 40, 80]


def test_images_that_a_level_counts_are_kept() -> None:
    sizes = [{"name": "digits", "train": n} for n in (600, 1200)]
    assert [c["dataset"]["train"] for c in configs(factors={"dataset": sizes})] == [None, 600, 1200]
    made = configs(factors={"dataset.validation": [120, 240]})
    assert [(c["dataset"]["train"], c["dataset"]["validation"]) for c in made[1:]] == [
        (500, 120), (500, 240)
    ]  # fmt: skip
    short = configs(trials={"a": {"dataset": "digits"}, "b": {"dataset": sizes[0]}})
    assert [c["dataset"]["train"] for c in short] == [None, 600]
    named = configs(factors={"dataset": ["digits", {"name": "digits", "permute": 1}]})
    assert [c["dataset"]["train"] for c in named] == [500, 500]


def test_evaluations_that_would_come_after_the_end_are_left_out() -> None:
    training = {"steps": 1000, "evaluate_every": 100}
    (alone,) = configs(training=training)
    assert "evaluate_every" not in alone["training"]  # 20 steps have none
    with pytest.raises(ConfigError, match="means the same as"):
        configs(training=training, factors={"training.evaluate_every": [50, 200]})
