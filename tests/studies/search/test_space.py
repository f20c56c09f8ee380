"""Spaces: what is said of wrong ones, what is counted, what points become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_search import study

from assay.core.errors import ConfigError
from assay.core.seeds import stream
from assay.studies.study import parse_study

LAYERS = {
    "layers": {"int": [1, 3]},
    "network.hidden.0.units": {"int": [16, 48], "step": 16},
    "network.hidden.1.units": {"int": [16, 48], "step": 16, "when": "layers >= 2"},
    "network.hidden.2.units": {"int": [16, 48], "step": 16, "when": "layers == 3"},
    "network.activation": ["relu", "tanh"],
}


def test_points_are_counted_with_their_conditions():
    space = study(LAYERS).space
    assert space.size() == 2 * (3 + 9 + 27)
    points = list(space.points())
    assert len({str(p) for p in points}) == len(points) == 78
    narrow = study(LAYERS, constraints=["network.hidden.0.units >= network.hidden.1.units"]).space
    assert narrow.size() == len(list(narrow.points())) == 2 * (3 + 6 + 18)


def test_a_point_becomes_a_configuration():
    search = study(LAYERS, set={"training.batch_size": "16 * layers"})
    point = {
        "layers": 2,
        "network.hidden.0.units": 48,
        "network.hidden.1.units": 16,
        "network.activation": "tanh",
    }
    config = search.configure(point)
    assert config["network"]["hidden"] == [48, 16]
    assert config["network"]["activation"] == "tanh"
    assert config["training"]["batch_size"] == 32


def test_lists_in_lists_and_named_choices():
    space = {
        "network": {"choice": ["cnn"]},
        "network.filters.0.0": [8, 16],
        "network.filters.0.1": {"int": [4, 8], "step": 4},
        "network.filters.1.0": {"int": [4, 8], "step": 4},
        "penalty": {"choice": {"none": {}, "some": {"network.kernel_regularizer": {"l2": 0.1}}}},
    }
    search = study(space)
    assert search.space.size() == 16
    point = {
        "network": "cnn",
        "network.filters.0.0": "16",
        "network.filters.0.1": 4,
        "network.filters.1.0": 8,
        "penalty": "some",
    }
    config = search.configure(point)
    assert config["network"]["filters"] == [[16, 4], [8]]
    assert config["network"]["kernel_regularizer"] == {"l2": 0.1}


@given(seed=st.integers(0, 10_000))
def test_every_drawn_point_is_in_the_space(seed: int):
    space = study(LAYERS | {"training.learning_rate": {"float": [1e-4, 0.1], "log": True}}).space
    assert space.size() is None
    values = space.draw(stream(seed, "draw"))
    assert ("network.hidden.2.units" in values) == (values["layers"] == 3)
    assert values["network.hidden.0.units"] in (16, 32, 48)
    assert 1e-4 <= values["training.learning_rate"] <= 0.1


def test_a_bad_expression_is_shown_where_it_is(tmp_path: Path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: s\ndataset: digits\nnetwork: mlp\nsearch:\n  trials: 3\n"
        "  space: {units: {int: [8, 64]}}\n  set:\n    network.hidden: '[0] * 10**9'\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_study(file)
    assert str(caught.value) == (
        f"{file}:8:21: '[0] * 10**9' cannot be computed (it needs more than 10,000 steps)"
    )


def test_all_that_is_wrong_is_said_at_once_with_its_place(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "study: wrong\n"
        "dataset: digits\n"
        "network: mlp\n"
        "search:\n"
        "  sampler: tpee\n"
        "  trials: 0\n"
        "  space:\n"
        "    trainin.learning_rate: {float: [0.1, 1]}\n"
        "    training.momentum: {float: [1, 0.1]}\n"
        "    training.batch_size: {int: [1, 10], step: 4}\n"
        "    network.dropout: {float: [0, 1], log: true}\n"
        "    network.batch_norm: {choices: [true]}\n"
        "    network.activation: {choice: [relu, relu]}\n"
        "    depth: {int: [1, 3], when: width > 2}\n"
        "  constraints: [depht < 2]\n"
        "  epochs: 3\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_study(file)
    lines = str(caught.value).splitlines()
    places = [line.removeprefix(f"{file}:").split(":")[0] for line in lines]
    assert places == ["5", "6", "8", "9", "10", "11", "12", "12", "13", "14", "15", "16"]
    assert lines[0].startswith(f"{file}:5:12: ")
    text = "\n".join(lines)
    for part in (
        "unknown sampler 'tpee'; did you mean 'tpe'?",
        "trials must be a whole number from 1 to 10000, got 0",
        "did you mean 'training.learning_rate'?",
        "low must be less than high, got 1 and 0.1",
        "high - low = 9 is not a multiple of step 4",
        "with log, low must be > 0, got 0",
        "unknown key of a parameter 'choices'; did you mean 'choice'?",
        "relu is given twice",
        "unknown name 'width'",
        "unknown name 'depht'; did you mean 'depth'?",
        "unknown key of search 'epochs'",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("space", "search", "message"),
    [
        ({"network.activation": ["relu", "tahn"]}, {}, "unknown activation 'tahn'"),
        ({"network.activation": ["relu"]}, {"sampler": "cmaes"}, "this space has no number"),
        (
            {"training.learning_rate": {"float": [0.1, 1]}},
            {"sampler": "grid"},
            "training.learning_rate is a float without a step",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"objective": "val_acuracy"},
            "unknown objective 'val_acuracy'; did you mean 'val_accuracy'?",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"objective": "test_accuracy"},
            "a search never reads the test images",
        ),
        (
            {"layers": {"int": [1, 3]}},
            {"constraints": ["layers > 5"]},
            "no point of the space satisfies the constraints",
        ),
        (
            {"layers": {"int": [1, 3]}, "training.epochs": {"int": [1, 3], "when": "layers > 4"}},
            {},
            "training.epochs is never active",
        ),
        (
            {"network.hidden.1": {"int": [1, 3]}},
            {},
            "network.hidden.0 is missing, there is only network.hidden.1",
        ),
        (
            {"network.hidden.0": [4], "network.hidden.1.untpeits": [8]},
            {},
            "network.hidden.1 is an element of a list and has no 'untpeits'; did you mean 'units'?",
        ),
        (
            {"network.hidden.0.units": [4], "network.hidden.0": [8]},
            {},
            "network.hidden.0 is set more than once",
        ),
        (
            {"network.hidden.0": [4], "network.hidden.0.0": [8]},
            {},
            "network.hidden.0.0 is set more than once",
        ),
        (
            {"network.hidden": {"choice": [[4], [8]]}, "network.hidden.0": [8]},
            {},
            "network.hidden and elements of it are both set",
        ),
        (
            {"units": {"int": [256, 2147483648], "step": 128}},
            {},
            "units: 256 to 2.14748e+09 in steps of 128 are 16,777,214 steps, at most 1,000,000 "
            "can be distinguished; leave out step",
        ),
        (
            {"network.dropout": {"float": [-1e308, 1e308]}},
            {},
            "network.dropout: high - low is too large for a number",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"trials": 10_000, "folds": 20},
            "10,000 trials, 20 runs each, are more than 100,000 runs",
        ),
        (
            {"training.epochs": {"int": [1, 9]}},
            {"sampler": "hyperband", "trials": None},
            "the space cannot vary them",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"sampler": "hyperband"},
            "hyperband has as many trials as its brackets need",
        ),
        (
            {"network.hidden.0": {"int": [4, 8]}},
            {"set": {"network.hidden": "[8, 8]"}},
            "network.hidden is set here and also chosen by network.hidden.0",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"sampler": "bohb", "trials": None, "batch": 3},
            "bohb proposes one bracket at a time, batch: cannot be set",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"sampler": "successive_halving", "trials": None},
            "search with sampler successive_halving needs its number of trials",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"retrain": {"network.dropout": 0.1}},
            "network.dropout cannot be set, because this study varies network.dropout",
        ),
        (
            {"network.dropout": {"float": [0, 0.5]}},
            {"retrain": {"training.epoch": 9}},
            "unknown setting of training 'epoch'; did you mean 'epochs'?",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(space: Any, search: Any, message: str):
    with pytest.raises(ConfigError) as caught:
        study(space, **search)
    assert message in str(caught.value)


def test_brackets_of_too_many_trials_are_refused():
    written = {
        "study": "s",
        "dataset": "digits",
        "network": "mlp",
        "search": {"sampler": "hyperband", "space": {"network.dropout": [0, 0.5]}},
    }
    with pytest.raises(ConfigError, match=r"trials and rungs, 1 runs each, are more than 100,000"):
        parse_study(written, set=["training.epochs=1000000000000"])


def test_what_the_search_varies_cannot_be_set():
    written = {
        "study": "s",
        "dataset": "digits",
        "network": "mlp",
        "search": {"trials": 3, "space": {"network.hidden.0": {"int": [4, 8]}}},
    }
    with pytest.raises(ConfigError, match="hidden cannot be set, because this study varies"):
        parse_study(written, set=["network.hidden=[3]"])
    changed = parse_study(written, set=["search.trials=7"], scale="smoke").search
    assert changed is not None
    assert changed.trials == 7
    assert changed.configure({"network.hidden.0": 5})["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("epochs", "; did you mean 'training.epochs'?"),
        ("learning_rte", "; did you mean 'training.learning_rate'?"),
        ("xyzzy", ""),
    ],
)
def test_a_parameter_that_changes_nothing_is_refused(name: str, said: str):
    with pytest.raises(ConfigError) as caught:
        study({name: {"int": [1, 8]}, "network.dropout": [0.0, 0.5]})
    wanted = f"{name} has no effect: it is not a setting, and no set, when or constraint mentions "
    assert str(caught.value) == f"search.space.{name}: {wanted}it{said}"


@pytest.mark.parametrize(
    "search",
    [
        {"set": {"training.epochs": "epochs"}},
        {"constraints": ["epochs > 2"]},
        {
            "space": {
                "epochs": {"int": [1, 8]},
                "network.dropout": {"choice": [0.5], "when": "epochs > 2"},
            }
        },
        {"space": {"epochs": {"choice": {"short": {"training.epochs": 1}, "long": {}}}}},
    ],
)
def test_a_parameter_that_something_depends_on_is_taken(search: dict[str, Any]):
    assert study(**{"space": {"epochs": {"int": [1, 8]}}, **search}).space["epochs"]


def test_a_setting_is_chosen_once():
    space = {
        "training.learning_rate": [0.1, 0.2],
        "recipe": {"choice": {"a": {"training.learning_rate": 0.5}, "b": {}}},
    }
    with pytest.raises(ConfigError, match="learning_rate is set by recipe and by training") as one:
        study(space)
    assert "search.space.recipe.choice.a" in str(one.value)
    shared = {"x": {"float": [0.1, 0.2]}, "recipe": space["recipe"]}
    with pytest.raises(ConfigError, match=r"is set by search\.set and by recipe at the same time"):
        study(shared, set={"training.learning_rate": "x"})
