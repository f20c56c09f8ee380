"""Initial weights, as Keras defines them, drawn by NumPy so that every engine starts equal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod, sqrt
from typing import Any

import numpy as np

from assay.core.errors import NetworkError, unknown_name
from assay.networks.description import free

__all__ = ["INITIALIZERS", "Initializer"]

# name -> (scale, fan, distribution) of Keras's VarianceScaling
_SCALING = {
    "glorot_uniform": (1.0, "avg", "uniform"),
    "glorot_normal": (1.0, "avg", "truncated"),
    "he_uniform": (2.0, "in", "uniform"),
    "he_normal": (2.0, "in", "truncated"),
    "lecun_uniform": (1.0, "in", "uniform"),
    "lecun_normal": (1.0, "in", "truncated"),
}
INITIALIZERS = ("zeros", "ones", "random_normal", "random_uniform", *sorted(_SCALING))

# standard deviation of a standard normal cut at two standard deviations
_TRUNCATED_STD = 0.87962566103423978


@dataclass(frozen=True)
class Initializer:
    """How the weights of a layer start.

    Args:
        name: one of INITIALIZERS.
        stddev: standard deviation of "random_normal".
        limit: "random_uniform" draws from [-limit, limit).
        scale: factor on the variance of the glorot, he and lecun families.

    References:
        X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015; Y. LeCun et al., "Efficient
        BackProp", 1998.
    """

    name: str = free()
    stddev: float = free(0.05)
    limit: float = free(0.05)
    scale: float = free(1.0)

    def __post_init__(self) -> None:
        if self.name not in INITIALIZERS:
            raise NetworkError(unknown_name("initializer", self.name, INITIALIZERS))
        for name in ("stddev", "limit", "scale"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, (int, float)) or number < 0:
                raise NetworkError(f"initializer {self.name}: {name} must be >= 0, got {number!r}")

    @classmethod
    def parse(cls, data: Any) -> Initializer:
        """Read a name or {name: ..., stddev | limit | scale: ...}."""
        if isinstance(data, str):
            return cls(data)
        if isinstance(data, dict) and "name" in data:
            known = [f.name for f in fields(cls)]
            for key in data:
                if key not in known:
                    raise NetworkError(unknown_name("setting of an initializer", key, known))
            return cls(**data)
        raise NetworkError(f"an initializer must be a name or {{name: ...}}, got {data!r}")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw a float32 array of `shape`: (..., in, out) for a kernel, (out,) for a bias."""
        if self.name in ("zeros", "ones"):
            return np.full(shape, float(self.name == "ones"), np.float32)
        if self.name == "random_normal":
            return rng.standard_normal(shape, np.float32) * np.float32(self.stddev)
        if self.name == "random_uniform":
            return _uniform(shape, self.limit, rng)
        scale, fan, distribution = _SCALING[self.name]
        fan_in, fan_out = _fans(shape)
        variance = self.scale * scale / (fan_in if fan == "in" else (fan_in + fan_out) / 2)
        if distribution == "uniform":
            return _uniform(shape, sqrt(3 * variance), rng)
        return _truncated(shape, rng) * np.float32(sqrt(variance) / _TRUNCATED_STD)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of one unit, counting the receptive field of a convolution."""
    if len(shape) == 1:
        return shape[0], shape[0]
    field = prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _uniform(shape: tuple[int, ...], limit: float, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(shape, np.float32) * 2 - 1) * np.float32(limit)


def _truncated(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers, those beyond two standard deviations drawn again."""
    draw = rng.standard_normal(shape, np.float32)
    beyond = np.abs(draw) > 2
    while beyond.any():
        draw[beyond] = rng.standard_normal(int(beyond.sum()), np.float32)
        beyond = np.abs(draw) > 2
    return draw
