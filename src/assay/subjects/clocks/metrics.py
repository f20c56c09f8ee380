"""The metrics of reading clocks."""

from __future__ import annotations

from assay.core.metrics import PERCENT, Metric
from assay.subjects.clocks.time import HALF_DAY

__all__ = ["hour_flip_rate", "median_minutes", "minutes", "within_1_minute", "within_5_minutes"]

_MINUTES = {
    "unit": "min",
    "difference_unit": "min",
    "decimals": 2,
    "minimum": 0.0,
    "maximum": HALF_DAY / 2,  # the shorter way round the dial
    "higher_is_better": False,
}

minutes = Metric("minutes", **_MINUTES, title="mean error", rank=10)
median_minutes = Metric("median_minutes", **_MINUTES, title="median error", rank=11)
within_1_minute = Metric("within_1_minute", **PERCENT, higher_is_better=True, rank=12)
within_5_minutes = Metric("within_5_minutes", **PERCENT, higher_is_better=True, rank=13)
hour_flip_rate = Metric("hour_flip_rate", **PERCENT, higher_is_better=False, rank=14)
