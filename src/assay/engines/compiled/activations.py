"""Activations on rows, forward and backward; `numpy_engine.activations` has the formulas.

The backward pass uses y if possible, so that most functions can overwrite their input.
"""

from __future__ import annotations

from math import pi, sqrt

from assay.engines.compiled.compiling import compiled
from assay.engines.compiled.exponentials import constants, erf, exp, expm1, sigmoid, tanh

__all__ = ["CODES", "NEEDS_INPUT", "activate", "differentiate"]

_LINEAR, _RELU, _LEAKY_RELU, _ELU, _GELU, _SILU, _SIGMOID, _TANH, _SOFTMAX = range(9)
CODES = {
    "linear": _LINEAR,
    "relu": _RELU,
    "leaky_relu": _LEAKY_RELU,
    "elu": _ELU,
    "gelu": _GELU,
    "silu": _SILU,
    "sigmoid": _SIGMOID,
    "tanh": _TANH,
    "softmax": _SOFTMAX,
}
NEEDS_INPUT = ("gelu", "silu")
"""Activations whose backward pass needs x; their y is a separate array."""

_SLOPE = 0.2  # Keras's leaky_relu
_HALF_ROOT, _DENSITY = sqrt(0.5), 1 / sqrt(2 * pi)


@compiled
def _softmax(y):  # type: ignore[no-untyped-def]
    c, top = constants(y), y[0]
    for j in range(1, len(y)):
        top = max(top, y[j])
    total = y[0] * 0
    for j in range(len(y)):
        y[j] = exp(y[j] - top, c)
        total += y[j]
    for j in range(len(y)):
        y[j] /= total


@compiled
def activate(code, y, channels):  # type: ignore[no-untyped-def]
    """y = f(y) for one row; softmax acts on groups of `channels` numbers.

    In place, because the compiler can handle several numbers at a time only where it knows that no
    write changes what is read later.
    """
    count, one, c = len(y), y.dtype.type(1), constants(y)
    if code == _RELU:
        for j in range(count):  # NaN stays NaN
            y[j] = 0 if y[j] <= 0 else y[j]
    elif code == _LEAKY_RELU:
        slope = y.dtype.type(_SLOPE)
        for j in range(count):
            y[j] = y[j] if y[j] > 0 else slope * y[j]
    elif code == _ELU:
        for j in range(count):
            y[j] = y[j] if y[j] > 0 else expm1(y[j], c)
    elif code == _GELU:
        half, root = y.dtype.type(0.5), y.dtype.type(_HALF_ROOT)
        for j in range(count):
            y[j] = half * y[j] * (one + erf(y[j] * root, c))
    elif code == _SILU:
        for j in range(count):
            y[j] = y[j] * sigmoid(y[j], c)
    elif code == _SIGMOID:
        for j in range(count):
            y[j] = sigmoid(y[j], c)
    elif code == _TANH:
        for j in range(count):
            y[j] = tanh(y[j], c)
    elif code == _SOFTMAX:
        for start in range(0, count, channels):
            _softmax(y[start : start + channels])


@compiled
def differentiate(code, x, y, d, channels):  # type: ignore[no-untyped-def]
    """Replace dL/dy in d by dL/dx, for one row."""
    count, one, c = len(x), x.dtype.type(1), constants(x)
    if code == _RELU:
        for j in range(count):
            d[j] = 0 if y[j] <= 0 else d[j]
    elif code == _LEAKY_RELU:
        slope = x.dtype.type(_SLOPE)
        for j in range(count):
            d[j] = d[j] if y[j] > 0 else slope * d[j]
    elif code == _ELU:
        for j in range(count):
            d[j] = d[j] if y[j] > 0 else d[j] * (y[j] + one)
    elif code == _GELU:
        half, root = x.dtype.type(0.5), x.dtype.type(_HALF_ROOT)
        density = x.dtype.type(_DENSITY)
        for j in range(count):
            share = half * (one + erf(x[j] * root, c))
            d[j] *= share + x[j] * density * exp(-half * x[j] * x[j], c)
    elif code == _SILU:
        for j in range(count):
            s = sigmoid(x[j], c)
            d[j] *= s * (one + x[j] * (one - s))
    elif code == _SIGMOID:
        for j in range(count):
            d[j] *= y[j] * (one - y[j])
    elif code == _TANH:
        for j in range(count):
            d[j] *= one - y[j] * y[j]
    elif code == _SOFTMAX:
        for start in range(0, count, channels):
            total = d[0] * 0
            for j in range(start, start + channels):
                total += d[j] * y[j]
            for j in range(start, start + channels):
                d[j] = y[j] * (d[j] - total)
