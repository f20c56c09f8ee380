"""A user's own task that breaks its contract is an error with its line before anything trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch.nn import functional

import assay
from assay import testing
from assay.core import registry
from assay.core.errors import ConfigError
from assay.core.store import Store
from assay.tasks.contracts import try_task

DATA = testing.toy_dataset()


class Own:
    """Four classes, with the error as its metric."""

    name, monitor, measures, higher_is_better = "own", "val_error", ("error",), False

    def heads(self, dataset):
        return {"class": len(dataset.class_names)}

    def encode(self, targets):
        return targets

    def loss(self, outputs, targets):
        flat = outputs["class"].flatten(0, -2)
        losses = functional.cross_entropy(flat, targets.reshape(-1), reduction="none")
        return losses.reshape(outputs["class"].shape[:-1])

    def correct(self, outputs, targets):
        return (outputs["class"].argmax(-1) != targets).float()

    def predictions(self, outputs):
        return {"predicted": outputs["class"].argmax(-1)}

    def metrics(self, predictions, targets):
        return {"error": (predictions["predicted"] != targets).mean()}


def with_one(method: str, result: object) -> Own:
    """The task with a method that returns, or raises, something else."""

    def returned(*given):
        if isinstance(result, Exception):
            raise result
        return result(*given) if callable(result) else result

    task = Own()
    setattr(task, method, returned)
    return task


def test_a_task_that_keeps_its_contract_passes():
    try_task(Own(), DATA)
    try_task(with_one("metrics", {"error": 0.5, "another": 1}), DATA)
    testing.check_task("classify")


@pytest.mark.parametrize(
    ("method", "result", "said"),
    [
        ("heads", {"class": 0}, "heads returned {'class': 0}, expected {output: units}"),
        ("heads", ["class"], "heads returned ['class'], expected {output: units}"),
        ("heads", KeyError("side"), "heads failed: KeyError: 'side'"),
        ("encode", lambda targets: targets[1:], "encode returned ndarray (39,), expected an array"),
        ("encode", lambda targets: list(targets), "encode returned list, expected an array (40,"),
        ("loss", 1.0, "loss returned 1.0, expected a tensor (2, 40), a number for each image of"),
        (
            "loss",
            lambda o, t: Own().loss(o, t).mean(),
            "loss returned Tensor (), expected a tensor",
        ),
        ("loss", Own().correct, "loss returned a tensor without a gradient of the outputs"),
        ("correct", lambda o, t: o["class"], "correct returned Tensor (2, 40, 4), expected a tens"),
        ("predictions", None, "predictions returned None, expected arrays (40, ...)"),
        (
            "predictions",
            {"a": np.zeros(3)},
            "predictions returned a: ndarray (3,), expected arrays",
        ),
        ("metrics", 0.5, "metrics returned 0.5, expected a finite number for each of error"),
        ("metrics", {"errors": 0.5}, "metrics returned nothing as error, expected a finite number"),
        ("metrics", {"error": "low"}, "metrics returned 'low' as error, expected a finite number"),
        ("metrics", {"error": np.nan}, "metrics returned nan as error, expected a finite number"),
        ("metrics", {"error": np.ones(2)}, "metrics returned ndarray (2,) as error, expected a"),
        ("metrics", ZeroDivisionError("no images"), "metrics failed: ZeroDivisionError: no images"),
    ],
)
def test_what_breaks_it_is_said_with_its_line(method, result, said):
    with pytest.raises(ConfigError, match=r"test_contracts\.py:\d+: task 'own': ") as error:
        try_task(with_one(method, result), DATA)
    assert said in str(error.value)


def test_a_direction_is_known():
    task = Own()
    task.higher_is_better = None
    said = r"test_contracts\.py:\d+: task 'own': .* nothing says whether a higher value is better"
    with pytest.raises(ConfigError, match=said):
        try_task(task, DATA)


class Vague(Own):
    name = "vague"

    def metrics(self, predictions, targets):
        return {"error": float("nan")}


class Narrow(Own):
    name = "narrow"

    def metrics(self, predictions):
        return {"error": 0.5}


@pytest.fixture
def registered() -> Iterator[None]:
    for task in (Own, Vague, Narrow):
        assay.register_task(task.name, task)
    yield
    registry.forget(__file__)


def test_a_study_with_it_trains_nothing(registered: None, tmp_path: Path):
    study = {"study": "own", "dataset": {"name": "digits", "train": 60, "validation": 20}}
    study |= {"network": {"family": "mlp", "hidden": [4]}, "task": "vague", "repeats": 1}
    with pytest.raises(ConfigError, match="metrics returned nan as error"):
        assay.run(study, store=tmp_path, progress=False)
    with Store(tmp_path) as store:
        assert not store.run_ids()
    with pytest.raises(
        ConfigError, match=r"metrics takes \(predictions\), expected \(predictions,"
    ):
        assay.run(study | {"task": "narrow"}, progress=False)


def test_check_task_says_so_too(registered: None):
    with pytest.raises(AssertionError, match=r"test_contracts\.py:\d+: task 'vague': metrics retu"):
        testing.check_task("vague")
    testing.check_task("own", DATA)


class Masks(Own):
    name = "masks"

    def encode(self, targets):
        return targets.reshape(len(targets), 8, 8)


def test_check_task_says_that_a_task_with_its_own_targets_needs_its_dataset():
    assay.register_task("masks", Masks)
    try:
        with pytest.raises(
            AssertionError, match=r"encode failed: .*check_task\('masks', dataset=.*"
        ):
            testing.check_task("masks")
    finally:
        registry.forget(__file__)
