"""What is found out about a search before training: ends, constraints, budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_search import study

from assay.core.errors import ConfigError
from assay.studies.study import parse_study


@pytest.mark.parametrize(
    ("space", "constraints", "held"),
    [
        (
            {"training.batch_size": {"int": [1, 8]}},
            ["training.batch_size > 1", "training.batch_size < 4"],
            lambda training: 1 < training["batch_size"] < 4,
        ),
        (
            {"training.learning_rate": {"float": [0.01, 0.1]}},
            ["0.02 < training.learning_rate < 0.05"],
            lambda training: 0.02 < training["learning_rate"] < 0.05,
        ),
    ],
)
def test_constraints_may_exclude_both_ends_of_a_range(space: Any, constraints: Any, held: Any):
    samples = study(space, constraints=constraints).samples
    assert samples
    assert all(held(config["training"]) for config in samples)


def test_what_is_wrong_between_excluded_ends_is_reported():
    space = {"training.batch_size": {"int": [-9, 9]}}
    with pytest.raises(ConfigError, match="batch_size must be a whole number >= 1, got -"):
        study(space, constraints=["-5 < training.batch_size < 0"])


HALVED = {"sampler": "hyperband", "trials": None, "best": 1}
RATES = {"training.learning_rate": {"float": [0.01, 0.1]}}


@pytest.mark.parametrize(
    ("space", "training", "key"),
    [
        (RATES, {"epochs": 9, "stop_after": 2}, "stop_after"),
        ({"training.stop_after": [2, 9]}, {"epochs": 9}, "stop_after"),
        (RATES, {"steps": 90}, "steps"),
        (RATES, {"epochs": 9, "evaluate_every": 5}, "evaluate_every"),
    ],
)
def test_budgets_that_brackets_would_replace_are_refused(space: Any, training: Any, key: str):
    said = f"hyperband counts epochs and stops trials itself: training.{key} cannot be set"
    with pytest.raises(ConfigError, match=said):
        study(space, **HALVED, training=training)


def test_the_best_of_brackets_may_be_stopped_when_they_are_trained_again():
    retrained = study(RATES, **HALVED, retrain={"training.stop_after": 2})
    assert retrained.brackets


def test_estimators_of_sklearn_have_no_epochs_for_brackets():
    space = {"network.shrink_threshold": {"float": [0.1, 1]}}
    network = {"estimator": "sklearn.neighbors:NearestCentroid"}
    with pytest.raises(ConfigError, match="hyperband stops trials after epochs, and scikit-learn"):
        study(space, **HALVED, network=network, engine="sklearn")


BOTH = {
    "network": [{"family": "mlp", "hidden": [16]}, {"family": "cnn", "filters": [4]}],
    "training.learning_rate": {"float": [0.001, 0.5], "log": True},
}


@pytest.mark.parametrize("seed", range(4))
def test_a_choice_that_cannot_be_trained_again_is_reported_before_the_search(seed: int):
    with pytest.raises(ConfigError, match="unknown option of network family cnn 'gaussian_noise'"):
        study(BOTH, retrain={"network.gaussian_noise": 0.1}, seed=seed)


def test_what_can_only_be_computed_elsewhere_is_an_error_with_its_place(tmp_path: Path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: s\ndataset: digits\nnetwork: mlp\nsearch:\n  trials: 3\n"
        "  constraints: ['n > 0', '1 / (n - 40) < 2']\n"
        "  space:\n    n: {int: [1, 80]}\n"
        "    network.dropout: {float: [0, 0.5], when: '1 / (n - 9)'}\n"
    )
    search = parse_study(file).search
    assert search
    with pytest.raises(ConfigError, match=r"s\.yaml:6:26: '1 / \(n - 40\) < 2' cannot be computed"):
        search.space.allows({"n": 40})
    with pytest.raises(ConfigError, match=r"s\.yaml:9:46: '1 / \(n - 9\)' cannot be computed"):
        search.space.active(search.space["network.dropout"], {"n": 9})
