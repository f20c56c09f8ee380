"""Activations on rows, forward and backward; `numpy_engine.activations` has the formulas.

The backward pass uses y if possible, so that most functions can overwrite their input.
"""

from __future__ import annotations

from math import erf, pi, sqrt

import numpy as np

from assay.engines.compiled.compiling import compiled

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
def _sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e^-x), without overflow."""
    small = np.exp(-abs(x))
    return (1 if x > 0 else small) / (1 + small)


@compiled
def _softmax(x, y):  # type: ignore[no-untyped-def]
    top = x[0]
    for j in range(1, len(x)):
        top = max(top, x[j])
    total = x[0] * 0
    for j in range(len(x)):
        y[j] = np.exp(x[j] - top)
        total += y[j]
    for j in range(len(x)):
        y[j] /= total


@compiled
def activate(code, x, y, channels):  # type: ignore[no-untyped-def]
    """y = f(x) for one row; softmax acts on groups of `channels` numbers."""
    count, one = len(x), x.dtype.type(1)
    if code == _LINEAR:
        for j in range(count):
            y[j] = x[j]
    elif code == _RELU:
        for j in range(count):  # NaN stays NaN
            y[j] = 0 if x[j] <= 0 else x[j]
    elif code == _LEAKY_RELU:
        slope = x.dtype.type(_SLOPE)
        for j in range(count):
            y[j] = x[j] if x[j] > 0 else slope * x[j]
    elif code == _ELU:
        for j in range(count):
            y[j] = x[j] if x[j] > 0 else np.expm1(x[j])
    elif code == _GELU:
        half, root = x.dtype.type(0.5), x.dtype.type(_HALF_ROOT)
        for j in range(count):
            y[j] = half * x[j] * (one + x.dtype.type(erf(x[j] * root)))
    elif code == _SILU:
        for j in range(count):
            y[j] = x[j] * _sigmoid(x[j])
    elif code == _SIGMOID:
        for j in range(count):
            y[j] = _sigmoid(x[j])
    elif code == _TANH:
        for j in range(count):
            y[j] = np.tanh(x[j])
    else:
        for start in range(0, count, channels):
            _softmax(x[start : start + channels], y[start : start + channels])


@compiled
def differentiate(code, x, y, d, channels):  # type: ignore[no-untyped-def]
    """Replace dL/dy in d by dL/dx, for one row."""
    count, one = len(x), x.dtype.type(1)
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
            share = half * (one + x.dtype.type(erf(x[j] * root)))
            d[j] *= share + x[j] * density * np.exp(-half * x[j] * x[j])
    elif code == _SILU:
        for j in range(count):
            s = _sigmoid(x[j])
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
