"""Telling the time as a task: what is measured, how a study names it, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.config import Entry, Source
from assay.core.errors import AssayError, ConfigError, DataError
from assay.data import describe
from assay.statistics import metric_of, metric_title, primary_metric
from assay.studies.settings import read_config
from assay.studies.study import parse_study
from assay.subjects.clocks.task import TellTime
from assay.tasks.task import find_task


def canonical(task: object) -> object:
    data = {"dataset": "digits", "network": "mlp", "task": task}
    entry = Entry(data, (), Source(data))
    config = read_config(entry)
    entry.problems.raise_if_any()
    return config["task"]


def test_metrics_by_hand():
    read = np.array([5.0, 719.0, 120.0, 300.0], np.float32)
    targets = np.array([(0, 5), (0, 2), (1, 0), (5, 4)])
    found = TellTime().metrics({"minutes": read}, targets)
    assert found == {
        "minutes": (0 + 3 + 60 + 4) / 4,
        "median_minutes": 3.5,
        "within_1_minute": 0.25,
        "within_5_minutes": 0.75,
        "hour_flip_rate": 0.25,
    }


def test_lower_is_better_and_said_in_minutes():
    known = metric_of("test_minutes")
    assert (known.value(0.361), known.higher_is_better) == ("0.36 min", False)
    assert metric_title("val_minutes") == "validation mean error"
    names = dict.fromkeys(TellTime().metrics({"minutes": np.zeros(1)}, np.zeros((1, 2))), 1.0)
    records = [type("R", (), {"metrics": {f"{s}_{n}": 1 for s in ("val", "test") for n in names}})]
    assert primary_metric({}, records) == "minutes"  # type: ignore[arg-type]


def test_a_task_with_options_has_one_canonical_form():
    full = {"name": "tell_time", "labels": "joint"}
    assert canonical("tell_time") == canonical({"name": "tell_time"}) == full
    assert canonical("classify") == canonical({"name": "classify"}) == "classify"
    assert isinstance(find_task(full), TellTime)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"name": "tell_time", "labels": "join"}, "did you mean 'joint'"),
        ({"name": "tell_time", "label": "joint"}, "did you mean 'labels'"),
        ({"labels": "joint"}, "a task needs a name, one of: .*classify"),
        ("tel_time", "did you mean 'tell_time'"),
        ({"name": "classify", "labels": "joint"}, "unknown option of task classify 'labels'"),
        ({"name": "tell_time", "looks": 10}, "from 1 to 9"),
        (
            {"name": "tell_time", "labels": "regression", "looks": 3},
            "need labels joint or relational",
        ),
    ],
)
def test_wrong_tasks_are_refused(task, message):
    with pytest.raises(ConfigError, match=message):
        canonical(task)


def test_datasets_without_times_are_refused():
    with pytest.raises(DataError, match="digits has 10 classes but no times"):
        TellTime().heads(describe("digits"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"needs targets \(n, 2\)"):
        TellTime().encode(np.zeros(3))
    with pytest.raises(AssayError, match="no times"):
        parse_study({"study": "x", "dataset": "digits", "network": "mlp", "task": "tell_time"})


def test_the_running_metric_is_the_error_in_minutes():
    import torch

    task = TellTime("regression")
    encoded = torch.from_numpy(task.encode(np.array([(0, 5), (11, 50)])))
    outputs = {"hours": torch.tensor([[[10 / 60], [0.0]]])}
    assert task.correct(outputs, encoded).tolist() == [[pytest.approx(5, abs=1e-4), 10.0]]


@pytest.mark.parametrize("labels", ["sine_cosine", "classes_24", "multi_head", "joint"])
def test_directions_are_asked_for_in_training_and_change_no_reading(labels):
    import torch

    plain, asked = TellTime(labels), TellTime(labels, directions=True)
    targets = np.array([(3, 10, 0.2, 0.7, 0.9), (11, 50, 0.0, 0.1, 0.5)], np.float32)
    dataset = type("D", (), {"class_names": (), "name": "clocks"})()
    heads = asked.heads(dataset)
    assert set(heads) - set(plain.heads(dataset)) == {"twelve", "minute_hand", "hour_hand"}
    rng = np.random.default_rng(0)
    outputs = {h: rng.normal(size=(2, n)).astype(np.float32) for h, n in heads.items()}
    tensors = {h: torch.from_numpy(o) for h, o in outputs.items()}
    loss = asked.loss(tensors, torch.from_numpy(asked.encode(targets)))
    without = plain.loss(tensors, torch.from_numpy(plain.encode(targets)))
    unknown = asked.loss(tensors, torch.from_numpy(asked.encode(targets[:, :2])))
    seen = TellTime("relational")
    beside = seen.loss(tensors, torch.from_numpy(seen.encode(targets)))
    assert torch.allclose(loss, without + beside)
    assert (without < unknown).all()  # the time alone teaches directions, too, if less
    assert (unknown < loss).all()
    for name, read in plain.predictions(outputs).items():
        assert np.array_equal(read, asked.predictions(outputs)[name], equal_nan=True)


def test_relational_labels_are_directions_already():
    assert TellTime("relational", directions=True).beside is None
