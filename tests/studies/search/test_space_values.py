"""The values of a search's parameters: ranges, steps and the digits that tell choices apart."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from small_search import study

from assay.core.errors import ConfigError
from assay.core.seeds import stream
from assay.studies.study import parse_study


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


RATE = "training.learning_rate"
CHANGED = {
    "study": "s",
    "dataset": "digits",
    "network": "mlp",
    "search": {
        "trials": 3,
        "space": {
            RATE: {"float": [0.01, 0.1], "log": True},
            "recipe": {"choice": {"a": {"training.label_smoothing": 0.5}, "b": {}}},
            "network.activation": ["relu", "tanh"],
        },
        "set": {"training.batch_size": "16"},
        "retrain": {"training.epochs": 2},
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("space", RATE), [0.1, 0.2]),
        (("space", RATE, "float"), [0.1, 0.2]),
        (("space", "network.activation"), ["elu", "relu"]),
        (("space", "network.dropout"), [0.1, 0.2]),
        (("space", "recipe", "choice", "a", "training.label_smoothing"), 0.7),
        (("space", "recipe", "choice", "b", "training.label_smoothing"), 0.7),
        (("set", "training.batch_size"), "8"),
        (("retrain", "training.epochs"), 3),
        (("retrain", "training.minutes"), 5),
        (("sampler", "name"), "tpe"),
    ],
)
def test_every_key_of_a_search_can_be_changed(path: tuple[str, ...], value: Any):
    name = ".".join(("search", *path))
    expected = copy.deepcopy(CHANGED["search"])
    here: Any = expected
    for key in path[:-1]:
        here = here.setdefault(key, {})
    here[path[-1]] = value
    by_command = parse_study(CHANGED, set=[f"{name}={json.dumps(value)}"])
    by_scale = parse_study({**CHANGED, "scales": {"quick": {name: value}}}, scale="quick")
    assert by_command.written["search"] == by_scale.written["search"] == expected


def test_a_change_of_a_search_is_named_in_its_errors():
    with pytest.raises(ConfigError) as caught:
        parse_study(CHANGED, set=[f"search.space.{RATE}s=[0.1, 0.2]"])
    assert str(caught.value).startswith(f"--set search.space.{RATE}s=[0.1, 0.2]: ")
    assert "did you mean 'learning_rate'?" in str(caught.value)


def test_a_search_that_a_scale_replaces_can_be_changed():
    other = {"trials": 5, "space": {RATE: [0.1, 0.2]}}
    written = {**CHANGED, "scales": {"quick": {"search": other}}}
    search = parse_study(written, scale="quick", set=["search.trials=4"]).search
    assert search is not None
    assert (search.trials, len(search.space.parameters)) == (4, 1)
