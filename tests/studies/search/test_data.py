"""Folds, refits and validation on the test images: what a search cannot have is said at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from small_search import study

from assay.core.errors import ConfigError
from assay.studies.study import parse_study


@pytest.mark.parametrize(
    ("space", "search", "message"),
    [
        (
            {"dataset.validate_on_test": [True]},
            {"refit": True},
            "dataset.refit and dataset.validate_on_test cannot be combined",
        ),
        (
            {"dataset.validate_on_test": [True]},
            {"folds": 3},
            "dataset.folds and dataset.validate_on_test cannot be combined",
        ),
        ({"dataset.folds": [2]}, {"refit": True}, "dataset.refit and dataset.folds cannot be"),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"refit": True, "retrain": {"dataset.folds": 3}},
            "dataset.refit and dataset.folds cannot be combined",
        ),
        ({"dataset.train": [200, 3]}, {"folds": 5}, "dataset.folds: 5 need 5 images"),
        (
            {"dataset.refit": [True]},
            {},
            "a search chooses by images that dataset.refit trains on; search.refit: true trains",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"retrain": {"dataset.refit": True}},
            "a search chooses by images that dataset.refit trains on; search.refit: true trains",
        ),
        (
            {"training.early_stopping": [False, 3]},
            {"refit": True},
            "the best trials are trained on the validation images, by which training.early_stop",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"refit": True, "retrain": {"training.early_stopping": 3}},
            "leave out refit, or train them without it, retrain: {training.early_stopping: false}",
        ),
        (
            {"dataset.validate_on_test": [False, True]},
            {},
            "space: it varies dataset.validate_on_test, but values on other images cannot be",
        ),
    ],
)
def test_data_that_a_search_cannot_have_are_refused(space: Any, search: Any, message: str):
    with pytest.raises(ConfigError, match=re.escape(message)):
        study(space, **search)


def test_refitted_trials_may_stop_early_in_the_search_only():
    given = {"epochs": 9, "early_stopping": 2}
    retrain = {"training.early_stopping": False}
    assert study({"network.dropout": [0.0, 0.5]}, training=given, refit=True, retrain=retrain).refit


@pytest.mark.parametrize(
    ("refit", "factors", "place"),
    [
        ("true", "training.epochs: [1, 2]", "4:24"),
        ("false", "dataset.refit: [false, true]", "4:24"),
        ("true", "training.early_stopping: [false, 2]", "6:3"),
    ],
)
def test_no_run_stops_by_images_that_it_trains_on(tmp_path: Path, refit, factors, place):
    file = tmp_path / "s.yaml"
    stopping = ", early_stopping: 2" if place == "4:24" else ""
    file.write_text(
        f"study: s\ndataset: {{name: digits, refit: {refit}}}\nnetwork: mlp\n"
        f"training: {{epochs: 30{stopping}}}\nfactors:\n  {factors}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_study(file)
    assert str(caught.value) == (
        f"{file}:{place}: training.early_stopping would stop by the validation images, on which "
        "dataset.refit trains; leave out one"
    )


@pytest.mark.parametrize(
    ("dataset", "space", "keys"),
    [
        ("name: digits, validation: 10", "network.dropout: [0.1, 0.2]", ["3:25 validation"]),
        (
            "name: digits, folds: 2, fold: 1",
            "network.dropout: [0.1, 0.2]",
            ["3:25 folds", "3:35 fold"],
        ),
        ("name: digits", "dataset.validation: [10, 20]", ["7:32 validation"]),
    ],
)
def test_folds_of_a_search_replace_no_split(tmp_path: Path, dataset, space, keys):
    file = tmp_path / "s.yaml"
    file.write_text(
        f"study: s\nnetwork: mlp\ndataset: {{{dataset}}}\nsearch:\n  trials: 2\n"
        f"  folds: 3\n  space: {{{space}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_study(file)
    said = str(caught.value)
    for key in keys:
        place, name = key.split()
        assert f"{file}:{place}: dataset.{name} and search.folds cannot be combined" in said
    assert "the best trials can have it: retrain: {dataset." in said
    retrained = study({"network.dropout": [0.1]}, folds=3, retrain={"dataset.validation": 20})
    assert retrained.folds == 3
