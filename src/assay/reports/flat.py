"""Rows for files: here estimates, intervals and effects become columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from assay.statistics import Comparison, Effect, Estimate, Interval

__all__ = ["Row", "flat", "plain"]

Row = Mapping[str, Any]
"""A row by column name: plain values, and those that `flat` splits; None for no value."""

_ESTIMATED = ("mean", "low", "high", "std", "median", "minimum", "maximum")


def flat(row: Row) -> dict[str, Any]:
    """Return a row with plain values only.

    An estimate `x` becomes x (its mean), x_low, x_high, x_std, x_median, x_minimum and x_maximum,
    an interval x, x_low and x_high; a comparison and an effect become columns of their own names.
    """
    found: dict[str, Any] = {}
    for name, value in row.items():
        found |= _columns(name, value)
    return found


def plain(value: object) -> Any:
    """Return a number for JSON: NaN and infinity become None, NumPy numbers Python numbers."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _columns(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Estimate):
        return {(name if k == "mean" else f"{name}_{k}"): plain(getattr(value, k))
                for k in _ESTIMATED}  # fmt: skip
    if isinstance(value, Interval):
        ends = {f"{name}_low": plain(value.low), f"{name}_high": plain(value.high)}
        return {name: plain(value.value), **ends}
    if isinstance(value, Comparison):
        return flat(vars(value))
    if isinstance(value, Effect):
        return flat(_effect(value))
    return {name: plain(value)}


def _effect(effect: Effect) -> Row:
    c = effect.comparison
    return {
        "factor": effect.factor,
        "level": effect.level,
        "against": effect.against,
        "where": dict(effect.where),
        "pooled": effect.pooled,
        "metric": effect.metric,
        "n": c.n,
        "paired": c.paired,
        "test": c.test,
        "difference": c.difference,
        "low": c.low,
        "high": c.high,
        "p": c.p,
        "p_adjusted": effect.p_adjusted,
        "family": effect.family,
        "confidence": effect.confidence,
        "p_better": c.p_better,
        "meaningful": c.meaningful,
        "verdict": effect.verdict,
        "equivalence": effect.equivalence,
        "diverged": sum(effect.diverged.values()),
        "left_out": sum(effect.left_out.values()),
        "note": c.note,
    }
