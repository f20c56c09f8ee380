"""The values of a search's parameters: ranges, steps and the digits that tell choices apart."""

from __future__ import annotations

import numpy as np
import pytest
from small_search import study

from assay.core.seeds import stream


def test_a_long_range_is_never_listed():
    space = study(
        {"seed": {"int": [1, 2**40]}, "training.epochs": {"int": [1, 2], "when": "seed > 9"}}
    ).space
    values = space["seed"].values()
    assert len(values) == 2**40
    assert [values[0], values[-1], values[7:9]] == [1, 2**40, [8, 9]]
    assert space.size() is None
    assert 1 <= space.draw(stream(0, "draw"))["seed"] <= 2**40


def test_steps_and_ends_are_exact():
    space = study({"network.dropout": {"float": [0.0, 0.3], "step": 0.1}}).space
    assert space["network.dropout"].values()[:] == [0.0, 0.1, 0.2, 0.3]
    assert np.isclose(space["network.dropout"].ends(), [0, 0.3]).all()


def test_choices_that_are_equal_in_six_digits_have_all_their_digits():
    space = study({"training.learning_rate": [0.1234567, 0.1234568, 0.5]}).space
    assert list(space["training.learning_rate"].values()) == ["0.1234567", "0.1234568", "0.5"]


@pytest.mark.parametrize(("low", "high", "step"), [(1 / 128, 0.5, 1 / 128), (1000, 1001, 0.001)])
def test_values_of_a_step_lie_on_its_grid(low, high, step):
    used = {"training.learning_rate": "a / 10000"}
    space = study({"a": {"float": [low, high], "step": step}}, set=used).space
    values = list(space["a"].values())
    assert len(set(values)) == len(values) == round((high - low) / step) + 1
    places = [(value - low) / step for value in values]
    assert max(abs(place - round(place)) for place in places) < 1e-8  # as Optuna requires
