"""Family `mlp`: dense layers one after another.

By default the network of A. Géron, "Hands-On Machine Learning", 3rd ed. 2022, chapter 10: 300 and
100 ReLU units.
"""

from __future__ import annotations

from assay.core.options import number
from assay.core.records import Spec
from assay.networks.families import FAMILIES, Family
from assay.networks.generator_layers import GaussianNoise
from assay.networks.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Shape
from assay.networks.options import ACTIVATION, BATCH_NORM, WEIGHTS, rate, styled, widths

__all__ = ["dense_layers"]


def dense_layers(units: list[int], dropout: float, options: Spec) -> list[Layer]:
    """Dense -> batch norm -> noise -> activation -> dropout, for each width; all but dense layers
    and activations only if the options have them."""
    noise = options.get("gaussian_noise")
    layers: list[Layer] = []
    for width in units:
        layers.append(Dense(width, **styled(options)))
        layers += [BatchNorm()] if options["batch_norm"] else []
        layers += [GaussianNoise(noise)] if noise else []
        layers.append(Activation(options["activation"]))
        layers += [Dropout(dropout)] if dropout else []
    return layers


def _trunk(options: Spec, image_shape: Shape) -> tuple[Layer, ...]:
    noise = options["input_gaussian_noise"]
    hidden = dense_layers(options["hidden"], options["dropout"], options)
    return (Flatten(), *([GaussianNoise(noise)] if noise else []), *hidden)


def _settle(options: Spec, usual: Spec) -> Spec:
    # not the activation, which is part of the names of stored runs without hidden layers
    idle = () if options["hidden"] else ("dropout", "batch_norm", "gaussian_noise")
    return {**options, **{name: usual[name] for name in idle}}


_OPTIONS = {
    "hidden": widths([300, 100], help="Units of each hidden layer."),
    "activation": ACTIVATION,
    "dropout": rate(0.0, help="Dropout after each hidden layer."),
    "batch_norm": BATCH_NORM,
    "gaussian_noise": number(
        0.0,
        low=0,
        help="Standard deviation of Gaussian noise before each activation, in training.",
        example=0.3,
    ),
    "input_gaussian_noise": number(
        0.0,
        low=0,
        help="Standard deviation of Gaussian noise on the images, after normalization.",
        example=1.0,
    ),
    **WEIGHTS,
}

FAMILIES.add("mlp")(Family(_OPTIONS, _trunk, settle=_settle))
