"""Metrics by name, and the one that a study is judged by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields

from assay.core.metrics import METRICS, Metric
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
]


_SPLITS = {"val": "validation", "test": "test"}


def _parts(name: str) -> tuple[str, str]:
    prefix, _, rest = name.partition("_")
    return (prefix, rest) if rest and prefix in _SPLITS else ("", name)


_PLANNED: dict[str, Metric] = {}
"""Metrics of the plans that were opened, for those whose plugin is not loaded here."""


def read_metrics(plan: PlanData) -> None:
    """Learn from a plan how its metrics are shown; what is registered here is known already.

    Fields that this version does not have are left out, so plans of later versions can be read.
    """
    known = {field.name for field in fields(Metric)}
    for name, how in (plan.get("metrics") or {}).items():
        _PLANNED[name] = Metric(**{key: value for key, value in how.items() if key in known})


def metric_of(name: str) -> Metric:
    """Return what is known about a metric, with or without the prefix "val_" or "test_".

    It is what was registered, or what the plan says that was opened last. Any other metric is shown
    as it is, and nothing says which way it is better.
    """
    base = _parts(name)[1]
    return METRICS.get(base) or _PLANNED.get(base) or Metric(base)


def metric_title(name: str) -> str:
    """Return a metric's name in words: "test_accuracy" -> "test accuracy", "minutes" -> "mean
    error"."""
    split, base = _parts(name)
    words = metric_of(base).title or base.replace("_", " ")
    return f"{_SPLITS.get(split, '')} {words}".strip()


def primary_metric(plan: PlanData, records: Iterable[Record]) -> str:
    """Return the metric, without prefix, that a study is judged by.

    It is `plan["metric"]` when the plan names one, else of those that some record has on validation
    and on test the one of the smallest rank, else "accuracy". One whose better direction is unknown
    is only taken where there is no other.
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
