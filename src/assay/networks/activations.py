"""The activations that assay knows, by their Keras names."""

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
"""leaky_relu has Keras's negative slope of 0.2, elu alpha 1, gelu is the exact one (erf)."""


def check_activation(name: str) -> None:
    """Raise NetworkError, naming the nearest activation, unless `name` is one."""
    if name not in ACTIVATIONS:
        raise NetworkError(unknown_name("activation", name, ACTIVATIONS))


def activation_option(default: str, help: str) -> Option:
    """A setting that names an activation."""
    return choice(default, "activation", ACTIVATIONS, help=help, example="relu")
