"""Family `mlp`: dense layers one after another.

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 10: 300 and
100 ReLU units.
"""

from __future__ import annotations

from assay.core.records import Spec
from assay.networks.families import FAMILIES, Family
from assay.networks.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Shape
from assay.networks.options import ACTIVATION, BATCH_NORM, WEIGHTS, rate, styled, widths

__all__ = ["dense_layers"]


def dense_layers(units: list[int], dropout: float, options: Spec) -> list[Layer]:
    """Dense -> batch norm (optional) -> activation -> dropout (optional), for each width."""
    layers: list[Layer] = []
    for width in units:
        layers.append(Dense(width, **styled(options)))
        layers += [BatchNorm()] if options["batch_norm"] else []
        layers.append(Activation(options["activation"]))
        layers += [Dropout(dropout)] if dropout else []
    return layers


def _trunk(options: Spec, image_shape: Shape) -> tuple[Layer, ...]:
    return (Flatten(), *dense_layers(options["hidden"], options["dropout"], options))


_OPTIONS = {
    "hidden": widths([300, 100], help="Units of each hidden layer."),
    "activation": ACTIVATION,
    "dropout": rate(0.0, help="Dropout after each hidden layer."),
    "batch_norm": BATCH_NORM,
    **WEIGHTS,
}

FAMILIES.add("mlp")(Family(_OPTIONS, _trunk))
