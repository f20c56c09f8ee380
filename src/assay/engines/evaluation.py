"""Evaluating members whose networks put something out for each image: outputs, losses, metrics."""

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
    """What the end of a run needs of a `Trainer`."""

    def validate(self) -> Evaluation:
        """Evaluate every member on the validation part."""

    def test(self) -> Evaluation:
        """Evaluate every member on the test part, which is prepared only now."""

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """Put weights back into one member."""


class Evaluated(Resumable, Evaluator, Protocol):
    """A trainer that adds up the losses of training and evaluates."""

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Loss and `correct`, summed over the images seen since the last call: float64 (S,)."""


def points_of(
    trainer: Evaluated,
    task: Task,
    images: int,
    validation: Split,
    read_test: Callable[[], Split] | None = None,
) -> Points:
    """Evaluate: the points of every member's curves.

    Args:
        images: that each member has seen since the last call.
        read_test: for curves of the test part; None for none.
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
    """Metrics of one member's outputs."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged loss is said elsewhere
        kept = task.predictions({head: array[member] for head, array in outputs.items()})
        return task.metrics(kept, targets)
