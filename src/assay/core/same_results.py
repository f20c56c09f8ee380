"""Whether two records of one run have the same results."""

from __future__ import annotations

import math

import numpy as np

from assay.core.records import Record

__all__ = ["DIFFERENT", "EQUAL", "LIMITS", "ROUNDING", "agreement", "known_metrics"]

EQUAL, ROUNDING, DIFFERENT = "equal", "equal within rounding", "different"

LIMITS = {"float64": 1e-9, "float32": 1e-4, "bfloat16": 2e-2}
"""Relative difference of losses at the first evaluation that rounding may explain."""

_TIMES = ("step", "epoch", "seconds")
"""Curves that say when an evaluation was, not what it found."""


def agreement(stored: Record, again: Record) -> tuple[str, float]:
    """Compare two records of a run: EQUAL (all curves, metrics and predictions bit for bit),
    ROUNDING (the losses of the first evaluation agree as far as the precision goes) or DIFFERENT.

    Returns:
        The verdict, and the largest relative difference of a loss at the first evaluation; without
        losses, of the other curves.
    """
    first = _first_difference(stored, again)
    limit = LIMITS.get(str(again.provenance.get("precision")), LIMITS["float32"])
    if stored.status != again.status:
        return DIFFERENT, first
    return EQUAL if _equal(stored, again) else ROUNDING if first <= limit else DIFFERENT, first


def _first_difference(stored: Record, again: Record) -> float:
    """Return the largest relative difference at the first evaluation: of the losses or, without
    any, of the other curves; infinity if there are none."""
    shared = [name for name in stored.curves if name in again.curves and name not in _TIMES]
    losses = [name for name in shared if name == "loss" or name.endswith("_loss")]
    pairs = ((stored.curves[name][:1], again.curves[name][:1]) for name in losses or shared)
    return max((_relative(*pair) for pair in pairs), default=math.inf)


def known_metrics(stored: Record, again: Record) -> dict[str, float]:
    """Return the stored metrics, except a study's own whose function is not loaded now: these
    follow from the predictions."""
    computed = {*stored.provenance.get("metric_versions", {})} - {*again.metrics}
    return {name: value for name, value in stored.metrics.items() if name not in computed}


def _equal(a: Record, b: Record) -> bool:
    """Whether all results are equal, bit for bit."""
    curves = {name for name in a.curves if name != "seconds"}
    return (
        curves == {name for name in b.curves if name != "seconds"}
        and all(np.array_equal(a.curves[n], b.curves[n], equal_nan=True) for n in curves)
        and all(_same(b.metrics.get(name), value) for name, value in known_metrics(a, b).items())
        and all(
            name in b.predictions and np.array_equal(b.predictions[name], array)
            for name, array in a.predictions.items()
        )
    )


def _same(a: float | None, b: float) -> bool:
    """Whether two metrics are equal; NaN, which diverged losses have, is equal to NaN."""
    return a == b or (a is not None and math.isnan(a) and math.isnan(b))


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference of two numeric arrays, relative to the first; else infinity."""
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return math.inf
    finite = np.isfinite(a)
    scale = np.maximum(np.abs(a[finite]), 1e-12)
    return float(np.max(np.abs(a[finite] - b[finite]) / scale, initial=0.0))
