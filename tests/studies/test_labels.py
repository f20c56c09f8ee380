"""Labels: every trial, level and comparison of a study has its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.plans import compared
from assay.studies.plan import make_plan
from assay.studies.study import Study, parse_study
from assay.studies.trials import find_trial

BASE: dict[str, Any] = {
    "study": "small",
    "dataset": "digits",
    "network": {"family": "mlp", "hidden": [16]},
    "training": {"epochs": 4},
}


def study(**changes: Any) -> Study:
    return parse_study({**BASE, **changes})


def labels(**changes: Any) -> list[str]:
    return [trial.label for trial in study(**changes).trials]


def message(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        study(**changes)
    return str(caught.value).splitlines()


SIZES = {"factors": {"network.hidden": [[16], [32]]}}


@pytest.mark.parametrize(
    ("again", "said"), [(["32", "16"], "32 and 16"), (["16", "32"], "16 and 32")]
)
def test_a_pair_of_levels_is_compared_once(again: list[str], said: str) -> None:
    once = make_plan(study(**SIZES, compare={"network.hidden": [["32", "16"]]})).to_json()
    assert [len(rows) for rows in compared(once)] == [1]
    assert message(**SIZES, compare={"network.hidden": [["32", "16"], again]}) == [
        f"compare.network.hidden[1]: {said} are compared already, by compare.network.hidden[0]; "
        "expected each pair of levels once"
    ]


def test_a_pair_that_is_compared_twice_is_named_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: s\ndataset: digits\nnetwork: {family: mlp, hidden: [16]}\n"
        "factors: {network.hidden: [[16], [32]]}\n"
        "compare:\n  network.hidden:\n    - [[32], [16]]\n    - [[32], [16]]\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        parse_study(file)
    assert str(caught.value).startswith(f"{file}:8:7: 32 and 16 are compared already")


SWITCHES = {
    "dropout": {"on": {"network.dropout": 0.5}, "strong": {"network.dropout": 0.8}},
    "wide": {"on": {"network.hidden": [64]}},
}


def test_trials_with_one_label_are_named_with_their_factors() -> None:
    found = study(factors=SWITCHES)
    assert [trial.label for trial in found.trials] == [
        "baseline", "dropout = on", "strong", "wide = on"
    ]  # fmt: skip
    assert find_trial(found, "wide = on").config["network"]["hidden"] == [64]
    one = {"x": {"training.epochs": 5}, "x, y": {"training.epochs": 6}}
    other = {"y, z": {"network.hidden": [8]}, "z": {"network.hidden": [9]}}
    assert labels(factors={"a": one, "b": other}, design="full_factorial") == [
        "a = x, b = y, z", "x, z", "x, y, y, z", "a = x, y, b = z"
    ]  # fmt: skip


def test_a_label_that_no_factor_tells_apart_is_refused() -> None:
    third = {"dropout = on": {"training.epochs": 9}}
    assert message(factors={**SWITCHES, "third": third}) == [
        "factors.third.dropout = on: another trial has the label dropout = on as well; rename "
        "this level"
    ]


def test_only_the_baseline_is_called_baseline() -> None:
    short, long = {"training.epochs": 2}, {"training.epochs": 8}
    assert message(factors={"kind": {"baseline": short, "long": long}}) == [
        "factors.kind.baseline: level baseline of kind is not the baseline of the study, which "
        "has this label; rename it"
    ]
    assert labels(factors={"kind": {"baseline": {}, "long": long}}) == ["baseline", "long"]
    crossed = {"kind": {"baseline": short, "long": long}}
    assert labels(factors=crossed, design="full_factorial") == ["baseline", "long"]
    assert labels(trials=crossed["kind"]) == ["baseline", "long"]


def test_numbers_that_are_equal_in_six_digits_are_written_with_all() -> None:
    rates = {"training.learning_rate": [0.1234567, 0.1234568, 0.01]}
    found = study(factors=rates)
    assert [trial.label for trial in found.trials[1:]] == [
        "learning_rate = 0.1234567", "learning_rate = 0.1234568"
    ]  # fmt: skip
    assert [(c["level"], c["against"]) for c in found.comparisons] == [
        ("0.1234567", "0.01"), ("0.1234568", "0.01")
    ]  # fmt: skip
    pairs = [[0.1234568, 0.1234567]]
    named = study(factors=rates, compare={"training.learning_rate": pairs})
    assert [(c["level"], c["against"]) for c in named.comparisons] == [("0.1234568", "0.1234567")]
    nested = {"network.kernel_regularizer": [{"l2": 0.1234567}, {"l2": 0.1234568}]}
    assert labels(factors=nested, design="full_factorial") == [
        "kernel_regularizer = l2 0.1234567", "kernel_regularizer = l2 0.1234568"
    ]  # fmt: skip


def test_values_with_one_label_need_names() -> None:
    network = {"family": "cnn", "filters": [[4]], "dense": [8]}
    blocks = {"network.filters": [[[4, 8]], [4, 8]]}  # one block of two, two blocks of one
    assert message(network=network, factors=blocks) == [
        "factors.network.filters[1]: another level of network.filters has the label 4-8 as well; "
        "name the levels: {LABEL: {network.filters: VALUE}}"
    ]


@pytest.mark.parametrize("said", ["activation = tanh", "tanh"])
def test_a_trial_is_found_by_its_label_and_by_its_name_in_tables(said: str) -> None:
    found = study(factors={"network.activation": ["relu", "tanh"]})
    assert find_trial(found, said).config["network"]["activation"] == "tanh"
    assert [t.label for t in make_plan(found, [said]).trials] == ["activation = tanh"]


@pytest.mark.parametrize("said", ["baseline", "relu", "relu (baseline)", "relu (best, baseline)"])
def test_the_baseline_is_found_by_each_of_its_names(said: str) -> None:
    found = study(factors={"network.activation": ["relu", "tanh"]})
    assert find_trial(found, said).label == "baseline"
    assert [t.label for t in make_plan(found, [said]).trials] == ["baseline"]


def test_the_error_for_an_unknown_trial_has_the_names_in_tables() -> None:
    found = study(factors={"network.activation": ["relu", "tanh"]})
    with pytest.raises(ConfigError, match=r"'tan'; did you mean 'tanh'\? \(known: relu, tanh\)"):
        find_trial(found, "tan")
    both = {"network.activation": ["relu", "tanh"], "training.epochs": [4, 5]}
    with pytest.raises(ConfigError, match="known: activation = relu, epochs = 4; activation = t"):
        find_trial(study(factors=both), "tan")


def test_a_factor_that_is_nested_as_in_the_study_is_told_its_dotted_name() -> None:
    assert message(factors={"network": {"activation": ["relu", "tanh"]}}) == [
        "factors.network.activation: a factor has the dotted name of its setting; write "
        "network.activation: ['relu', 'tanh']"
    ]
