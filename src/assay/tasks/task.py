"""What is learned: a task says what the network puts out, how it is judged and what is kept.

A task is one file in this package that registers itself. Everything here takes and returns NumPy
arrays, except `loss`, which an engine calls with its own tensors (PyTorch's for the torch engine).

A task may also have `loss_gradient(outputs, targets)`: `loss`, and by head its gradient for the
outputs of each sample, written out. Without it engines with autograd derive it from `loss`.

A task whose loss also takes soft targets, the share of each unit of its only head (..., batch,
units) in place of a number (..., batch), says `soft_targets = True`, as label smoothing needs it.

A task that measures more than its monitored metric at every evaluation names all of it in
`measures`, without prefix. What these are is registered (`assay.core.metrics`); a task whose
monitored metric is not has `higher_is_better`. All other metrics are functions of predictions
(`assay.tasks.metrics`). Where some need more than `predictions` gives, a task has
`more_predictions`, which takes the same outputs; a record keeps it only for the studies that ask.

A task that trains several networks together has `parts`, their names; an engine trains them as a
program of its own.

A task whose networks look at each picture several times in evaluation has `turns`, by how much the
picture is turned clockwise for each look, the first by nothing. `predictions` then gets outputs
{head: (n, looks, units)}; the loss is that of the first look.

A task with choices of its own has `options`, readers by name as network families have them, and
`with_options`, which makes the task that a study asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assay.core.config import Option
from assay.core.registry import Registry
from assay.data.dataset import Dataset

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "TASKS",
    "Task",
    "TaskName",
    "find_task",
    "parts_of",
    "takes_soft_targets",
    "task_options",
    "turns_of",
]

TaskName = str | Mapping[str, Any]
"""A task's name, or {"name": ..., option: value, ...} for a task with options."""


class Task(Protocol):
    """One kind of learning."""

    name: str
    monitor: str
    """The validation metric that selects, for example "val_accuracy"."""

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Units of each named output."""

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Targets of a split as the loss wants them, (n, ...)."""

    def loss(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Loss of each sample, (..., batch), of raw outputs {head: (..., batch, units)}."""

    def correct(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """The monitored metric of each sample while training (accuracy: 1 or 0), (..., batch)."""

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What a record keeps per image, small: {"predicted": ..., "confidence": ...}."""

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Metrics over a split by name, without prefix: {"accuracy": 0.91}."""


TASKS: Registry[Task] = Registry("task", "assay.tasks", contract=Task)


def task_options(name: str) -> Mapping[str, Option]:
    """The options of a task; none for most."""
    return getattr(TASKS[name], "options", {})


def takes_soft_targets(task: Task) -> bool:
    """Whether the loss of a task takes the share of each class in place of class numbers."""
    return getattr(task, "soft_targets", False)


def parts_of(task: Task) -> tuple[str, ...]:
    """Names of the networks that a task trains together; empty where it trains one."""
    return getattr(task, "parts", ())


def turns_of(task: Task) -> tuple[float, ...]:
    """By how much of a full turn pictures are turned for each look at them; mostly one look."""
    return getattr(task, "turns", (0.0,))


def find_task(task: TaskName) -> Task:
    """The task of a configuration; raises ConfigError, with the nearest name, if there is none."""
    if isinstance(task, str):
        return TASKS[task]
    found: Any = TASKS[task["name"]]
    return found.with_options({key: value for key, value in task.items() if key != "name"})
