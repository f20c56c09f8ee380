"""A user's own schedule, augmentation or family that breaks its contract is an error with its line,
at its place in the study, when the study is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import assay
from assay.apps.api import plan_of
from assay.core import registry
from assay.core.errors import ConfigError
from assay.core.options import integer
from assay.engines.augmentations import Augmentation
from assay.engines.engine import ENGINES, Resources
from assay.engines.optimizers import Optimizer
from assay.engines.schedules import Cosine, Schedule
from assay.networks.families import Family
from assay.networks.layers import Dense, Flatten
from assay.studies.members import cohorts


@dataclass(frozen=True)
class Told(Schedule):
    given: ClassVar[Any] = None

    def shape(self, step, total, per_epoch):
        assert total == 8
        assert per_epoch == 4
        return type(self).given(step)


@dataclass(frozen=True)
class Short(Schedule):
    def shape(self, step):
        return 1.0


@dataclass(frozen=True)
class Any_(Cosine):
    def shape(self, *given, **named):
        return super().shape(*given, **named)


@dataclass(frozen=True)
class Changed(Augmentation):
    given: ClassVar[Any] = None

    def change(self, images, rng):
        assert images.shape == (8, 8, 8, 1)
        assert images.dtype == np.float32
        return type(self).given(images)


@dataclass(frozen=True)
class Both(Augmentation):
    changes_targets = True
    given: ClassVar[Any] = None

    def change_both(self, images, targets, rng):
        assert targets.shape == (8, 10)
        return type(self).given(images, targets)


@dataclass(frozen=True)
class Bound(Optimizer):
    def torch_step(self, slot, gradient, rate): ...


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for schedule in (Told, Short, Any_):
        assay.register_schedule(schedule.__name__.lower(), schedule)
    for augmentation in (Changed, Both):
        assay.register_augmentation(augmentation.__name__.lower(), augmentation)
    assay.register_optimizer("bound", Bound)
    yield
    registry.forget(__file__)


def described(training: dict[str, Any], **sections: Any) -> dict[str, Any]:
    dataset = {"name": "digits", "train": 100, "validation": 50}
    network = {"family": "mlp", "hidden": [4]}
    recipe = {"epochs": 2, "batch_size": 25, **training}
    study = {"study": "own", "dataset": dataset, "network": network, "repeats": 1}
    return study | {"training": recipe} | sections


def plan(training: dict[str, Any], **sections: Any) -> None:
    plan_of(described(training, **sections))


def refused(training: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        plan(training)
    assert str(error.value).startswith(f"{place}: {__file__}:")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda step: "1", "shape returned '1' at update 1 of 8, expected a finite number >= 0"),
        (lambda step: None, "shape returned None at update 1 of 8, expected a finite number"),
        (
            lambda step: 3 - step,
            "shape returned -1 at update 5 of 8, expected a finite number >= 0",
        ),
        (lambda step: float("nan"), "shape returned nan at update 1 of 8"),
        (lambda step: 1 / (7 - step), "schedule 'told': shape failed: ZeroDivisionError: division"),
    ],
)
def test_a_schedule_gives_numbers(given, said):
    Told.given = given
    refused({"schedule": "told"}, "training.schedule", said)


def test_what_keeps_its_contract_is_planned():
    Told.given = lambda step: np.float32(step)
    plan({"schedule": "told"})
    plan({"schedule": "any_"})
    Changed.given, Both.given = (
        (lambda images: images + 1),
        (lambda images, targets: (-images, targets)),
    )
    plan({"augment": {"changed": True, "both": True}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda images: images[:, 1:], "'changed' returned (8, 7, 8, 1), expected images (8, 8, 8"),
        (lambda images: None, "'changed' returned NoneType, expected images (8, 8, 8, 1)"),
        (lambda images: images * np.nan, "change returned images that are not finite"),
        (lambda images: images["x"], "augmentation 'changed' failed: IndexError: only integers"),
    ],
)
def test_an_augmentation_gives_images(given, said):
    Changed.given = given
    refused({"augment": {"changed": True}}, "training.augment.changed", said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda images, targets: images, "'both' returned ndarray, expected images and targets"),
        (
            lambda images, targets: (images, targets[:, 0]),
            "returned (8,), expected targets (8, 10)",
        ),
    ],
)
def test_an_augmentation_gives_targets(given, said):
    Both.given = given
    refused({"augment": {"both": True}}, "training.augment.both", said)


def test_the_estimator_says_so_too():
    Changed.given = lambda images: None
    images = np.random.default_rng(0).normal(size=(40, 8, 8))
    model = assay.AssayClassifier("mlp", augment={"changed": True}, epochs=1)
    with pytest.raises(
        ConfigError, match=r"augment.changed: .* returned NoneType, expected images"
    ):
        model.fit(images, np.arange(40) % 2)


def test_methods_take_what_they_are_given():
    said = "shape takes (step), expected (step, total, per_epoch); see"
    refused({"schedule": "short"}, "training.schedule", said)
    said = "torch_step takes (self, slot, gradient, rate), expected (slot, gradient, rate); see"
    refused({"optimizer": "bound"}, "training.optimizer", said)


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        (lambda options: (), "failed: TypeError: "),
        (lambda options, shape: (Dense(options["units"]),), "failed: KeyError: 'units'"),
        (lambda options, shape: None, "trunk returned None, expected a tuple of layers"),
        (lambda options, shape: (Flatten,), ", expected a tuple of layers"),
    ],
)
def test_a_family_gives_layers(trunk, said):
    option = integer(4, low=1, help="Width.")
    assay.register_network("narrow", Family({"width": option}, trunk))
    with pytest.raises(ConfigError, match=r"network: .*test_own_recipes\.py:\d+: network fam") as e:
        plan({}, network="narrow")
    assert said in str(e.value)


@dataclass(frozen=True)
class Step(Optimizer):
    given: ClassVar[Any] = None

    @staticmethod
    def torch_step(slot, gradient, rate):
        return Step.given(slot, gradient)

    numpy_step = torch_step


@pytest.mark.parametrize("engine", ["torch", "numpy"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            lambda slot, gradient: slot.weight - gradient,
            "which nobody uses; expected that it changes",
        ),
        (lambda slot, gradient: slot.numbers["beta"], "failed: KeyError: 'beta'"),
        (
            lambda slot, gradient: setattr(slot, "weight", gradient),
            "must change slot.weight in place",
        ),
    ],
)
def test_a_step_is_tried_before_anything_trains(given, said, engine):
    assay.register_optimizer("step", Step)
    Step.given = given
    (cohort,) = cohorts(plan_of(described({"optimizer": "step"}, engine=engine)).runs().values())
    with pytest.raises(ConfigError, match=r"test_own_recipes\.py:\d+: optimizer 'step': ") as error:
        ENGINES[engine]().check(cohort, Resources(device="cpu"))
    assert said in str(error.value)
    Step.given = lambda slot, gradient: None
    ENGINES[engine]().check(cohort, Resources(device="cpu"))
