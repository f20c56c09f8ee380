"""A broken part of a plugin is an error of the studies that name it, and of no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import assay
from assay.apps.api import plan_of
from assay.apps.schema import study_schema
from assay.core import registry
from assay.core.config import Option
from assay.core.errors import ConfigError
from assay.core.options import integer, number, setting
from assay.engines.augmentations import Augmentation
from assay.engines.optimizers import Optimizer
from assay.engines.schedules import Schedule
from assay.execution.executors.executor import Setup, make_executor
from assay.execution.executors.worker import find_engine
from assay.networks.families import Family
from assay.networks.layers import Flatten
from assay.studies import library


class Lossless:
    name, monitor = "lossless", "val_accuracy"


class Demanding(Lossless):
    def __init__(self, size: int):
        self.size = size


class Failing(Lossless):
    def __init__(self):
        self.size = {}["size"]


class Optional(Lossless):
    options: ClassVar = {"size": integer(0, low=1, help="Its size.")}
    heads = encode = loss = correct = predictions = metrics = None


class Chosen(Optional):
    options: ClassVar = {"size": integer(2, low=1, help="Its size.")}


class Made(Chosen):
    def with_options(self, options):
        return options


class Other(Optional):
    options: ClassVar = {}
    measures = ("error",)


class Text(Other):
    measures = "error"


class Bare(Other):
    monitor = "error"


class Rounded:
    usual, option = 0, integer(0, low=2, help="Number of levels.")

    def check(self, spec): ...

    def fit(self, spec, train, permutation): ...


@dataclass(frozen=True)
class Flat(Schedule):
    """It has no shape."""


@dataclass(frozen=True)
class Written(Schedule):
    def __init__(self, every):
        pass

    def shape(self, step, total, per_epoch):
        return 1.0


@dataclass(frozen=True)
class Steep(Optimizer):
    slope: float = setting(number(2.0, low=0, high=1, help="Slope."))


@dataclass(frozen=True)
class Unready(Optimizer):
    slope: float = 1.0

    def __post_init__(self):
        raise RuntimeError("not ready")


@dataclass(frozen=True)
class Still(Augmentation):
    """It changes nothing."""


@dataclass(frozen=True)
class Loud(Augmentation):
    volume: float = setting(number(2.0, low=0, high=1, help="Volume."))

    def change(self, images, rng):
        return images


@dataclass(frozen=True)
class Strict(Augmentation):
    strength: float
    at: tuple[int, ...] = (1, 2)

    def change(self, images, rng):
        return images


@dataclass(frozen=True)
class Lost(Schedule):
    every: Nowhere = 1  # noqa: F821

    def shape(self, step, total, per_epoch):
        return 1.0


class Half:
    name = "half"

    def __init__(self, setup=None): ...


def width(low: int) -> dict[str, Option]:
    return {"width": integer(4, low=low, help="Width.")}


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "broken-study.yaml").write_text("study: [\n", encoding="utf-8")
    for part in (Lossless, Demanding, Failing, Optional, Chosen, Made, Other, Text, Bare):
        assay.register_task(part.__name__.lower(), part)
    for schedule in (Flat, Written, Lost):
        assay.register_schedule(schedule.__name__.lower(), schedule)
    for optimizer in (Steep, Unready):
        assay.register_optimizer(optimizer.__name__.lower(), optimizer)
    for augmentation in (Still, Loud, Strict):
        assay.register_augmentation(augmentation.__name__.lower(), augmentation)
    assay.register_transform("rounded", Rounded)
    assay.register_network("wide", Family(width(8), lambda options, shape: (Flatten(),)))
    assay.register_engine("sized", Demanding)
    assay.register_engine("half", Half)
    assay.register_executor("nothing", Lossless)
    assay.register_executor("half", Half)
    assay.register_studies("broken", tmp_path)
    yield
    registry.forget(__file__)


def study(**sections: object) -> dict[str, object]:
    network = {"family": "mlp", "hidden": [4]}
    return {"study": "one", "dataset": "digits", "network": network, "repeats": 1} | sections


def test_other_studies_and_lists_do_without_broken_parts(registered: None):
    plan_of("tour")
    plan_of(study(training={"augment": {"shift": 1}}))
    said = str(study_schema())
    for name in ("lossless", "demanding", "flat", "steep", "wide"):
        assert f"'{name}'" not in said
    assert "broken-study" in library.names()
    assert "broken-study.yaml:2:1: invalid YAML" in library.built_in("broken-study").question


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"task": "lossless"}, "task 'lossless': it has no"),
        ({"task": "demanding"}, "'demanding': Demanding is made without arguments: missing"),
        ({"task": "failing"}, "'failing': Failing cannot be made: test_broken_parts.py:"),
        ({"task": "optional"}, "the default of size is outside its own range: size must be"),
        ({"task": "chosen"}, "'chosen': it has options, but no with_options(options), which makes"),
        ({"task": {"name": "made", "size": 3}}, "task 'made': with_options: it has no correct, en"),
        ({"task": "other"}, "unknown monitored metric 'val_accuracy' (known: val_error, val_loss)"),
        ({"task": "text"}, "measures must be a tuple of names, ('error',), got 'error'"),
        ({"task": "bare"}, "unknown monitored metric 'error'; did you mean 'val_error'?"),
        ({"training": {"schedule": "flat"}}, "schedule 'flat': Flat has no shape; expected shape("),
        ({"training": {"schedule": "written"}}, "is made with (every), expected its settings (wa"),
        ({"training": {"schedule": "lost"}}, "types of its settings cannot be read: NameError: na"),
        ({"training": {"optimizer": "steep"}}, "the default of slope is outside its own range: "),
        ({"training": {"optimizer": "unready"}}, "Unready cannot be made: test_broken_parts.py:"),
        ({"training": {"augment": {"still": True}}}, "Still has no change; expected change(self"),
        ({"training": {"augment": {"loud": 0.5}}}, "the default of volume is outside its own ran"),
        ({"dataset": {"name": "digits", "rounded": 2}}, "the default of rounded is outside its ow"),
        ({"network": "wide"}, "network family 'wide': the default of width is outside its own"),
    ],
)
def test_the_study_that_names_it_is_told(registered: None, sections, said):
    with pytest.raises(ConfigError, match=r"test_broken_parts\.py:\d+: ") as error:
        plan_of(study(**sections))
    assert said in str(error.value)


def test_a_required_setting_is_asked_for(registered: None):
    plan_of(study(training={"augment": {"strict": 0.5}}))
    with pytest.raises(
        ConfigError, match=r"augment\.strict: augmentation strict needs strength, a num"
    ):
        plan_of(study(training={"augment": {"strict": True}}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: find_engine("sized"), "Demanding is made without arguments: missing a req"),
        (lambda: find_engine("half"), "engine 'half': it has no check, describe, limit, train"),
        (
            lambda: make_executor("nothing", Setup(None, 1)),
            "Lossless is made from a Setup alone: t",
        ),
        (lambda: make_executor("half", Setup(None, 1)), "executor 'half': it has no run; expected"),
    ],
)
def test_engines_and_executors_are_what_they_should_be(registered: None, make, said):
    with pytest.raises(ConfigError, match=r"test_broken_parts\.py:\d+: ") as error:
        make()
    assert said in str(error.value)


def test_a_metric_takes_targets_and_predictions():
    said = r"'mine': it is called with \(targets, predictions\): .*see .*test_broken_parts\.py:\d+"
    with pytest.raises(ConfigError, match=said):

        @assay.register_metric("mine", higher_is_better=True)
        def mine(targets):
            return 1.0
