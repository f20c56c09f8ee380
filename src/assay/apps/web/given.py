"""Numbers that a page sent: JSON has whole numbers of any length, nan and infinity."""

from __future__ import annotations

import math

from assay.core.errors import ConfigError, brief

__all__ = ["number", "whole"]


def number(given: object, name: str, low: float, high: float) -> float:
    """Return a number, moved into its range.

    Raises:
        ConfigError: it is not a finite number.
    """
    # math.isfinite raises an error for a whole number that no float can hold
    if (
        isinstance(given, int | float)
        and not isinstance(given, bool)
        and -math.inf < given < math.inf
    ):
        return min(max(given, low), high)
    raise ConfigError(f"{name} must be a number, got {brief(repr(given))}")


def whole(given: object, name: str, low: int = 0, high: int = 2**31 - 1) -> int:
    """Return a whole number from its range.

    Raises:
        ConfigError: it is not one.
    """
    if isinstance(given, int) and not isinstance(given, bool) and low <= given <= high:
        return given
    expected = f"a whole number from {low} to {high}"
    raise ConfigError(f"{name} must be {expected}, got {brief(repr(given))}")
