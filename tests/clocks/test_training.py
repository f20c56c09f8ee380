"""Clocks through the spine: a study of them trains on fresh pictures and falls below chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from assay.clocks.labels.contract import true_minutes
from assay.clocks.time import distance
from assay.core.errors import ConfigError
from assay.core.records import Record
from assay.data import load
from assay.engines.contract import Resources
from assay.engines.torch_engine.average import WeightAverage
from assay.engines.torch_engine.engine import TorchEngine
from assay.reading.pack import pack
from assay.studies.members import cohorts
from assay.studies.plan import make_plan
from assay.studies.study import parse_study

SMALL = {"family": "clock-net", "filters": [[16], [32, 32], [64, 64]], "squeeze": 32, "dense": 128}


def train(study: dict[str, Any]) -> Record:
    plan = make_plan(parse_study({"study": "clocks", "network": SMALL, "repeats": 1, **study}))
    (cohort,) = cohorts(plan.runs().values())
    dataset = load(cohort.members[0].config["dataset"])
    resources = Resources(threads=1, device="cpu")
    (record,) = TorchEngine().train(cohort, dataset, resources, lambda progress: None)
    return record


def test_a_small_network_learns_to_read_clocks_in_seconds(sketched):
    record, again = (
        train(
            {
                "dataset": {"name": sketched, "fresh": True, "train": 1920, "validation": 120},
                "task": {"name": "tell_time", "labels": "relational", "looks": looks},
                "training": {
                    "steps": 80,
                    "batch_size": 64,
                    "optimizer": "adam",
                    "learning_rate": 2e-3,
                    "schedule": {"name": "cosine", "warmup": 0.1},
                    "ema": 0.95,
                },
            }
        )
        for looks in (1, 5)
    )
    assert record.metrics["test_minutes"] < 60  # guessing gives 180
    assert again.metrics["test_minutes"] < record.metrics["test_minutes"]
    assert again.metrics["val_loss"] == record.metrics["val_loss"]  # the same network, that is
    assert record.curves["val_minutes"][-1] < record.curves["val_minutes"][0]
    assert np.isfinite(record.predictions["test_certainty"]).all()
    dataset = load(record.config["dataset"])
    reader = pack(record, record.weights, dataset, "course")
    images = dataset.test.images[:40]
    sights = [reader.read(image) for image in images]
    read = np.array([sight.minutes for sight in sights])
    assert distance(read, true_minutes(dataset.test.targets[:40])).mean() < 60
    assert not reader.read(np.full((45, 45, 1), 128, np.uint8)).readable  # no clock at all


@pytest.mark.parametrize("labels", ["regression", "classes_24", "multi_head", "joint"])
def test_every_kind_of_labels_trains_without_directions(sketched, labels):
    record = train(
        {
            "dataset": {"name": sketched, "angles": False, "train": 240, "test": 120},
            "task": {"name": "tell_time", "labels": labels},
            "training": {
                "steps": 4,
                "batch_size": 64,
                "early_stopping": {"monitor": "val_minutes"},
            },
        }
    )
    assert record.status == "finished"
    assert 0 <= record.metrics["test_minutes"] <= 360
    assert record.curves["minutes"].shape == record.curves["val_minutes"].shape


def test_fresh_pictures_are_new_in_every_epoch_and_the_same_in_every_run(sketched):
    dataset = load({"name": sketched, "fresh": True, "train": 60})
    assert dataset.fresh is not None
    first, second, again = (dataset.fresh(epoch).images for epoch in (0, 1, 0))
    assert len(first) == len(dataset.train)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)
    assert load({"name": sketched, "train": 60}).fresh is None


def test_a_study_varies_the_labels(sketched):
    study = parse_study(
        {
            "study": "labels",
            "dataset": sketched,
            "network": SMALL,
            "task": "tell_time",
            "factors": {"task.labels": ["regression", "joint"]},
        }
    )
    assert [t.config["task"]["labels"] for t in study.trials] == ["joint", "regression"]
    assert study.factors == {"task.labels": ["joint", "regression"]}


def test_the_average_of_the_weights_is_the_textbook_one():
    weight = torch.zeros(3)
    average = WeightAverage({"w": weight}, 0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 4.0, 2.0), start=1):
        weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        assert torch.allclose(weight, torch.full((3,), expected))
    assert torch.equal(weight, torch.full((3,), 2.0))


def test_a_run_can_begin_from_rendered_clocks():
    parts = {"train": 64, "validation": 48, "test": 48}
    dataset = {"name": "clocks-rendered", "size": 30, "angles": False, **parts}
    small = {"family": "clock-net", "filters": [[8], [8]], "squeeze": 4, "dense": [16]}
    task = {"name": "tell_time", "labels": "relational"}

    def kernels(rate: float, steps: int) -> dict[str, Any]:
        recipe = {"steps": 1, "batch_size": 32, "learning_rate": rate, "optimizer": "adam"}
        recipe |= {"pretrain": {"name": "rendered", "steps": steps}} if steps else {}
        study = {"dataset": dataset, "network": small, "task": task, "training": recipe}
        found = train({**study, "precision": "float32"})
        assert found.status == "finished"
        return {name: w.tolist() for name, w in found.weights.items() if name.endswith("kernel")}

    # a rate that changes nothing: the run begins where the initializers put it
    begun = kernels(1e-12, 1)
    for name, kernel in kernels(1e-12, 0).items():
        np.testing.assert_allclose(kernel, begun[name], atol=1e-6)
    fast, again, plain = kernels(0.01, 4), kernels(0.01, 4), kernels(0.01, 0)
    assert fast == again
    assert all(np.abs(np.subtract(fast[n], plain[n])).max() > 0.01 for n in fast)


DIGITS = {"study": "x", "dataset": "digits", "network": "mlp"}


def test_only_clocks_begin_from_rendered_ones():
    with pytest.raises(ConfigError, match=r"training.pretrain draws clocks"):
        parse_study({**DIGITS, "training": {"pretrain": "rendered"}})
