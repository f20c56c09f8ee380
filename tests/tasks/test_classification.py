"""The metrics of classification: by hand, at their edges without a warning, and as scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from assay.core.metrics import METRICS
from assay.tasks.classify import Classify, log_odds

NAMES = (
    "top_5_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "balanced_accuracy",
    "pr_auc",
    "roc_auc",
    "brier_score",
    "expected_calibration_error",
    "log_loss",
)


def kept(probabilities: Any) -> dict[str, np.ndarray]:
    """What a record keeps of images with these probabilities."""
    return kept_of(np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-300)))


def kept_of(logits: Any) -> dict[str, np.ndarray]:
    logits, task = np.asarray(logits, np.float32), Classify()
    return task.predictions({"class": logits}) | task.more_predictions({"class": logits})


def value(name: str, targets: Any, probabilities: Any) -> float:
    function = METRICS[name].function
    assert function is not None
    return function(np.asarray(targets), kept(probabilities))


def test_by_hand() -> None:
    # predicted 0, 0, 1, 1; class 0: 1 of 2 right of 2 targets, class 1: 1 of 2 right of 2 targets
    targets, p = [0, 1, 1, 0], [[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]
    p[3] = [0.25, 0.75]
    assert value("precision_macro", targets, p) == 0.5
    assert value("recall_macro", targets, p) == 0.5
    assert value("f1_macro", targets, p) == 0.5
    assert value("balanced_accuracy", targets, p) == 0.5
    assert value("top_5_accuracy", targets, p) == 1.0
    # right: 2 * 0.25^2, wrong: 2 * 0.75^2
    assert value("brier_score", targets, p) == pytest.approx((0.125 + 1.125) / 2)
    # all are 0.75 sure, and half are right
    assert value("expected_calibration_error", targets, p) == pytest.approx(0.25)
    assert value("log_loss", targets, p) == pytest.approx(-math.log(0.75 * 0.25) / 2)
    # of the four pairs of a 1 and a 0, one is ranked right, two are ties
    assert value("roc_auc", targets, p) == pytest.approx((0 + 0.5 + 0.5 + 1) / 4)


def test_the_five_most_probable_of_six() -> None:
    p = np.full((2, 6), 0.18)
    p[:, 0] = 0.1
    assert value("top_5_accuracy", [0, 3], p) == 0.5


def test_a_class_that_is_never_predicted_and_one_that_is_no_target() -> None:
    # predicted 0, 0, 2; targets 0, 1, 1
    targets, p = [0, 1, 1], [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]
    assert value("precision_macro", targets, p) == pytest.approx((0.5 + 0 + 0) / 3)
    assert value("recall_macro", targets, p) == pytest.approx((1 + 0 + 0) / 3)
    assert value("f1_macro", targets, p) == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert value("balanced_accuracy", targets, p) == pytest.approx((1 + 0) / 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("targets", "probabilities"),
    [
        ([1, 1, 1], [[0.2, 0.8]] * 3),
        ([0, 0, 0], [[0.0, 1.0]] * 3),
        ([0, 1, 2], [[1 / 3, 1 / 3, 1 / 3]] * 3),
        ([0, 0, 3], np.eye(12)[[1, 1, 1]]),
        ([5], np.eye(7)[[5]]),
    ],
    ids=["one class", "sure and wrong", "ties", "one class predicted", "one image"],
)
def test_edges_give_numbers_and_no_warnings(name: str, targets: Any, probabilities: Any) -> None:
    assert math.isfinite(value(name, targets, probabilities))


def test_documented_values_at_the_edges() -> None:
    one = [[0.2, 0.8]] * 3
    assert value("roc_auc", [1, 1, 1], one) == 0.5
    assert value("pr_auc", [1, 1, 1], one) == 1.0
    assert value("brier_score", [0, 0], [[0, 1], [0, 1]]) == 2.0
    assert value("log_loss", [0], [[1e-100, 1]]) == pytest.approx(100 * math.log(10), rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_as_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    targets = np.r_[np.arange(classes), rng.integers(classes, size=200)]
    p = rng.dirichlet(np.ones(classes), len(targets))
    known, labels = kept(p), np.arange(classes)
    predicted, each = known["predicted"], np.eye(classes)[targets]
    macro: dict[str, Any] = {"average": "macro"}
    wanted = {
        "precision_macro": reference.precision_score(targets, predicted, **macro),
        "recall_macro": reference.recall_score(targets, predicted, **macro),
        "f1_macro": reference.f1_score(targets, predicted, **macro),
        "balanced_accuracy": reference.balanced_accuracy_score(targets, predicted),
        "pr_auc": reference.average_precision_score(each, p, **macro),
        "roc_auc": reference.roc_auc_score(each, p, **macro),
        "brier_score": ((p - each) ** 2).sum(1).mean(),
        "log_loss": reference.log_loss(targets, p, labels=labels),
    }
    if classes > 5:
        wanted["top_5_accuracy"] = reference.top_k_accuracy_score(targets, p, k=5, labels=labels)
    if classes == 2:  # scikit-learn's counts one of the two
        wanted["brier_score"] = 2 * reference.brier_score_loss(targets, p[:, 1])
    for name, number in wanted.items():
        assert value(name, targets, p) == pytest.approx(number, abs=1e-6), name


SURE = np.array([[0.0, -200, -400], [0, -300, -350], [0, -250, -260], [-20, 0, -30]])
"""Logits whose softmax is 0 or 1 in float32; the order of their differences is clear."""


def test_networks_that_are_sure_are_ranked_by_their_outputs() -> None:
    """In float16, and in float64 as well, the probabilities of these images are tied."""
    metric = {name: METRICS[name].function for name in ("roc_auc", "pr_auc", "log_loss")}
    given, targets = kept_of(SURE), np.array([1, 0, 0, 1])
    found = {name: function(targets, given) for name, function in metric.items() if function}
    # the margins of class 0 are 200, 300, 250, -20, those of class 1 the same with the other sign
    assert found["roc_auc"] == found["pr_auc"] == 1.0
    assert found["log_loss"] == pytest.approx((200 + 0 + 0 + 0) / 4)
    ranks = np.argsort(given["log_odds"], axis=0).T.tolist()
    assert ranks == [[3, 0, 2, 1], [1, 2, 0, 3], [0, 1, 2, 3]]


def test_the_five_most_probable_are_those_of_the_largest_outputs() -> None:
    logits = np.array([[0, -100, -200, -300, -400, -500, -600], np.arange(7) * -1000])
    function = METRICS["top_5_accuracy"].function
    assert function is not None
    assert function(np.array([4, 4]), kept_of(logits)) == 1.0
    assert function(np.array([5, 6]), kept_of(logits)) == 0.0


def test_equal_outputs_are_ties() -> None:
    assert np.unique(log_odds(np.zeros((2, 2)))) == [0.0]
    assert log_odds(np.zeros((1, 4)))[0] == pytest.approx([-math.log(3)] * 4)


def test_records_with_probabilities_alone_are_read() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(6), 50)
    p[0] = np.eye(6)[0]
    targets, given = np.r_[np.arange(6), np.arange(44) % 6], kept(p)
    old = {name: array for name, array in given.items() if name != "log_odds"}
    for name in NAMES:
        function = METRICS[name].function
        assert function is not None
        assert function(targets, old) == pytest.approx(function(targets, given), rel=0.01), name
    function = METRICS["log_loss"].function
    assert function is not None
    assert function(np.array([1]), {"probabilities": old["probabilities"][:1]}) == pytest.approx(
        25 * math.log(2)
    )


def test_each_knows_its_direction_and_what_it_needs() -> None:
    lower = {n for n in NAMES if METRICS[n].higher_is_better is False}
    assert lower == {"brier_score", "expected_calibration_error", "log_loss"}
    assert {n for n in NAMES if METRICS[n].higher_is_better is None} == set()
    for name in NAMES:
        needs, function = METRICS[name].needs, METRICS[name].function
        assert needs
        assert function is not None
        everything = kept([[0.6, 0.4], [0.1, 0.9]])
        function(np.array([0, 1]), {array: everything[array] for array in needs})


RANGES = {"brier_score": (0.0, 2.0), "log_loss": (0.0, math.inf)}


@pytest.mark.parametrize("name", NAMES)
def test_a_range_is_known_so_that_intervals_end_there(name: str) -> None:
    low, high = RANGES.get(name, (0.0, 1.0))
    right = np.eye(6)
    sure = [value(name, range(6), p) for p in (right, np.roll(right, 1, axis=1))]
    assert low <= min(sure) <= max(sure) <= high
    assert sure[0] == pytest.approx(high if METRICS[name].higher_is_better else low)
    assert METRICS[name].bounds == (low, high)
