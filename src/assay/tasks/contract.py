"""What is learned: a task says what the network puts out, how it is judged and what is kept.

A task is one file in this package that registers itself. Everything here takes and returns NumPy
arrays, except `loss`, which an engine calls with its own tensors (PyTorch's for the torch engine).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from assay.core.registry import Registry
from assay.data.dataset import Dataset

__all__ = ["TASKS", "Task"]


class Task(Protocol):
    """One kind of learning."""

    name: str
    monitor: str
    """The validation metric that selects, for example "val_accuracy"."""
    higher_is_better: bool

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Units of each named output."""

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Targets of a split as the loss wants them, (n, ...)."""

    def loss(self, outputs: dict[str, Any], targets: Any) -> Any:
        """Loss of each sample, (..., batch), of raw outputs {head: (..., batch, units)}."""

    def loss_gradient(self, outputs: dict[str, Any], targets: Any) -> tuple[Any, dict[str, Any]]:
        """`loss`, and by head its gradient for the outputs of each sample, written out.

        A task may leave this out: engines with autograd then derive it from `loss`.
        """

    def correct(self, outputs: dict[str, Any], targets: Any) -> Any:
        """Per-sample running metric shown while training (accuracy: 1 or 0), (..., batch)."""

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What a record keeps per image, small: {"predicted": ..., "confidence": ...}."""

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Metrics over a split by name, without prefix: {"accuracy": 0.91}."""


TASKS: Registry[Task] = Registry("task", "assay.tasks")
