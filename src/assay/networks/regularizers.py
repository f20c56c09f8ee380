"""Penalties on kernels: l1 * sum|w| + l2 * sum w^2, added to the loss, as Keras defines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.core.errors import NetworkError, unknown_name
from assay.networks.description import value

__all__ = ["Regularizer"]

_NAMED = {"none": (0.0, 0.0), "l1": (0.01, 0.0), "l2": (0.0, 0.01), "l1_l2": (0.01, 0.01)}


@dataclass(frozen=True)
class Regularizer:
    """Strengths l1, l2 >= 0 of the penalty on a kernel."""

    l1: float = value(0.0)
    l2: float = value(0.0)

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            strength = getattr(self, name)
            if isinstance(strength, bool) or not isinstance(strength, (int, float)) or strength < 0:
                raise NetworkError(f"kernel_regularizer: {name} must be >= 0, got {strength!r}")

    @classmethod
    def parse(cls, data: Any) -> Regularizer:
        """Read None, a Keras name ("l1", "l2", "l1_l2": 0.01 each) or {l1: ..., l2: ...}."""
        if data is None:
            return cls()
        if isinstance(data, str):
            if data not in _NAMED:
                raise NetworkError(unknown_name("kernel_regularizer", data, _NAMED))
            return cls(*_NAMED[data])
        if isinstance(data, dict):
            wrong = set(data) - {"l1", "l2"}
            if wrong:
                raise NetworkError(
                    unknown_name("setting of kernel_regularizer", min(wrong), ("l1", "l2"))
                )
            return cls(**{k: float(v) for k, v in data.items()})
        raise NetworkError(f"kernel_regularizer must be a name or {{l1, l2}}, got {data!r}")
