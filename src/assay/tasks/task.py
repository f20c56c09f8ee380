"""Tasks: the outputs of the network, the loss, and how predictions are evaluated and stored.

A task is one file in this package that registers itself. Its methods take and return NumPy
arrays, except `loss`, which an engine calls with its own tensors (PyTorch's for the torch engine).

Optional members of a task:

- `loss_gradient(outputs, targets)` returns `loss` and, by head, its gradient with respect to the
  outputs of each sample. Without it, engines with autograd differentiate `loss`.
- `soft_targets = True` says that the loss also takes soft targets, the fraction of each unit of its
  only head, (..., batch, units) instead of (..., batch), as label smoothing needs.
- `measures` names all metrics that the task computes at every evaluation, without prefix, if these
  are more than the monitored metric. They are registered (`assay.core.metrics`); if the monitored
  metric is not, the task has `higher_is_better`. All other metrics are functions of predictions
  (`assay.tasks.metrics`).
- `more_predictions` takes the same outputs as `predictions` and returns what further metrics need;
  a record stores it only for studies that name such metrics.
- `parts` names the networks of a task that trains several together, by a program of its own.
- `looks` gives the looks at each image for test-time augmentation (`assay.tasks.looks`); the first
  one changes nothing. `combine` then makes of outputs {head: (..., looks, units)} those that are
  evaluated, {head: (..., units)}. Without it `predictions` receives {head: (n, looks, units)}, and
  the loss is that of the first look.
- `options` are readers by name, as for network families, and `with_options` makes the task that a
  study describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assay.core.code_places import defined_at, is_own
from assay.core.config import Option
from assay.core.contracts import fitting
from assay.core.errors import ConfigError, unknown_name
from assay.core.own import watched
from assay.core.part_classes import check_defaults
from assay.core.registry import Registry
from assay.data.dataset import Dataset

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "TASKS",
    "checked_task",
    "Task",
    "TaskName",
    "find_task",
    "least_images",
    "parts_of",
    "takes_soft_targets",
    "task_options",
]

TaskName = str | Mapping[str, Any]
"""A task's name, or {"name": ..., option: value, ...} for a task with options."""


class Task(Protocol):
    """One kind of learning."""

    name: str
    monitor: str
    """The validation metric that selects, for example "val_accuracy"."""

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Return the units of each named output."""

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return the targets of a split as `loss` receives them, (n, ...)."""

    def loss(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Return the loss of each sample, (..., batch), from {head: (..., batch, units)}."""

    def correct(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Return the monitored metric of each training sample (accuracy: 1 or 0), (..., batch)."""

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what a record stores for each image: {"predicted": ..., "confidence": ...}."""

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Return the metrics of a split by name, without prefix: {"accuracy": 0.91}."""


TASKS: Registry[Task] = Registry("task", "assay.tasks", "assay.tasks.task:checked_task", Task)


def checked_task(name: str, task: Task) -> Task:
    """Return the task registered under `name`.

    Raises:
        ConfigError: it refuses its own defaults, makes no task of its options, or monitors what it
            does not measure.
    """
    options = getattr(task, "options", {})
    check_defaults(options)
    if options and not hasattr(task, "with_options"):
        expected = "with_options(options), which makes the task that they describe"
        raise ConfigError(f"it has options, but no {expected}")
    measures, monitor = getattr(task, "measures", None), task.monitor
    if isinstance(measures, str):
        raise ConfigError(f"measures must be a tuple of names, ({measures!r},), got {measures!r}")
    known = ["val_loss", *(f"val_{name}" for name in measures or [monitor.removeprefix("val_")])]
    if monitor not in known:
        raise ConfigError(unknown_name("monitored metric", monitor, known))
    return task


def task_options(name: str) -> Mapping[str, Option]:
    """The options of a task; none for most."""
    return getattr(TASKS[name], "options", {})


def takes_soft_targets(task: Task) -> bool:
    """Whether the loss of a task accepts soft targets instead of class numbers."""
    return getattr(task, "soft_targets", False)


def least_images(task: Task) -> Mapping[str, int]:
    """Return the fewest images of a part ("train", "validation", "test") that a task can use."""
    return getattr(task, "least", {})


def parts_of(task: Task) -> tuple[str, ...]:
    """Return the names of the networks that a task trains together; empty if it trains one."""
    return getattr(task, "parts", ())


def find_task(task: TaskName) -> Task:
    """Return the task of a configuration; ConfigError, with the nearest name, if it is unknown."""
    if isinstance(task, str):
        return TASKS[task]
    name, options = task["name"], {key: value for key, value in task.items() if key != "name"}
    found: Any = TASKS[name]
    if not is_own(found):
        return found.with_options(options)
    with watched(f"task {name!r}: with_options", defined_at(type(found))):
        return checked_task(name, fitting(found.with_options(options), Task))
