"""Clocks through the spine: a study of them trains on fresh pictures and falls below chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from assay.core.errors import ConfigError, EngineError
from assay.core.records import Record
from assay.data import load, resolve
from assay.engines.averaging import exponential
from assay.engines.engine import Progress, Resources
from assay.engines.loop import Loop
from assay.engines.numpy_engine.engine import NumpyEngine
from assay.engines.pretraining import first_part, first_progress, later_progress
from assay.engines.torch_engine.average import WeightAverage
from assay.engines.torch_engine.engine import TorchEngine
from assay.studies.members import cohorts
from assay.studies.plan import make_plan
from assay.studies.study import parse_study
from assay.subjects.clocks.labels.scheme import true_minutes
from assay.subjects.clocks.pretraining import ReaderPretraining, RenderedPretraining
from assay.subjects.clocks.reading.pack import pack
from assay.subjects.clocks.time import distance

SMALL = {"family": "clock-net", "filters": [[16], [32, 32], [64, 64]], "squeeze": 32, "dense": 128}
ONE_CORE = Resources(threads=1, device="cpu")


def train(
    study: dict[str, Any],
    resources: Resources = ONE_CORE,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Record:
    plan = make_plan(parse_study({"study": "clocks", "network": SMALL, "repeats": 1, **study}))
    (cohort,) = cohorts(plan.runs().values())
    dataset = load(cohort.members[0].config["dataset"])
    (record,) = TorchEngine().train(cohort, dataset, resources, on_progress)
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
    average = WeightAverage({"w": weight}, exponential(0.5))
    expected = 0.0
    for step, value in enumerate((1.0, 4.0, 2.0), start=1):
        weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        assert torch.allclose(weight, torch.full((3,), expected))
    assert torch.equal(weight, torch.full((3,), 2.0))


def with_pretraining(rate: float, steps: int, own: int = 1) -> dict[str, Any]:
    """A run of `own` updates after `steps` on rendered clocks."""
    parts = {"train": 64, "validation": 48, "test": 48}
    recipe = {"steps": own, "batch_size": 32, "learning_rate": rate, "optimizer": "adam"}
    recipe |= {"pretrain": {"name": "rendered", "steps": steps}} if steps else {}
    return {
        "dataset": {"name": "clocks-rendered", "size": 30, "angles": False, **parts},
        "network": {"family": "clock-net", "filters": [[8], [8]], "squeeze": 4, "dense": [16]},
        "task": {"name": "tell_time", "labels": "relational"},
        "training": {**recipe, "evaluate_every": 1},
        "precision": "float32",
    }


def kernels(record: Record) -> dict[str, Any]:
    assert record.status == "finished"
    return {name: w.tolist() for name, w in record.weights.items() if name.endswith("kernel")}


def test_a_run_can_begin_from_rendered_clocks():
    # a rate that changes nothing: the run begins where the initializers put it
    begun = kernels(train(with_pretraining(1e-12, 1)))
    for name, kernel in kernels(train(with_pretraining(1e-12, 0))).items():
        np.testing.assert_allclose(kernel, begun[name], atol=1e-6)
    fast, again, plain = (kernels(train(with_pretraining(0.01, n))) for n in (4, 4, 0))
    assert fast == again
    assert all(np.abs(np.subtract(fast[n], plain[n])).max() > 0.01 for n in fast)


def test_a_run_whose_pretraining_diverges_diverges_alone(monkeypatch):
    study = with_pretraining(0.01, 4) | {"repeats": 2}
    monkeypatch.setattr(
        "assay.subjects.clocks.pretraining.first_part",
        lambda member, changes, **config: first_part(
            member,
            {**changes, "learning_rate": 1e30 if member.seed else 0.01},
            **config,
        ),
    )
    plan = make_plan(parse_study({"study": "clocks", "network": SMALL, **study}))
    (cohort,) = cohorts(plan.runs().values())
    data = load(cohort.members[0].config["dataset"])
    records = TorchEngine().train(cohort, data, ONE_CORE, lambda progress: None)
    assert {r.seed: r.status for r in records} == {0: "finished", 1: "diverged"}


def test_fresh_clocks_have_every_change_of_the_fixed_ones():
    spec = {"name": "clocks-rendered", "size": 24, "per_time": 1, "train": 300, "validation": 60}
    data = load({**spec, "test": 60, "fresh": True, "zca_whitening": True, "permute": 3})
    assert data.fresh is not None
    fresh = (data.fresh(0).images - data.mean) / data.std
    seen = (data.validation.images - data.mean) / data.std
    assert abs(float(fresh.mean())) < 0.1
    assert float(fresh.std()) == pytest.approx(float(seen.std()), rel=0.2)


def test_as_many_clocks_as_asked_for_each_time_are_split():
    few = load({"name": "clocks-rendered", "size": 24, "per_time": 1})
    assert (len(few.train), len(few.validation)) == (648, 72)
    many = resolve({"name": "clocks-rendered", "per_time": 100, "train": 60_000})
    assert many["validation"] == 5_000


def test_the_numpy_engine_refuses_fresh_pictures():
    study = {"study": "d", "dataset": "digits", "network": "mlp", "engine": "numpy", "repeats": 1}
    (cohort,) = cohorts(make_plan(parse_study(study)).runs().values())
    NumpyEngine().check(cohort, Resources())
    cohort.members[0].config["dataset"]["fresh"] = True  # as of a dataset of a plugin
    with pytest.raises(EngineError, match=r"fixed images, got dataset\.fresh true; use --engine"):
        NumpyEngine().check(cohort, Resources())


def test_a_run_can_begin_with_the_weights_of_a_reader(tmp_path):
    study = with_pretraining(1e-12, 0)
    reader = pack(given := train(study), given.weights, load(given.config["dataset"]), "course")
    reader.save(tmp_path / "one.safetensors")
    recipe = study["training"] | {
        "pretrain": {"name": "reader", "reader": str(tmp_path / "one.safetensors")}
    }
    begun, whole = kernels(train(study | {"training": recipe})), kernels(given)
    for name, kernel in begun.items():
        np.testing.assert_allclose(kernel, whole[name], rtol=2e-3, atol=1e-4)  # kept as float16
    other = study | {"training": recipe, "network": study["network"] | {"squeeze": 5}}
    with pytest.raises(EngineError, match=r"training.pretrain: reader .*one.safetensors: tensor"):
        train(other)


def test_minutes_end_a_run(sketched):
    record = train(
        {
            "dataset": {
                "name": sketched,
                "fresh": True,
                "train": 320,
                "validation": 60,
                "test": 60,
            },
            "task": {"name": "tell_time", "labels": "relational"},
            "training": {"steps": 100_000, "minutes": 0.02, "batch_size": 32},
        }
    )
    assert record.status == "finished"
    assert 1 <= record.curves["step"][-1] < 10_000
    assert record.timing["train"] + record.timing["evaluate"] >= 1.2


@pytest.fixture(scope="module")
def whole() -> Record:
    """A run after rendered clocks that nothing interrupts."""
    return train(with_pretraining(0.01, 4, 3))


@pytest.mark.parametrize(("updates", "left"), [(3, 1 + 3), (4, 3), (4 + 2, 1)])
def test_an_interrupted_run_does_not_begin_with_rendered_clocks_again(
    updates, left, whole, tmp_path, monkeypatch
):
    """What was done before the interruption is not done again, and nothing differs."""
    study, step, done = with_pretraining(0.01, 4, 3), Loop._step, []

    def step_until(self, number):
        if len(done) == updates:
            raise InterruptedError
        done.append(number)
        return step(self, number)

    resources = replace(ONE_CORE, checkpoints=tmp_path, checkpoint_seconds=0.0)
    monkeypatch.setattr(Loop, "_step", step_until)
    with pytest.raises(InterruptedError):
        train(study, resources)
    monkeypatch.setattr(Loop, "_step", step)
    progress = []
    found = train(study, resources, progress.append)
    assert kernels(found) == kernels(whole)
    assert sum(p.images for p in progress) == 32 * left
    (own,) = tmp_path.iterdir()  # until its record is stored; that of the pretraining is gone
    assert own.name == f"{found.run_id}.unfinished.safetensors"


DIGITS = {"study": "x", "dataset": "digits", "network": "mlp"}


def test_only_clocks_begin_from_rendered_ones():
    with pytest.raises(ConfigError, match=r"training.pretrain draws clocks"):
        parse_study({**DIGITS, "training": {"pretrain": "rendered"}})


def test_a_reader_takes_no_part_of_the_progress():
    begun: list[Progress] = []
    later_progress(begun.append, ReaderPretraining.share)(Progress(0, 0.25, 1))
    later_progress(begun.append, RenderedPretraining.share)(Progress(0, 0.0, 1))
    first_progress(begun.append, RenderedPretraining.share)(Progress(0, 1.0, 1))
    assert [p.fraction for p in begun] == [0.25, 0.5, 0.5]


def test_a_misspelled_reader_is_refused_before_anything_trains():
    study = {
        "study": "clocks",
        "dataset": {"name": "clocks-rendered", "size": 48, "train": 40, "validation": 20},
        "network": SMALL,
        "task": {"name": "tell_time", "labels": "relational"},
        "training": {"steps": 1, "pretrain": {"name": "reader", "reader": "cours"}},
    }
    with pytest.raises(ConfigError, match=r"pretrain.reader cours: no such reader; did you mean"):
        parse_study(study)
