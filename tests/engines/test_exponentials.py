"""Functions without calls of the C library are as precise as those of NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from assay.engines.compiled.activations import CODES, activate, differentiate

EXACT = {
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}
POWERS = 10.0 ** np.arange(-30, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_precision(name, dtype):
    """Near 0, where 1 - e^x would lose all digits, and up to where e^x is almost 0."""
    x = np.concatenate([np.linspace(-60, 60, 9001), POWERS, -POWERS, [0]]).astype(dtype)
    y = x.copy()
    activate(CODES[name], y, 1)
    exact = EXACT[name](x.astype(np.longdouble))
    np.testing.assert_allclose(y, exact.astype(dtype), rtol=10 * np.finfo(dtype).eps, atol=1e-29)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "ends"),
    [("tanh", (-1, 1)), ("sigmoid", (0, 1)), ("elu", (-1, np.inf)), ("relu", (0, np.inf))],
)
def test_infinity_and_what_is_no_number(name, ends, dtype):
    """A run that diverges must be noticed."""
    y = np.array([-np.inf, np.inf, -500, np.nan], dtype)
    activate(CODES[name], y, 1)
    np.testing.assert_array_equal(y[:2], ends)
    assert y[2] == ends[0]
    assert np.isnan(y[3])


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_gelu(dtype, limit):
    x = np.linspace(-6, 6, 2001).astype(dtype)
    y, d = x.copy(), np.ones_like(x)
    activate(CODES["gelu"], y, 1)
    differentiate(CODES["gelu"], x, y, d, 1)
    share = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x])
    density = np.exp(-(x.astype(np.float64) ** 2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(y, x * share, atol=limit)
    np.testing.assert_allclose(d, share + x * density, atol=limit)


def test_softmax_of_what_differs_much():
    y = np.array([0, -1, -1000, np.log(2)], np.float32)
    activate(CODES["softmax"], y, 4)
    total = 1 + np.exp(-1) + 2
    np.testing.assert_allclose(y, [1 / total, np.exp(-1) / total, 0, 2 / total], rtol=1e-6)
