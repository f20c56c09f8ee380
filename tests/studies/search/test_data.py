"""Folds, refits and validation on the test images: what a search cannot have is said at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from small_search import study

from assay.core.errors import ConfigError


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
            {"dataset.validate_on_test": [False, True]},
            {},
            "space: it varies dataset.validate_on_test, but values on other images cannot be",
        ),
    ],
)
def test_data_that_a_search_cannot_have_are_refused(space: Any, search: Any, message: str):
    with pytest.raises(ConfigError, match=re.escape(message)):
        study(space, **search)
