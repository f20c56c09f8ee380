"""A run that was made elsewhere, as the readers of `assay import` describe it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.core.metrics import Metric
from assay.statistics import metric_of

__all__ = [
    "SPLITS",
    "TRAINING",
    "VALIDATION",
    "ImportedRun",
    "described",
    "full_name",
    "is_loss",
    "number",
]

SPLITS = ("val_", "test_")
"""Prefixes of metrics that say which part of the data they were measured on."""

TRAINING, VALIDATION = "training_", "validation_"
"""Starts of the names of metrics that take the place of test metrics in runs without these, so that
tables and reports say what was measured."""


@dataclass
class ImportedRun:
    """One run of a file.

    Attributes:
        levels: factor -> level; seed: None if the file has none.
        metrics: last values; None for one that the file leaves empty.
        place: for messages, "runs.csv:3".
        curves: name -> (steps, values).
        better: metric -> whether a higher value is better, if the file says so.
        diverged: the file says so, or a loss of its curves is not finite at their end.
        main: the metric that its study is judged by, without prefix; "" if the file does not say.
        baseline: whether the file says that its trial is the baseline.
    """

    levels: dict[str, str]
    seed: int | None
    metrics: Mapping[str, float | None]
    place: str
    curves: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    better: dict[str, bool] = field(default_factory=dict)
    diverged: bool = False
    main: str = ""
    baseline: bool = False


def full_name(metric: str) -> str:
    """Return a metric with its prefix; one that has none is a test metric."""
    return metric if metric.startswith(SPLITS) else f"test_{metric}"


def described(metric: str) -> Metric:
    """Return the description of a metric; "validation_accuracy" is a fraction like "accuracy"."""
    base = metric.removeprefix("test_")
    for start in (TRAINING, VALIDATION):
        if base.startswith(start):
            base = base.removeprefix(start)
            break
    return metric_of(base)


def is_loss(name: str) -> bool:
    """Whether a curve or metric is a loss by its name: "loss", "val_loss", "Loss/total"."""
    return "loss" in re.split(r"[^a-z]+", name.lower())


def number(text: str) -> float | None:
    """Return the number that a text is, also nan or inf; None for any other text."""
    try:
        return float(text)
    except ValueError:
        return None
