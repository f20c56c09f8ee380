"""Targets as networks learn them: a class number, or the share that each class has in the truth."""

from __future__ import annotations

import numpy as np

from assay.data.dataset import Dataset
from assay.engines.training import Training
from assay.tasks.task import Task

__all__ = ["soft_rows"]


def soft_rows(training: Training, task: Task, dataset: Dataset) -> np.ndarray | None:
    """The soft target of each class, float64 (classes, classes), by which engines replace class
    numbers while training; None where a recipe trains on the numbers themselves.

    With label smoothing s the class itself has 1 - s + s / k of it and each other one s / k.
    """
    if not training.softens:
        return None
    (classes,) = task.heads(dataset).values()
    smoothing = training.label_smoothing
    return np.eye(classes) * (1 - smoothing) + smoothing / classes
