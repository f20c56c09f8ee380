"""How metrics and estimates are told in words."""

from __future__ import annotations

from assay.core.records import Record
from assay.statistics import (
    estimate,
    estimate_sentence,
    metric_of,
    metric_title,
    primary_metric,
)


def test_metrics_know_their_unit_and_direction():
    accuracy, loss = metric_of("test_accuracy"), metric_of("val_loss")
    assert accuracy.value(0.97684) == "97.68 %"
    assert accuracy.signed(-0.0121, 1) == "-1.2 points"
    assert accuracy.signed(-0.00001, 1) == "0.0 points"
    assert loss.value(0.12345) == "0.1235"
    assert not loss.higher_is_better
    for unknown in ("test_wasserstein_distance", "val_own_error", "test_sharpness"):
        assert metric_of(unknown).higher_is_better is None  # no name tells which way is better
    assert metric_title("val_accuracy") == "validation accuracy"
    assert [accuracy.digits(w) for w in (0.0004, 0.003, 0.012, 0.3)] == [2, 1, 1, 1]
    records = [Record("a", "t", 0, "finished", {}, {}, {"val_x": 1, "test_x": 1})]
    assert primary_metric({}, records) == "x"
    assert primary_metric({"metric": "val_y"}, []) == "y"


def test_an_estimate_in_words():
    assert estimate_sentence("test_accuracy", estimate([0.9, 0.91])).endswith(", n = 2)")
    assert estimate_sentence("test_accuracy", estimate([0.9])).endswith("(one run, no interval)")
    assert estimate_sentence("test_loss", estimate([])) == "no finished run has a test loss"
