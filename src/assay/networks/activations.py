"""The activations, by their Keras names."""

from __future__ import annotations

from assay.core.config import Option
from assay.core.errors import NetworkError, unknown_name
from assay.core.options import choice

__all__ = ["ACTIVATIONS", "activation_option", "check_activation"]

ACTIVATIONS = (
    "linear",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "softmax",
)
"""leaky_relu has Keras's negative slope of 0.2, elu has alpha 1, and gelu is exact (erf)."""


def check_activation(name: str) -> None:
    """Raise NetworkError, with the nearest activation, if `name` is unknown."""
    if name not in ACTIVATIONS:
        raise NetworkError(unknown_name("activation", name, ACTIVATIONS))


def activation_option(default: str, help: str) -> Option:
    """Declare a setting that names an activation."""
    return choice(default, "activation", ACTIVATIONS, help=help, example="relu")
