"""Values of settings: plain data of limited size, and numbers that every part can represent."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from assay.core.errors import ConfigError, brief

__all__ = [
    "MAX_DEPTH",
    "MAX_VALUES",
    "cannot_hold",
    "flatten",
    "inside",
    "plain_data",
    "shown",
    "span",
]

MAX_DEPTH = 50
"""Maximum nesting of lists and mappings."""

MAX_VALUES = 40_000
"""Maximum number of values in one study."""


def cannot_hold(value: object) -> str:
    """Return why a value cannot be used as a number, to follow it in a message; "" if it can.

    Whole numbers must fit into 64 bits. Denormal numbers are refused because PyTorch's workers
    compute with 0 instead of them.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "does not fit into 64 bits"
    if isinstance(value, float) and 0 < abs(value) < sys.float_info.min:
        return f"is a denormal number, closer to 0 than {sys.float_info.min:.3g}"
    return ""


def flatten(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield nested settings as (dotted name, value); lists stay as they are."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from flatten(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def shown(value: object) -> str:
    """Return the repr of a value for a message: shortened, and never an error."""
    if isinstance(value, int) and cannot_hold(value):
        return f"a number of {round(value.bit_length() * math.log10(2)):,} digits"
    try:
        return brief(repr(value))
    except Exception:  # of an unknown type, or with such a number inside
        return f"a value of type {type(value).__name__}"


def span(
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    """Describe a range of numbers, to follow "a number": " >= 0", " from 1 to 8", " in [0, 1)"."""
    least, most = (above if low is None else low), (below if high is None else high)
    if least is None:
        return "" if most is None else f" {'<' if high is None else '<='} {most}"
    if most is None:
        return f" {'>' if low is None else '>='} {least}"
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" in {'(' if low is None else '['}{least}, {most}{')' if high is None else ']'}"


def inside(
    value: float,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> bool:
    """Whether a number is in [low, high], above `above` and below `below`."""
    least, most = (low is None or value >= low), (high is None or value <= high)
    return least and most and (above is None or value > above) and (below is None or value < below)


def plain_data(value: object, name: str = "") -> Any:
    """Return a copy of Python data, restricted to what YAML can express.

    Tuples become lists, and NumPy numbers become Python numbers.

    Args:
        name: its name in messages.

    Raises:
        ConfigError: it contains other types, is nested too deep or has too many values.
    """
    return _Copier().copy(value, name, 0)


class _Copier:
    def __init__(self) -> None:
        self.count = 0

    def copy(self, value: Any, name: str, depth: int) -> Any:
        self.count += 1
        if depth >= MAX_DEPTH:
            raise ConfigError(
                f"{brief(name)}: this is nested too deeply: at most {MAX_DEPTH} levels"
            )
        if self.count > MAX_VALUES:
            raise ConfigError(f"{brief(name)}: a study has at most {MAX_VALUES:,} values")
        if isinstance(value, Mapping):
            return {
                self._key(k, name): self.copy(v, f"{name}.{k}".removeprefix("."), depth + 1)
                for k, v in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.copy(v, f"{name}[{i}]", depth + 1) for i, v in enumerate(value)]
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
            value = value.item()
        if value is None or isinstance(value, (str, bool)):
            return value
        if not isinstance(value, (int, float)):
            expected = "text, a number, true, false, a list or a mapping"
            raise ConfigError(f"{name} must be {expected}, got {shown(value)}")
        if said := cannot_hold(value):
            raise ConfigError(f"{name}: {shown(value)} {said}")
        return value

    def _key(self, key: Any, name: str) -> str:
        if key is None or isinstance(key, (str, int, float)):
            return str(key)
        raise ConfigError(f"{name or 'a study'}: a key must be text, got {shown(key)}")
