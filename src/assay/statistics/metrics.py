"""Metrics by name, and the main metric of a study."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

from assay.core.metrics import METRICS, Metric, MetricFormat
from assay.core.plans import PlanData
from assay.core.records import Record

__all__ = [
    "METRICS",
    "Metric",
    "metric_of",
    "metric_title",
    "primary_metric",
    "read_metrics",
    "values_by_seed",
    "with_unit",
]


_SPLITS = {"val": "validation", "test": "test"}


def _parts(name: str) -> tuple[str, str]:
    prefix, _, rest = name.partition("_")
    return (prefix, rest) if rest and prefix in _SPLITS else ("", name)


_PLANNED: dict[str, Metric] = {}
"""Metrics of opened plans, for those whose plugin is not loaded."""


def read_metrics(plan: PlanData) -> None:
    """Read the formats of a plan's metrics; registered metrics are known already.

    Unknown fields are ignored, so that plans of later versions can be read.
    """
    known = MetricFormat.__annotations__
    for name, how in (plan.get("metrics") or {}).items():
        kept = {key: value for key, value in how.items() if key in known}
        _PLANNED[name] = Metric(**cast("MetricFormat", kept))


def metric_of(name: str) -> Metric:
    """Return the description of a metric, with or without the prefix "val_" or "test_".

    It is the registered one, or that of the plan opened last. Any other metric is shown unscaled,
    without a direction.
    """
    base = _parts(name)[1]
    return METRICS.get(base) or _PLANNED.get(base) or Metric(base)


def metric_title(name: str) -> str:
    """Return a metric's name in words: "test_accuracy" -> "test accuracy", "minutes" -> "mean
    error"."""
    split, base = _parts(name)
    words = metric_of(base).title or base.replace("_", " ")
    if words.startswith(("validation ", "training ")):  # imported, in place of a test metric
        return words
    return f"{_SPLITS.get(split, '')} {words}".strip()


def with_unit(name: str) -> str:
    """Return a metric's name in words with the unit in which its values are shown, for the head of
    a column or an axis: "test_accuracy" -> "test accuracy (%)"."""
    unit = metric_of(name).unit
    return f"{metric_title(name)} ({unit})" if unit else metric_title(name)


def primary_metric(plan: PlanData, records: Iterable[Record]) -> str:
    """Return the main metric of a study, without prefix.

    It is `plan["metric"]` if the plan names one; else the metric of the smallest rank among those
    that some record has on validation and on test; else "accuracy". A metric without a known
    direction is only used if there is no other.
    """
    if plan.get("metric"):
        return _parts(str(plan["metric"]))[1]
    found: set[str] = set()
    for record in records:
        names = record.metrics
        found |= {n[5:] for n in names if n.startswith("test_") and f"val_{n[5:]}" in names}
    return min(sorted(found), key=_order, default="accuracy")


def _order(name: str) -> tuple[bool, int]:
    known = metric_of(name)
    return known.higher_is_better is None, known.rank


def values_by_seed(records: Iterable[Record], metric: str) -> dict[int, float]:
    """Return {seed: value} of the finished runs that have a finite value of `metric`."""
    values = {}
    for record in records:
        value = record.metrics.get(metric)
        if record.status == "finished" and value is not None and math.isfinite(value):
            values[record.seed] = float(value)
    return dict(sorted(values.items()))
