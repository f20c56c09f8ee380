"""What is found out about a search before training: ends, constraints, budgets."""

from __future__ import annotations

from typing import Any

import pytest
from small_search import study

from assay.core.errors import ConfigError


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
