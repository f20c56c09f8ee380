"""The metrics of generated pictures."""

from __future__ import annotations

from assay.core.metrics import Metric

__all__ = ["distance"]

distance = Metric(
    "distance", minimum=0.0, decimals=2, higher_is_better=False, title="Fréchet distance", rank=20
)
