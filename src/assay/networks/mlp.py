"""Family `mlp`: dense layers one after another.

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 10: 300 and
100 ReLU units.
"""

from __future__ import annotations

from typing import Any

from assay.core.config import Option
from assay.networks.families import FAMILIES
from assay.networks.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Shape
from assay.networks.options import ACTIVATION, WEIGHTS, read_flag, read_rate, read_widths, styled

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


class _Mlp:
    """hidden: widths; dropout: rate after each hidden layer; batch_norm: before each activation."""

    options = {
        "hidden": Option(read_widths, [300, 100]),
        "activation": ACTIVATION,
        "dropout": Option(read_rate, 0.0),
        "batch_norm": Option(read_flag, False),
        **WEIGHTS,
    }

    def trunk(self, options: dict[str, Any], image_shape: Shape) -> tuple[Layer, ...]:
        return (Flatten(), *dense_layers(options["hidden"], options["dropout"], options))


FAMILIES.add("mlp")(_Mlp())
