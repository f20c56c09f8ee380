"""Options that several network families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.core.config import Option
from assay.core.options import flag, integer, listed, number
from assay.core.records import Spec
from assay.networks.activations import activation_option
from assay.networks.initializers import Initializer, initializer_option
from assay.networks.regularizers import Regularizer, regularizer_option

__all__ = ["ACTIVATION", "BATCH_NORM", "WEIGHTS", "blocks", "rate", "size", "styled", "widths"]


def rate(default: float, *, help: str) -> Option:
    """A dropout rate in [0, 1)."""
    return number(default, low=0, below=1, noun="a rate", help=help)


def size(default: int | None, *, help: str, example: object = None) -> Option:
    """A whole number >= 1."""
    return integer(default, low=1, help=help, example=example)


def widths(default: list[int], *, help: str, example: object = None) -> Option:
    """A list of whole numbers >= 1; one number stands for a list of one."""
    return listed(integer(low=1, help=help), default, help=help, example=example)


def blocks(default: list[list[int]], *, help: str) -> Option:
    """A list of blocks; a plain number is a block of one convolution."""
    return listed(widths([], help=help), default, help=help, one=False)


ACTIVATION = activation_option("relu", "Activation after each hidden layer.")

BATCH_NORM = flag(help="Batch normalization before each activation.")

WEIGHTS = {
    "kernel_initializer": initializer_option(
        "glorot_uniform", "Initializer of all kernels, including those of the heads.", plain=True
    ),
    "bias_initializer": initializer_option("zeros", "Initializer of all biases.", plain=True),
    "kernel_regularizer": regularizer_option(
        None, "Penalty on all kernels, including those of the heads.", plain=True
    ),
}
"""Options for all kernels and biases of a network, the heads included."""

_PARSERS: dict[str, Callable[[Any], Any]] = {
    "kernel_initializer": Initializer.parse,
    "bias_initializer": Initializer.parse,
    "kernel_regularizer": Regularizer.parse,
}


def styled(options: Spec) -> Spec:
    """Return keyword arguments of Dense and Conv2D from the options in WEIGHTS."""
    return {name: parse(options[name]) for name, parse in _PARSERS.items() if name in options}
