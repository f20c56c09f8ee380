"""Activations with their derivatives, by PyTorch's kernels, with Keras's constants."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["FORWARD", "NOT_ZERO_AT_ZERO", "RISING", "backward"]

aten = torch.ops.aten
_SLOPE = 0.2  # Keras's leaky_relu; PyTorch's default is 0.01

FORWARD: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, _SLOPE),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: F.softmax(x, dim=-1),
}

RISING = ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh")
"""Monotonically increasing functions, which commute with a maximum."""

NOT_ZERO_AT_ZERO = ("sigmoid",)
"""Functions with f(0) != 0."""

_BACKWARD: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "linear": lambda d, x, y: d,
    "relu": lambda d, x, y: aten.threshold_backward(d, y, 0),
    "leaky_relu": lambda d, x, y: aten.leaky_relu_backward(d, x, _SLOPE, False),
    "elu": lambda d, x, y: aten.elu_backward(d, 1.0, 1.0, 1.0, False, x),
    "gelu": lambda d, x, y: aten.gelu_backward(d, x),
    "silu": lambda d, x, y: aten.silu_backward(d, x),
    "sigmoid": lambda d, x, y: aten.sigmoid_backward(d, y),
    "tanh": lambda d, x, y: aten.tanh_backward(d, y),
    "softmax": lambda d, x, y: aten._softmax_backward_data(d, y, -1, y.dtype),
}


def backward(name: str, d: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the gradient for input `x` of activation `name` with output `y`, given `d`."""
    return _BACKWARD[name](d, x, y)
