"""Training targets: class numbers, or soft targets with a share for each class."""

from __future__ import annotations

import numpy as np

from assay.data.dataset import Dataset
from assay.engines.training import Training
from assay.tasks.task import Task

__all__ = ["soft_rows"]


def soft_rows(training: Training, task: Task, dataset: Dataset) -> np.ndarray | None:
    """Return the soft target of each class, float64 (classes, classes), that replaces class numbers
    in training; None if a recipe trains on class numbers.

    With label smoothing s, the share of the class itself is 1 - s + s / k, of each other one s / k.
    """
    if not training.softens:
        return None
    (classes,) = task.heads(dataset).values()
    smoothing = training.label_smoothing
    return np.eye(classes) * (1 - smoothing) + smoothing / classes
