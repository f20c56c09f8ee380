"""Metrics by name, and the one that a study is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.core.metrics import METRICS, Metric
from assay.core.records import Record

__all__ = ["METRICS", "Metric", "metric_of", "metric_title", "primary_metric"]


_LOWER = ("loss", "error", "minutes", "distance", "divergence", "seconds")
_SPLITS = {"val": "validation", "test": "test"}


def _parts(name: str) -> tuple[str, str]:
    prefix, _, rest = name.partition("_")
    return (prefix, rest) if rest and prefix in _SPLITS else ("", name)


def metric_of(name: str) -> Metric:
    """Return what is known about a metric, with or without the prefix "val_" or "test_".

    A metric that the table does not hold is shown as it is; lower is better when its name says so
    ("loss", "error", "distance", ...).
    """
    base = _parts(name)[1]
    known = METRICS.get(base)
    return known or Metric(base, higher_is_better=not any(word in base for word in _LOWER))


def metric_title(name: str) -> str:
    """Return a metric's name in words: "test_accuracy" -> "test accuracy", "minutes" -> "mean
    error"."""
    split, base = _parts(name)
    words = metric_of(base).title or base.replace("_", " ")
    return f"{_SPLITS.get(split, '')} {words}".strip()


def primary_metric(plan: Mapping[str, Any], records: Iterable[Record]) -> str:
    """Return the metric, without prefix, that a study is judged by.

    It is `plan["metric"]` when the plan names one, else of those that some record has on validation
    and on test the one of the smallest rank, else "accuracy".
    """
    if plan.get("metric"):
        return _parts(str(plan["metric"]))[1]
    found: set[str] = set()
    for record in records:
        names = record.metrics
        found |= {n[5:] for n in names if n.startswith("test_") and f"val_{n[5:]}" in names}
    return min(sorted(found), key=lambda name: metric_of(name).rank, default="accuracy")
