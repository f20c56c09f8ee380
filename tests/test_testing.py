"""assay's own parts pass what `assay.testing` asks of yours, and what is wrong does not pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from assay import testing
from assay.core.metrics import METRICS, Metric
from assay.core.registry import CodePlace, Registered, Registry, register
from assay.engines.augmentations import AUGMENTATIONS, Augmentation
from assay.engines.optimizers.optimizer import OPTIMIZERS, Optimizer
from assay.engines.schedules import SCHEDULES, Schedule
from assay.studies.search.samplers.sampler import SAMPLERS


def own(registry: Registry) -> list[str]:
    """The names of the parts that assay brings."""
    return [name for name in registry if registry.place(name).module.startswith("assay.")]


@pytest.mark.parametrize("name", own(OPTIMIZERS))
def test_optimizers(name):
    testing.check_optimizer(name)


def test_optimizers_with_other_settings():
    testing.check_optimizer("sgd", momentum=0.9, nesterov=True)
    testing.check_optimizer("rmsprop", momentum=0.5)
    testing.check_optimizer("muon", nesterov=False, weight_decay=0.1)


@pytest.mark.parametrize("name", own(SCHEDULES))
def test_schedules(name):
    testing.check_schedule(name)


@pytest.mark.parametrize("name", own(METRICS))
def test_metrics(name):
    testing.check_metric(name)


@pytest.mark.parametrize("name", own(SAMPLERS))
def test_samplers(name):
    testing.check_sampler(name)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("engine", ["torch", "numpy", "keras"])
def test_engines(engine):
    if engine == "keras":
        pytest.importorskip("keras")
    testing.check_engine(engine)


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_executors(executor):
    testing.check_executor(executor)


def test_a_task_and_a_dataset():
    testing.check_task("classify")
    testing.check_task("classify", "digits")
    testing.check_dataset({"name": "digits", "train": 100, "validation": 50})


@pytest.mark.parametrize(
    "network",
    [
        {"family": "mlp", "hidden": [6], "dropout": 0.5, "batch_norm": True},
        {"family": "cnn", "filters": [3], "dense": [4]},
    ],
)
def test_networks(network):
    testing.check_network(network)


@dataclass(frozen=True)
class Uphill(Optimizer):
    @staticmethod
    def torch_step(slot, gradient, rate):
        slot.weight.add_(gradient * rate)


@dataclass(frozen=True)
class Forgetful(Optimizer):
    @staticmethod
    def torch_step(slot, gradient, rate):
        slot.kept = getattr(slot, "kept", 0) + gradient
        slot.weight.sub_(slot.kept * rate)


@dataclass(frozen=True)
class Scalar(Optimizer):
    @staticmethod
    def torch_step(slot, gradient, rate):
        slot.weight.sub_(gradient * (rate if isinstance(rate, float) else rate.mean()))


@dataclass(frozen=True)
class Falling(Schedule):
    def shape(self, step, total, per_epoch):
        return 1 - step


@dataclass(frozen=True)
class Peeking(Augmentation):
    def change(self, images, rng):
        return images + rng.normal(size=int((images > 0).sum()) or 1).mean()


def test_a_metric_of_another_task_says_so(monkeypatch):
    metric = Metric("own", higher_is_better=True, function=lambda t, p: p["mask"].mean())
    METRICS.names()
    monkeypatch.setitem(METRICS._entries, "own", Registered(metric, CodePlace("", "", 0)))
    with pytest.raises(AssertionError, match="reads 'mask', but predictions of classification are"):
        testing.check_metric("own")


@pytest.mark.parametrize(
    ("kind", "part", "check", "said"),
    [
        ("optimizer", Uphill, testing.check_optimizer, "increases the loss"),
        ("optimizer", Forgetful, testing.check_optimizer, "keep all state in slot.buffer"),
        ("optimizer", Scalar, testing.check_optimizer, "differs from itself alone"),
        ("schedule", Falling, testing.check_schedule, "a factor is negative"),
        ("augmentation", Peeking, testing.check_augmentation, "depends on the pixels"),
    ],
)
def test_what_is_wrong_is_said(kind, part, check, said, monkeypatch):
    registry = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "augmentation": AUGMENTATIONS}[kind]
    assert "wrong" not in registry
    register(kind, "wrong", part)
    try:
        with pytest.raises(AssertionError, match=said):
            check("wrong")
    finally:
        del registry._entries["wrong"]


def test_the_toy_dataset_is_the_same_each_time():
    first, again = testing.toy_dataset(), testing.toy_dataset()
    assert np.array_equal(first.train.images, again.train.images)
    assert set(first.train.targets) == {0, 1, 2, 3}
