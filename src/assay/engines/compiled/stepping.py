"""Training and evaluation of one member by executing the table of operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types

from assay.engines.compiled.compiling import Piece, compiled
from assay.engines.compiled.layers import cross_entropy, gather, mix
from assay.engines.compiled.tape import (
    CALL_BACKWARD,
    CALL_FORWARD,
    DY,
    NEEDED,
    NUMBERS_AT,
    OUTPUTS,
    ROW_COUNT,
    RULE_NUMBERS,
    TRAINING,
    UPDATES,
    Y_AT,
    Y_ROW,
)
from assay.engines.compiled.tiles import call, flush_denormals, treat_denormals

__all__ = ["LOSS", "TAKE", "evaluate", "train"]

_ENDLESS = 1 << 40


def _take(bytes_, floats, count, index, rows, shift, scale, size, moves, moved, work, at, row):  # type: ignore[no-untyped-def]
    """Call `gather` by pointers; it reads bytes if there are any (`count`)."""
    length = carray(size, 3)
    features = length[0] * length[1] * length[2]
    gather(
        carray(bytes_, (_ENDLESS, features)), carray(floats, (_ENDLESS, features)), count > 0,
        carray(index, rows), carray(shift, 2 * length[2]), carray(scale, length[2]),
        carray(work, _ENDLESS), at, row, carray(moves, (rows, 3)), moved > 0, length,
    )  # fmt: skip


def _loss(  # type: ignore[no-untyped-def]
    work, z_at, z_row, rows, classes, targets, index, second, share, d_at, training, smoothing,
    totals,
):  # fmt: skip
    """Call `cross_entropy` by pointers, and add it to the totals."""
    sums = carray(totals, 2)
    loss, right = cross_entropy(
        carray(work, _ENDLESS), z_at, z_row, rows, classes, carray(targets, _ENDLESS),
        carray(index, rows), carray(second, rows), share, d_at, training, smoothing,
    )  # fmt: skip
    sums[0] += loss
    sums[1] += right


def _take_signature(number: Any) -> Any:
    array, whole = types.CPointer(number), types.CPointer(types.int64)
    small, n = types.CPointer(types.uint8), types.int64
    return types.void(small, array, n, whole, n, array, array, whole, whole, n, array, n, n)


def _loss_signature(number: Any) -> Any:
    array, whole = types.CPointer(number), types.CPointer(types.int64)
    n, real, totals = types.int64, types.float64, types.CPointer(types.float64)
    return types.void(array, n, n, n, n, whole, whole, whole, real, n, n, real, totals)


TAKE, LOSS = Piece(_take, _take_signature), Piece(_loss, _loss_signature)


@compiled
def _forward(table, floats, arrays, n, keys):  # type: ignore[no-untyped-def]
    weights, moving, first, second, work, scratch = arrays
    for op in range(len(table)):
        t = table[op]
        given = (work, weights, moving, first, second, scratch, keys, t, floats[op], n)
        call(t[CALL_FORWARD], given)


@compiled
def _seen(pictures, index, moves, work):  # type: ignore[no-untyped-def]
    """Write pictures to the input of the first operation."""
    take, bytes_, numbers, shift, scale, size, place, row = pictures
    rows = len(index)
    given = (
        bytes_, numbers, len(bytes_), index, rows, shift, scale, size, moves, len(moves),
        work, place, row,
    )  # fmt: skip
    call(take, given)


@compiled
def _follow(weights, moving, averages, decay, updates):  # type: ignore[no-untyped-def]
    """Move the averages of weights and moving statistics towards them."""
    share = 1 - min(decay, (1.0 + updates) / (10.0 + updates))
    for values, average in ((weights, averages[0]), (moving, averages[1])):
        for i in range(len(average)):
            average[i] += share * (values[i] - average[i])


@compiled
def train(  # type: ignore[no-untyped-def]
    table, floats, lowest, arrays, averages, keys, n, loss, pictures, targets,
    order, moves, mixing, batch, rates, kept, smoothing, decay, updates, totals,
):  # fmt: skip
    """Perform updates.

    Args:
        table, floats, lowest: the operations, and the first that learns.
        arrays: weights, moving, first, second, work, scratch of the member; they change.
        averages: of weights and moving statistics; of length 0 without averages.
        n: values of the step; see `tape`.
        loss: address of the loss.
        pictures: arguments of `_seen`; `targets` are their targets.
        order: the images of all these updates, one batch behind the other.
        moves: (images, 3), their moves; of length 0 for none.
        mixing: for each update the share of an image, for each image the one of its batch that is
            mixed into it; of length 0 for none.
        rates, kept: for each update, the learning rate and the factor of weight decay.
        smoothing: share of each target that is spread over all classes.
        keys: of dropout's bits, uint64; see `assay.engines.streams.Bits`.
        decay: of the average of the weights.
        updates: number of updates before these.
        totals: loss and number of correct images, to which those of these updates are added.
    """
    before = flush_denormals()
    weights, moving, first, second, work, scratch = arrays
    last = table[len(table) - 1]
    numbers = n[NUMBERS_AT]
    shares, others = mixing
    at, row, features = pictures[6], pictures[7], pictures[5].prod()
    aside = np.empty(batch * features if len(shares) > 0 else 0, work.dtype)
    n[TRAINING] = 1
    for step in range(len(rates)):
        index = order[step * batch : (step + 1) * batch]
        rows = n[ROW_COUNT] = len(index)
        n[UPDATES] = updates + step
        _seen(pictures, index, moves[step * batch : (step + 1) * batch], work)
        partner, part = index, 1.0
        if len(shares) > 0:
            places = others[step * batch : step * batch + rows]
            mix(work, at, row, features, places, shares[step], aside)
            partner, part = index[places], shares[step]
        _forward(table, floats, arrays, n, keys)
        given = (
            work, last[Y_AT], last[Y_ROW], rows, last[OUTPUTS], targets, index, partner, part,
            last[DY], 1, smoothing, totals,
        )  # fmt: skip
        call(loss, given)
        for i in range(2 * len(table)):
            scratch[numbers + i * RULE_NUMBERS] = rates[step]
            scratch[numbers + i * RULE_NUMBERS + 1] = kept[step]
        for op in range(len(table) - 1, lowest - 1, -1):
            t = table[op]
            n[NEEDED], n[NUMBERS_AT] = op > lowest, numbers + 2 * op * RULE_NUMBERS
            state = (work, weights, moving, first, second, scratch, keys, t, floats[op], n)
            call(t[CALL_BACKWARD], state)
        n[NUMBERS_AT] = numbers
        if decay > 0:
            _follow(weights, moving, averages, decay, updates + step + 1)
    treat_denormals(before)


@compiled
def evaluate(table, floats, arrays, keys, n, loss, pictures, targets, most, outputs):  # type: ignore[no-untyped-def]
    """Return outputs of all pictures, float32 (n, classes), and their summed loss.

    Args:
        most: maximum number of rows at a time.
    """
    before = flush_denormals()
    work, last = arrays[4], table[len(table) - 1]
    order, still = np.arange(len(targets)), np.zeros((0, 3), np.int64)
    totals = np.zeros(2)
    n[TRAINING] = 0
    for start in range(0, len(targets), most):
        index = order[start : start + most]
        rows = n[ROW_COUNT] = len(index)
        _seen(pictures, index, still, work)
        _forward(table, floats, arrays, n, keys)
        given = (
            work, last[Y_AT], last[Y_ROW], rows, last[OUTPUTS], targets, index, index, 1.0,
            last[DY], 0, 0.0, totals,
        )  # fmt: skip
        call(loss, given)
        for i in range(rows):
            for j in range(last[OUTPUTS]):
                outputs[start + i, j] = work[last[Y_AT] + i * last[Y_ROW] + j]
    treat_denormals(before)
    return totals[0]
