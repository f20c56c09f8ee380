"""Evaluation of members whose networks have an output for each image: losses and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from assay.data.dataset import Split
from assay.engines.loop import Points, Resumable
from assay.tasks.task import Task

__all__ = ["Evaluated", "Evaluation", "Evaluator", "measured", "points_of"]

Evaluation = tuple[dict[str, np.ndarray], np.ndarray]
"""Outputs {head: float32 (S, n, units)} and mean loss, float64 (S,), of every member."""


class Evaluator(Protocol):
    """The part of a `Trainer` that the end of a run needs."""

    def validate(self) -> Evaluation:
        """Evaluate every member on the validation part."""

    def test(self) -> Evaluation:
        """Evaluate every member on the test part, which is loaded at this moment."""

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """Restore the weights of one member."""


class Evaluated(Resumable, Evaluator, Protocol):
    """A trainer that sums training losses and evaluates."""

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return loss and `correct`, summed over the images since the last call: float64 (S,)."""


def points_of(
    trainer: Evaluated,
    task: Task,
    images: int,
    validation: Split,
    read_test: Callable[[], Split] | None = None,
) -> Points:
    """Evaluate, and return the points of every member's curves.

    Args:
        images: that each member has seen since the last call.
        read_test: returns the test part for a curve; None for no such curve.
    """
    loss, accuracy = (total / images for total in trainer.sums())
    outputs, val_loss = trainer.validate()
    tested = trainer.test() if read_test else None
    monitored = task.monitor.removeprefix("val_")
    running = "correct" if monitored == "loss" else monitored
    found = []
    for k in range(len(loss)):
        values = {"loss": float(loss[k]), running: float(accuracy[k])}
        values |= {"val_loss": float(val_loss[k])}
        measured_here = measured(task, outputs, k, validation.targets)
        values |= {f"val_{name}": number for name, number in measured_here.items()}
        if read_test and tested:
            seen = measured(task, tested[0], k, read_test().targets)
            values |= {"test_loss": float(tested[1][k])}
            values |= {f"test_{name}": number for name, number in seen.items()}
        found.append(values)
    return found


def measured(
    task: Task, outputs: Mapping[str, np.ndarray], member: int, targets: np.ndarray
) -> dict[str, float]:
    """Return the metrics of one member's outputs."""
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported elsewhere
        kept = task.predictions({head: array[member] for head, array in outputs.items()})
        return task.metrics(kept, targets)
