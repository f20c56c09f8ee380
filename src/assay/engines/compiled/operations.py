"""Forward and backward passes of layers: pieces with one signature, called by their address.

Each receives pointers to a member's arrays (`work`, `weights`, `moving`, the optimizer's states
`first` and `second`, `scratch`, `keys`), its row of the tape's table (`t`) and numbers (`f`),
and the values of the step (`n`); see `tape` for the columns of all three. In the backward pass, a
layer updates its weights as soon as the old ones are no longer needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types

from assay.engines.compiled.activations import activate, differentiate
from assay.engines.compiled.compiling import Piece, compiled
from assay.engines.compiled.layers import (
    add_bias,
    batch_norm,
    batch_norm_backward,
    copy,
    draw_mask,
    multiply,
    sum_rows,
)
from assay.engines.compiled.products import forward, input_gradient, transposed, update_kernel
from assay.engines.compiled.tape import (
    ACTIVATION,
    AUX,
    BATCH_NORM,
    CHANNELS,
    CODE,
    DEEP,
    DENSE,
    DROPOUT,
    DX,
    DY,
    EPSILON,
    INPUTS,
    INVERSE,
    KEY,
    MEMORIES,
    MOMENTUM,
    MOVING,
    NEEDED,
    NUMBERS_AT,
    OUTPUTS,
    PIECE_AT,
    PRODUCT_AT,
    ROW_COUNT,
    RULE,
    SCALE,
    SHIFT,
    SMALL_AT,
    THRESHOLD,
    TRAINING,
    TURNED_ROW,
    UPDATES,
    WEIGHT,
    X_AT,
    X_ROW,
    Y_AT,
    Y_ROW,
)
from assay.engines.compiled.tiles import call_rule

__all__ = ["BACKWARD", "FORWARD"]

_ENDLESS = 1 << 40
"""Declared length of arrays whose length is not needed."""


@compiled
def _arrays(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    return (
        carray(work, _ENDLESS),
        carray(weights, _ENDLESS),
        carray(moving, _ENDLESS),
        carray(first, _ENDLESS),
        carray(second, _ENDLESS),
        carray(scratch, _ENDLESS),
        carray(keys, _ENDLESS),
        carray(t, _ENDLESS),
        carray(f, _ENDLESS),
        carray(n, _ENDLESS),
    )


def _dense(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, weights, _, _, _, _, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    rows, outputs, shift = n[ROW_COUNT], t[OUTPUTS], t[SHIFT]
    forward(
        work, t[X_AT], t[X_ROW], rows, weights, t[WEIGHT], t[INPUTS], t[DEEP], outputs,
        work, t[Y_AT], t[Y_ROW],
    )  # fmt: skip
    if shift >= 0:
        add_bias(work, t[Y_AT], t[Y_ROW], rows, weights[shift : shift + outputs])


def _dense_back(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, weights, _, first, second, scratch, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    rows, inputs, outputs, deep, shift = n[ROW_COUNT], t[INPUTS], t[OUTPUTS], t[DEEP], t[SHIFT]
    if n[NEEDED]:
        transposed(work, t[DY], t[Y_ROW], rows, outputs, scratch, 0, n[TURNED_ROW])
        input_gradient(
            scratch, 0, n[TURNED_ROW], rows, weights, t[WEIGHT], inputs, deep, outputs,
            scratch, n[PRODUCT_AT], work, t[DX], t[X_ROW],
        )  # fmt: skip
    update_kernel(
        work, t[X_AT], t[X_ROW], rows, work, t[DY], t[Y_ROW], weights, first, second, t[WEIGHT],
        deep, outputs, scratch, n[PIECE_AT], n[RULE], n[NUMBERS_AT], n[MEMORIES],
    )  # fmt: skip
    if shift >= 0:
        small = n[SMALL_AT]
        sum_rows(work, t[DY], t[Y_ROW], rows, scratch[small : small + outputs])
        _update(weights, first, second, scratch, n, shift, small, outputs)


@compiled
def _update(weights, first, second, scratch, n, at, gradient, count):  # type: ignore[no-untyped-def]
    """Update a bias, gamma or beta."""
    call_rule(
        n[RULE], weights, at, scratch, gradient, first, at if n[MEMORIES] > 0 else 0,
        second, at if n[MEMORIES] > 1 else 0, count, scratch, n[NUMBERS_AT] + 8,
    )  # fmt: skip


def _activation(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, _, _, _, _, _, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    for i in range(n[ROW_COUNT]):
        x, y = t[X_AT] + i * t[X_ROW], t[Y_AT] + i * t[Y_ROW]
        copy(work, x, y, t[INPUTS])
        activate(t[CODE], work[y : y + t[INPUTS]], t[CHANNELS])


def _activation_back(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, _, _, _, _, _, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    for i in range(n[ROW_COUNT]):
        x, y, d = t[X_AT] + i * t[X_ROW], t[Y_AT] + i * t[Y_ROW], t[DY] + i * t[Y_ROW]
        source, found, gradient = (
            work[x : x + t[INPUTS]],
            work[y : y + t[INPUTS]],
            work[d : d + t[INPUTS]],
        )
        differentiate(t[CODE], source, found, gradient, t[CHANNELS])


def _dropout(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, _, _, _, _, _, keys, t, f, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    rows, features, row = n[ROW_COUNT], t[INPUTS], t[X_ROW]
    if n[TRAINING]:
        limit, key = np.int16(t[THRESHOLD]), keys[t[KEY]]
        draw_mask(
            key, n[UPDATES], limit, f[SCALE], rows, work, t[AUX], features, t[CHANNELS], row
        )  # fmt: skip
        multiply(work, t[X_AT], t[AUX], t[Y_AT], row, rows, features)
    else:
        for i in range(rows):
            copy(work, t[X_AT] + i * row, t[Y_AT] + i * row, features)


def _dropout_back(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, _, _, _, _, _, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    multiply(work, t[DY], t[AUX], t[DY], t[X_ROW], n[ROW_COUNT], t[INPUTS])


def _batch_norm(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, weights, moving, _, _, _, _, t, f, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    c, mean, inverse = t[CHANNELS], t[MOVING], t[INVERSE]
    batch_norm(
        work, t[X_AT], t[X_ROW], t[Y_AT], n[ROW_COUNT], t[INPUTS],
        weights[t[WEIGHT] : t[WEIGHT] + c], weights[t[SHIFT] : t[SHIFT] + c],
        moving[mean : mean + c], moving[mean + c : mean + 2 * c], t[AUX],
        work[inverse : inverse + c], work[inverse + c : inverse + 2 * c],
        work[inverse + 2 * c : inverse + 3 * c], f[MOMENTUM], f[EPSILON], n[TRAINING],
    )  # fmt: skip


def _batch_norm_back(work, weights, moving, first, second, scratch, keys, t, f, n):  # type: ignore[no-untyped-def]
    work, weights, _, first, second, scratch, _, t, _, n = _arrays(
        work, weights, moving, first, second, scratch, keys, t, f, n
    )
    c, inverse, small = t[CHANNELS], t[INVERSE], n[SMALL_AT]
    batch_norm_backward(
        work, t[DY], t[AUX], t[X_ROW], n[ROW_COUNT], t[INPUTS],
        weights[t[WEIGHT] : t[WEIGHT] + c], work[inverse : inverse + c],
        scratch[small : small + c], scratch[small + c : small + 2 * c], n[NEEDED],
    )  # fmt: skip
    _update(weights, first, second, scratch, n, t[WEIGHT], small, c)
    _update(weights, first, second, scratch, n, t[SHIFT], small + c, c)


def _signature(number: Any) -> Any:
    array, whole = types.CPointer(number), types.CPointer(types.int64)
    keys = types.CPointer(types.uint64)
    return types.void(array, array, array, array, array, array, keys, whole, array, whole)


FORWARD = {
    DENSE: Piece(_dense, _signature),
    ACTIVATION: Piece(_activation, _signature),
    DROPOUT: Piece(_dropout, _signature),
    BATCH_NORM: Piece(_batch_norm, _signature),
}
BACKWARD = {
    DENSE: Piece(_dense_back, _signature),
    ACTIVATION: Piece(_activation_back, _signature),
    DROPOUT: Piece(_dropout_back, _signature),
    BATCH_NORM: Piece(_batch_norm_back, _signature),
}
"""Kind of operation -> its piece."""
