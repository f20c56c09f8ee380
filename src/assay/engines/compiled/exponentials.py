"""e^x for x <= 0 and functions that follow from it, without calls of the C library.

A call keeps the compiler from handling several numbers at a time, and takes ten times as long as a
product. With n the whole number nearest to x / ln 2 and r = x - n ln 2, so that |r| <= ln 2 / 2,

    e^x = 2^n e^r = 2^n + 2^n p,    p = e^r - 1 by its Taylor polynomial,

where 2^n is made from its bits. p keeps its relative precision near 0, and so do e^x - 1 and tanh.

References:
    W. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980, for ln 2 in two
    parts, of which the first has so few digits that its product with n is exact.
"""

from __future__ import annotations

import math
from math import log
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from assay.engines.compiled.compiling import exactly

__all__ = ["constants", "erf", "exp", "expm1", "sigmoid", "tanh"]

_LOWEST = -87.0
"""e^x counts as 0 below; the smallest normal float32 is e^-87.3."""

_PER_OCTAVE, _HIGH = 1 / log(2), 0.693359375
_LOW = log(2) - _HIGH

_ERF = 0.3275911, 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429


def _make_power(typing: Any, n: Any) -> Any:
    """2^n for a whole number n in floating point, if the power is a normal number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double = signature.return_type == types.float64
        bits, bias, shift = (64, 1023, 52) if double else (32, 127, 23)
        whole = ir.IntType(bits)
        biased = builder.add(builder.fptosi(arguments[0], whole), whole(bias))
        number = ir.DoubleType() if double else ir.FloatType()
        return builder.bitcast(builder.shl(biased, whole(shift)), number)

    return n(n), generate


_power_of_two: Any = intrinsic(_make_power)


@exactly
def constants(like):  # type: ignore[no-untyped-def]
    """The constants of the other functions, in the number format of an array."""
    t = like.dtype.type
    return (
        t(0), t(1), t(2), t(_LOWEST), t(_PER_OCTAVE), t(_HIGH), t(_LOW),
        t(1 / 2), t(1 / 6), t(1 / 24), t(1 / 120), t(1 / 720), t(1 / 5040), t(1 / 40320),
        t(1 / 362880), t(1 / 3628800), t(1 / 39916800), t(1 / 479001600), t(1 / 6227020800),
    )  # fmt: skip


@exactly
def _parts(x, c):  # type: ignore[no-untyped-def]
    """2^n and p of e^x for x <= 0; x below the lowest, or not a number, counts as the lowest."""
    x = x if x > c[3] else c[3]
    n = np.rint(x * c[4])
    r = x - n * c[5] - n * c[6]
    p = c[17] + r * c[18]
    p = c[13] + r * (c[14] + r * (c[15] + r * (c[16] + r * p)))
    p = c[7] + r * (c[8] + r * (c[9] + r * (c[10] + r * (c[11] + r * (c[12] + r * p)))))
    return _power_of_two(n), r + r * r * p


@exactly
def exp(x, c):  # type: ignore[no-untyped-def]
    """e^x for x <= 0."""
    power, p = _parts(x, c)
    found = power + power * p if x > c[3] else c[0]
    return found if x == x else x


@exactly
def expm1(x, c):  # type: ignore[no-untyped-def]
    """e^x - 1 for x <= 0."""
    power, p = _parts(x, c)
    return power * p + (power - c[1]) if x == x else x


@exactly
def tanh(x, c):  # type: ignore[no-untyped-def]
    """(1 - e^-2|x|) / (1 + e^-2|x|), with the sign of x."""
    small = expm1(-c[2] * abs(x), c)
    size = small / (small + c[2])
    return -size if x > c[0] else size


@exactly
def sigmoid(x, c):  # type: ignore[no-untyped-def]
    """1 / (1 + e^-x)."""
    small = exp(-abs(x), c)
    return (c[1] if x > c[0] else small) / (c[1] + small)


def erf(x, c):  # type: ignore[no-untyped-def]
    """The error function, in float32 within 2e-7; see `_erf`."""
    raise NotImplementedError  # this is its name in compiled code


@overload(erf, jit_options={"fastmath": {"contract"}, "error_model": "numpy"}, inline="always")
def _erf(x, c):  # type: ignore[no-untyped-def]
    """The C library's in float64; in float32 a polynomial, which several numbers take at a time.

    References:
        M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 1964, 7.1.26.
    """
    if x != types.float32:
        return lambda x, c: math.erf(x)
    p, a, b, d, e, f = map(np.float32, _ERF)

    def found(x, c):  # type: ignore[no-untyped-def]
        t = c[1] / (c[1] + p * abs(x))
        rest = t * (a + t * (b + t * (d + t * (e + t * f)))) * exp(-x * x, c)
        size = c[1] - rest
        return size if x > c[0] else -size

    return found
