"""What is known about a metric: its unit, its direction and how many digits it deserves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.records import Record

__all__ = ["METRICS", "Metric", "metric_of", "metric_title", "primary_metric"]


@dataclass(frozen=True)
class Metric:
    """How a metric is shown and which way is better.

    Attributes:
        name: without the prefix "val_" or "test_".
        unit: printed behind a value ("%"), empty for none.
        title: for people, where the name in words will not do.
        difference_unit: printed behind a difference ("points" between two percentages).
        scale: a recorded value times this is what is shown (100 for a share shown in %).
        decimals: digits after the point of a value, and at most so many of a difference.
        higher_is_better: the direction.
    """

    name: str
    unit: str = ""
    difference_unit: str = ""
    scale: float = 1.0
    decimals: int = 4
    higher_is_better: bool = True
    title: str = ""

    def number(self, value: float | None, decimals: int | None = None) -> str:
        """Return the scaled value as text without its unit, "-" where there is none."""
        if value is None or not math.isfinite(value):
            return "-"
        text = f"{self.scale * value:.{self.decimals if decimals is None else decimals}f}"
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text

    def value(self, value: float) -> str:
        """Return the scaled value with its unit: "97.68 %"."""
        text = self.number(value)
        return f"{text} {self.unit}" if self.unit and text != "-" else text

    def size(self, difference: float, decimals: int | None = None) -> str:
        """Return the size of a difference with its unit and no sign: "1.2 points"."""
        return f"{self.number(abs(difference), decimals)} {self.difference_unit}".rstrip()

    def signed(self, difference: float, decimals: int | None = None) -> str:
        """Return a difference with sign and unit: "+0.1 points"."""
        text = self.number(difference, decimals)
        sign = "" if text.startswith("-") or not text.strip("0.") else "+"
        return f"{sign}{text} {self.difference_unit}".rstrip()

    def digits(self, half_width: float | None) -> int:
        """Return the decimals of a difference that its interval's half width can support."""
        width = self.scale * half_width if half_width is not None else math.nan
        if not math.isfinite(width) or width <= 0:
            return self.decimals
        first = math.floor(math.log10(width))
        leading = width / 10**first
        return min(self.decimals, max(1, -first + (leading < 2)))


_PERCENT = {"unit": "%", "difference_unit": "points", "scale": 100.0, "decimals": 2}

METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", **_PERCENT),
    "minutes": Metric(
        "minutes", "min", "min", decimals=2, higher_is_better=False, title="mean error"
    ),
    "median_minutes": Metric(
        "median_minutes", "min", "min", decimals=2, higher_is_better=False, title="median error"
    ),
    "within_1_minute": Metric("within_1_minute", **_PERCENT),
    "within_5_minutes": Metric("within_5_minutes", **_PERCENT),
    "hour_flip_rate": Metric("hour_flip_rate", **_PERCENT, higher_is_better=False),
    "distance": Metric("distance", decimals=2, higher_is_better=False, title="Fréchet distance"),
    "loss": Metric("loss", higher_is_better=False),
    "seconds": Metric("seconds", "s", "s", decimals=2, higher_is_better=False),
}
"""The metrics with a unit; the order is that of preference for a study's main metric."""

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

    It is `plan["metric"]` when the plan names one, else the first of METRICS that some record has
    on validation and on test, else the first such metric by name, else "accuracy".
    """
    if plan.get("metric"):
        return _parts(str(plan["metric"]))[1]
    found: set[str] = set()
    for record in records:
        names = record.metrics
        found |= {n[5:] for n in names if n.startswith("test_") and f"val_{n[5:]}" in names}
    ordered = [name for name in METRICS if name in found] + sorted(found - set(METRICS))
    return ordered[0] if ordered else "accuracy"
