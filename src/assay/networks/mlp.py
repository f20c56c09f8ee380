"""Family `mlp`: dense layers one after another.

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 10: 300 and
100 ReLU units.
"""

from __future__ import annotations

from typing import Any

from assay.core.config import Option
from assay.networks.families import FAMILIES, Family
from assay.networks.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Shape
from assay.networks.options import (
    ACTIVATION,
    FLAG,
    RATE,
    WEIGHTS,
    WIDTHS,
    read_flag,
    read_rate,
    read_widths,
    styled,
)

__all__ = ["dense_layers"]


def dense_layers(widths: list[int], rate: float, options: dict[str, Any]) -> list[Layer]:
    """Dense -> batch norm (if wanted) -> activation -> dropout (if wanted), for each width."""
    layers: list[Layer] = []
    for units in widths:
        layers.append(Dense(units, **styled(options)))
        layers += [BatchNorm()] if options["batch_norm"] else []
        layers.append(Activation(options["activation"]))
        layers += [Dropout(rate)] if rate else []
    return layers


def _trunk(options: dict[str, Any], image_shape: Shape) -> tuple[Layer, ...]:
    return (Flatten(), *dense_layers(options["hidden"], options["dropout"], options))


_OPTIONS = {
    "hidden": Option(read_widths, [300, 100], WIDTHS, "units of each hidden layer"),
    "activation": ACTIVATION,
    "dropout": Option(read_rate, 0.0, RATE, "dropout rate after each hidden layer"),
    "batch_norm": Option(read_flag, False, FLAG, "batch normalization before each activation"),
    **WEIGHTS,
}

FAMILIES.add("mlp")(Family(_OPTIONS, _trunk))
