"""Bookkeeping for one member in training, the same in every engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.core.records import Status
from assay.engines.checkpoints import Checkpoint
from assay.engines.engine import Member
from assay.tasks.metrics import direction
from assay.tasks.task import Task

__all__ = ["Trained"]


@dataclass
class Trained:
    """One member in training: curves so far, the best evaluation, and how it ended.

    Attributes:
        best: value of the monitored metric at its best evaluation; NaN before the first.
        best_at: index of that evaluation.
        waited: number of evaluations since then.
        best_weights: its weights, if early stopping restores them.
        checkpoint: the file of its checkpoints.
        computed: provenance of the metrics that studies requested.
        state: its state, if it stopped at a rung.
        resumed_at: index of the last evaluation before this part of the run; -1 from the start.
        seconds_before: seconds of the earlier parts, included in `seconds`.
    """

    member: Member
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    curves: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0})
    status: Status = "finished"
    message: str = ""
    steps: int = 0
    best: float = float("nan")
    waited: int = 0
    best_weights: dict[str, np.ndarray] | None = None
    best_at: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    computed: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    resumed_at: int = -1
    seconds_before: dict[str, float] = field(default_factory=dict)

    def add(self, values: dict[str, float]) -> None:
        """Append one evaluation to the curves."""
        for name, number in values.items():
            self.curves.setdefault(name, []).append(number)

    def points(self, since: int) -> tuple[tuple[str, dict[str, float]], ...]:
        """Return the evaluations from an index on, in the format of `Progress`."""
        places = range(since, len(self.curves.get("step", ())))
        name = self.member.run_id
        return tuple((name, {k: v[i] for k, v in self.curves.items()}) for i in places)

    def diverged(self, why: str = "the loss was not finite") -> None:
        """Mark the run as diverged at the last evaluation."""
        self.status = "diverged"
        self.message = f"{why} by step {self.steps}"

    def judge(self, task: Task) -> bool:
        """Return whether the last evaluation is the best so far, by early stopping's rule if there
        is one; otherwise, count it as waiting."""
        rule = self.member.training.early_stopping
        monitor = rule.monitor if rule else task.monitor
        value = self.curves[monitor][-1]
        gain = value - self.best if direction(task, monitor) else self.best - value
        if np.isnan(self.best) or gain > (rule.min_delta if rule else 0.0):
            self.best, self.waited = value, 0
            self.best_at = len(self.curves["step"]) - 1
            return True
        self.waited += 1
        return False

    @property
    def restores(self) -> bool:
        """Whether the weights of the best evaluation are needed."""
        rule = self.member.training.early_stopping
        return bool(rule and rule.restore_best_weights)

    @property
    def stops(self) -> bool:
        """Whether early stopping ends this member now."""
        rule = self.member.training.early_stopping
        return bool(rule and self.waited >= rule.patience)

    def result_at(self) -> int:
        """Return the index of the evaluation whose weights are kept."""
        return self.best_at if self.best_weights is not None else len(self.curves["step"]) - 1
