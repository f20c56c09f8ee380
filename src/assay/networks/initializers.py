"""Initial weights as in Keras, and dirac's, drawn by NumPy so that every engine starts from equal
weights."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod, sqrt
from typing import Any

import numpy as np

from assay.core.config import Entry, Option
from assay.core.errors import NetworkError, unknown_name
from assay.core.options import REQUIRED, choice, named_schema, number, options_of
from assay.networks.description import check, free

__all__ = ["INITIALIZERS", "Initializer", "initializer_option", "plain_initializer"]

# name -> (scale, fan, distribution) of Keras's VarianceScaling
_SCALING = {
    "glorot_uniform": (1.0, "avg", "uniform"),
    "glorot_normal": (1.0, "avg", "truncated"),
    "he_uniform": (2.0, "in", "uniform"),
    "he_normal": (2.0, "in", "truncated"),
    "lecun_uniform": (1.0, "in", "uniform"),
    "lecun_normal": (1.0, "in", "truncated"),
}
INITIALIZERS = ("zeros", "ones", "dirac", "random_normal", "random_uniform", *sorted(_SCALING))

# standard deviation of a standard normal cut at two standard deviations
_TRUNCATED_STD = 0.87962566103423978


@dataclass(frozen=True)
class Initializer:
    """The initializer of a layer's weights.

    Args:
        name: one of INITIALIZERS.
        stddev: standard deviation of "random_normal".
        limit: "random_uniform" draws from [-limit, limit).
        scale: factor on the variance of the glorot, he and lecun families.

    "dirac" makes a convolution start as the identity: filter i passes on channel i. The filters
    beyond the number of channels and dense kernels are uniform within 1 / sqrt(fan-in) of 0, and
    biases are 0.

    References:
        X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015; Y. LeCun et al., "Efficient
        BackProp", 1998; S. Zagoruyko and N. Komodakis, "DiracNets", 2017 (dirac).
    """

    name: str = free(
        choice(REQUIRED, "initializer", INITIALIZERS, help="The initializer.", example="he_normal")
    )
    stddev: float = free(
        number(0.05, low=0, help="`random_normal`: the standard deviation of the weights.")
    )
    limit: float = free(
        number(0.05, low=0, help="`random_uniform`: weights are drawn from -limit to limit.")
    )
    scale: float = free(
        number(1.0, low=0, help="Glorot, He and LeCun: factor of the variance of the weights.")
    )

    def __post_init__(self) -> None:
        if self.name not in INITIALIZERS:
            raise NetworkError(unknown_name("initializer", self.name, INITIALIZERS))
        check(self, f"initializer {self.name}")

    @classmethod
    def parse(cls, data: object) -> Initializer:
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
        if self.name == "dirac":
            return _dirac(shape, rng)
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
    """Return fan-in and fan-out, with the receptive field of a convolution."""
    if len(shape) == 1:
        return shape[0], shape[0]
    field = prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _uniform(shape: tuple[int, ...], limit: float, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(shape, np.float32) * 2 - 1) * np.float32(limit)


def _dirac(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw a kernel whose first filters pass on one channel each; see `Initializer`."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    drawn = _uniform(shape, 1 / sqrt(_fans(shape)[0]), rng)
    if len(shape) > 2:
        passing = range(min(shape[-2:]))
        drawn[..., passing] = 0
        middle = tuple((side - 1) // 2 for side in shape[:-2])
        drawn[(*middle, passing, passing)] = 1
    return drawn


def _truncated(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw standard normal numbers, redrawing those beyond two standard deviations."""
    draw = rng.standard_normal(shape, np.float32)
    beyond = np.abs(draw) > 2
    while beyond.any():
        draw[beyond] = rng.standard_normal(int(beyond.sum()), np.float32)
        beyond = np.abs(draw) > 2
    return draw


_SETTINGS = {
    "random_normal": "stddev",
    "random_uniform": "limit",
    "zeros": None,
    "ones": None,
    "dirac": None,
}


def plain_initializer(initializer: Initializer) -> str | dict[str, str | float]:
    """Return the shortest data for an initializer: its name, or {"name", setting}."""
    setting = _SETTINGS.get(initializer.name, "scale")
    default = Initializer(initializer.name)
    if setting is None or getattr(initializer, setting) == getattr(default, setting):
        return initializer.name
    return {"name": initializer.name, setting: float(getattr(initializer, setting))}


def _read(entry: Entry) -> Initializer:
    """Read a name or {name, stddev | limit | scale}; settings of other initializers are refused."""
    if not isinstance(entry.value, dict):
        return Initializer.parse(entry.value)
    if "name" not in entry.value:
        raise entry.error(f"an initializer needs a name, one of: {', '.join(INITIALIZERS)}")
    name = entry["name"].choice("initializer", INITIALIZERS)
    setting = _SETTINGS.get(name, "scale")
    known = {key: option for key, option in options_of(Initializer).items() if key == setting}
    given = entry.keys(f"setting of initializer {name}", ["name", *known])
    read = {key: known[key].read(given[key]) for key in given if key != "name"}
    return Initializer(name, **read)


def _schema() -> dict[str, Any]:
    known = options_of(Initializer)
    tables = {name: _SETTINGS.get(name, "scale") for name in INITIALIZERS}
    return named_schema("name", {name: {s: known[s]} if s else {} for name, s in tables.items()})


def initializer_option(default: object, help: str, *, plain: bool = False) -> Option:
    """Declare a setting that is an initializer's name or {name: ..., stddev | limit | scale: ...}.

    Args:
        plain: read it into plain data instead of an `Initializer`.
    """

    def read(entry: Entry) -> Any:
        return plain_initializer(_read(entry)) if plain else _read(entry)

    said = "an initializer, or `{name: random_normal, stddev: 0.01}`"
    return Option(read, default, help, _schema, said, "he_normal")
