"""How metrics are found, which way they go, and what becomes of one that cannot be computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.core.errors import ConfigError
from assay.core.metrics import METRICS, Metric
from assay.core.plugins import load
from assay.core.registry import _TABLES
from assay.tasks.classify import Classify
from assay.tasks.metrics import complete, direction, metric_names, versions

KEPT = {
    "val_target": np.array([0, 1, 1]),
    "val_predicted": np.array([0, 1, 0]),
    "test_target": np.array([0]),
    "test_predicted": np.array([1]),
}


@pytest.fixture(autouse=True)
def own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations of a test are forgotten after it."""
    METRICS.names()
    "accuracy" in METRICS  # noqa: B015  # the modules of tasks register theirs
    monkeypatch.setitem(_TABLES, "metric", dict(_TABLES["metric"]))
    monkeypatch.setattr(METRICS, "_entries", _TABLES["metric"])


def computed(function: Any, **how: Any) -> tuple[dict[str, float], dict[str, Any]]:
    assay.register_metric("own", function=function, higher_is_better=True, **how)
    metrics: dict[str, float] = {}
    said: dict[str, Any] = {}
    assert complete(metrics, said, KEPT, Classify(), ["accuracy", "own"], "val")
    return metrics, said


def test_a_function_gets_targets_and_predictions_of_one_split() -> None:
    metrics, said = computed(lambda targets, p: (targets == p["predicted"]).mean())
    assert metrics == {"val_own": pytest.approx(2 / 3)}
    assert list(said) == ["metric_versions"]  # this file's
    assert not complete(metrics, said, KEPT, Classify(), ["own"], "val")  # it is there already


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda t, p: p["logits"], "LookupError: no logits were stored, only predicted"),
        (lambda t, p: p["predicted"], "TypeError: the metric must return one number, got ndarray"),
        (lambda t, p: None, "TypeError: the metric must return one number, got NoneType"),
        (lambda t, p: "0.5", "TypeError: the metric must return one number, got str"),
        (lambda t, p: float("nan"), "ValueError: the metric must return a finite number, got nan"),
        (lambda t, p: t.sort(), "ValueError: sort array is read-only"),
    ],
)
def test_what_fails_has_no_value_and_says_why(function: Any, reason: str) -> None:
    metrics, said = computed(function)
    why = said["metrics_lacking"]["val_own"]
    place = re.escape(Path(__file__).name) + r":\d+: "  # where the function itself failed
    assert re.sub(f"^{place}", "", why) == reason
    assert re.match(place, why) or "the metric must return" in why
    assert metrics == {}
    assert "val_own" in said["metric_versions"]  # of the function that failed


def test_what_a_record_does_not_keep() -> None:
    metrics, said = computed(lambda t, p: 1.0, needs=("probabilities",))
    assert (metrics, said["metrics_lacking"]) == ({}, {"val_own": "no probabilities were stored"})


def test_zero_dimensional_arrays_and_truth_values_are_numbers() -> None:
    assert computed(lambda t, p: np.array(0.25))[0] == {"val_own": 0.25}
    METRICS._entries.pop("own")
    assert computed(lambda t, p: np.bool_(True))[0] == {"val_own": 1.0}


def test_directions_come_from_the_metric_or_the_task_never_from_a_name() -> None:
    class Own:
        name, monitor = "own-task", "val_error_of_mine"

    task: Any = Own()
    said = (
        "task own-task monitors val_error_of_mine, and nothing says whether a higher value is "
        "better; register the metric 'error_of_mine' or set `higher_is_better` of the task"
    )
    with pytest.raises(ConfigError, match=said):
        direction(task, "val_error_of_mine")
    task.higher_is_better = True
    assert direction(task, "val_error_of_mine")
    assert not direction(task, "val_loss")
    assay.register_metric("error_of_mine", Metric("error_of_mine", higher_is_better=False))
    assert not direction(task, "val_error_of_mine")


def test_metrics_of_a_task() -> None:
    names = metric_names(Classify())
    assert names[0] == "accuracy"
    assert "f1_macro" in names
    assay.register_metric("for_all", function=lambda t, p: 0.0, higher_is_better=True)
    assay.register_metric("elsewhere", function=lambda t, p: 0, higher_is_better=True, task="other")
    assert set(metric_names(Classify())) - set(names) == {"for_all"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "metric 'own': higher_is_better must be True or False, got None"),
        ({"higher_is_better": 1}, "metric 'own': higher_is_better must be True or False, got 1"),
        ({"higher_is_better": True, "decimal": 3},
         "unknown field of a metric 'decimal'; did you mean 'decimals'"),
        ({"higer_is_better": True},
         "unknown field of a metric 'higer_is_better'; did you mean 'higher_is_better'"),
        ({"higher_is_better": True, "decimals": "x"},
         "metric 'own': decimals must be a whole number from 0 to 20, got 'x'"),
        ({"higher_is_better": True, "scale": "%"}, "metric 'own': scale must be a number, got '%'"),
        ({"higher_is_better": True, "needs": "predicted"},
         r"metric 'own': needs must be a tuple of names, such as \("),
        ({"higher_is_better": True, "function": 3}, "metric 'own': expected a function, got 3"),
    ],
)  # fmt: skip
def test_registering_errors(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        assay.register_metric("own", **{"function": len, **given})


def test_a_metric_is_registered_without_its_split() -> None:
    with pytest.raises(ConfigError, match="register a metric without the prefix of a split: 'f'"):
        assay.register_metric("val_f", function=len, higher_is_better=True)


def test_a_decorated_part_is_registered_where_it_stands() -> None:
    @assay.register_metric("decorated", higher_is_better=True)
    def decorated(targets: Any, predictions: Any) -> float:
        return 0.0

    assert METRICS.place("decorated").file == __file__

    @assay.register_metric("decorated_too", higher_is_better=True)
    class Too(float):
        def __new__(cls, targets: Any, predictions: Any) -> Too:
            return super().__new__(cls, 0.0)

    assert METRICS.place("decorated_too").file == __file__


def test_the_version_is_that_of_the_loaded_code(tmp_path: Path) -> None:
    file = tmp_path / "edited_metric.py"
    source = "import assay\n@assay.register_metric('own', higher_is_better=True)\n"
    source += "def own(t, p): return 1\n"
    file.write_text(source)
    loaded = load(str(file))
    assert versions(["own", "accuracy"]) == {"own": loaded.digest}
    file.write_text(
        source.replace("return 1", "return 2")
    )  # while this process computes with the earlier code
    assert versions(["own"]) == {"own": loaded.digest}
