"""The trial that a user means by one of its names."""

from __future__ import annotations

import pytest

from assay.core.trial_names import named_label, unknown_trial

NAMES = {
    "baseline": "activation = relu, dropout = 0.1",
    "activation = tanh": "activation = tanh",
    "activation = elu": "activation = elu",
    "dropout = 0.2": "dropout = 0.2",
    "momentum = 0.2": "momentum = 0.2",
}


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("activation = tanh", "activation = tanh"),
        ("activation=tanh", "activation = tanh"),
        ("act:tanh", "activation = tanh"),
        ("network.activation=tanh", "activation = tanh"),
        ("tanh", "activation = tanh"),
        ("relu, 0.1", "baseline"),
        ("act:relu,drop:0.1", "baseline"),
        ("activation = relu, dropout = 0.1 (best, baseline)", "baseline"),
        ("drop:0.2", "dropout = 0.2"),
        ("relu", None),  # the baseline has another level beside it
        ("drop:tanh", None),
        ("0.2", None),
        ("", None),
    ],
)
def test_a_trial_may_be_spelled_shorter(said: str, label: str | None):
    assert named_label(NAMES, said) == label


def test_a_name_as_it_stands_comes_before_a_shorter_spelling():
    names = {"tanh": "tanh", "activation = tanh": "activation = tanh"}
    assert named_label(names, "tanh") == "tanh"


def test_a_trial_of_a_search_is_named_by_its_number():
    names = {label: label for label in ("#1 (0.07, 64)", "#11 (0.1, 64)")}
    assert named_label(names, "#1") == "#1 (0.07, 64)"
    assert named_label(names, "1") is None


def test_a_long_label_is_no_burden():
    assert named_label({"a" * 1_000_000: "a" * 1_000_000}, "b") is None


def test_what_is_ambiguous_or_almost_right_is_told():
    said = "'0.2' can mean 2 trials of study s: dropout = 0.2; momentum = 0.2"
    assert unknown_trial("s", NAMES, "0.2") == said
    assert "did you mean 'tanh'?" in unknown_trial("s", NAMES, "tahn")
    assert "did you mean 'activation = tanh'?" in unknown_trial("s", NAMES, "activation=tahn")
