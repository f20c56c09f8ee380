"""The three matrix products of a dense layer, in tiles.

A kernel W (inputs, outputs) is stored in panels of `WIDTH` columns, [panel][input][column], padded
with zeros to whole tiles, so that no product has to rearrange it. Rows of images are padded as well
(`apart`), because rows at distances of powers of two evict each other from the cache.
"""

from __future__ import annotations

import numpy as np

from assay.engines.compiled.compiling import compiled
from assay.engines.compiled.tiles import ROWS, WIDTH, call_rule, tile

__all__ = [
    "BLOCK",
    "apart",
    "forward",
    "input_gradient",
    "packed",
    "transposed",
    "unpacked",
    "update_kernel",
    "whole",
]

BLOCK = 256
"""Inputs of a panel that fit into the L1 cache while all images are processed."""

GROUP = 4
"""Panels that are read side by side, as many as the processor can prefetch."""


def whole(count: int, size: int) -> int:
    """Round up to a multiple of `size`."""
    return -(-count // size) * size


def apart(features: int) -> int:
    """Return the distance of neighbouring rows of so many features, an odd number of tiles."""
    panels = -(-features // WIDTH)
    return WIDTH * (panels + (panels % 2 == 0))


@compiled
def forward(x, x_at, x_row, rows, w, w_at, inputs, deep, outputs, y, y_at, y_row):  # type: ignore[no-untyped-def]
    """Y = X W for `rows` rows, padded to whole tiles; the panels of W have `deep` rows."""
    zero = w.dtype.type(0)
    one = w.dtype.type(1)
    for panel in range((outputs + WIDTH - 1) // WIDTH):
        for start in range(0, inputs, BLOCK):
            steps = min(BLOCK, inputs - start)
            kept = zero if start == 0 else one
            block = w_at + (panel * deep + start) * WIDTH
            for row in range(0, rows, ROWS):
                from_ = x_at + row * x_row + start
                to = y_at + row * y_row + panel * WIDTH
                tile(x, from_, x_row, 1, 0, w, block, WIDTH, 0, steps, 1, y, to, y_row, one, kept)


@compiled
def transposed(d, d_at, d_row, rows, outputs, t, t_at, t_row):  # type: ignore[no-untyped-def]
    """Write D (rows, outputs) as D^T, with zeros for missing columns of the last panel."""
    for output in range(outputs):
        line = t[t_at + output * t_row : t_at + output * t_row + rows]
        for row in range(rows):
            line[row] = d[d_at + row * d_row + output]
    filled = (outputs + WIDTH - 1) // WIDTH * WIDTH
    for output in range(outputs, filled):
        for row in range(rows):
            t[t_at + output * t_row + row] = 0


@compiled
def input_gradient(  # type: ignore[no-untyped-def]
    t, t_at, t_row, rows, w, w_at, inputs, deep, outputs, u, u_at, d, d_at, d_row
):
    """dX = D W^T, from D^T in t; dX^T is computed in u and then transposed into d."""
    zero = w.dtype.type(0)
    one = w.dtype.type(1)
    panels = (outputs + WIDTH - 1) // WIDTH
    for panel in range(0, panels, GROUP):
        group = min(GROUP, panels - panel)
        kept = zero if panel == 0 else one
        for row in range(0, rows, WIDTH):
            from_ = t_at + panel * WIDTH * t_row + row
            for start in range(0, inputs, ROWS):
                block = w_at + (panel * deep + start) * WIDTH
                to = u_at + start * t_row + row
                tile(
                    w, block, WIDTH, 1, deep * WIDTH, t, from_, t_row, WIDTH * t_row,
                    WIDTH, group, u, to, t_row, one, kept,
                )  # fmt: skip
    for row in range(rows):
        line = d[d_at + row * d_row : d_at + row * d_row + inputs]
        for start in range(inputs):
            line[start] = u[u_at + start * t_row + row]


@compiled
def update_kernel(  # type: ignore[no-untyped-def]
    x, x_at, x_row, rows, d, d_at, d_row, w, first, second, w_at, deep, outputs,
    piece, piece_at, rule, numbers_at, memories,
):  # fmt: skip
    """Compute W's gradient X^T D in pieces, and pass each to the update rule at once.

    Args:
        piece, piece_at: memory for BLOCK rows of a panel.
        rule, numbers_at: address of the rule, and position of its numbers.
        memories: how many of `first` and `second` are used; unused ones can be any array.
    """
    zero = w.dtype.type(0)
    one = w.dtype.type(1)
    filled = (outputs + WIDTH - 1) // WIDTH * WIDTH
    for row in range(rows):
        for column in range(outputs, filled):
            d[d_at + row * d_row + column] = 0
    for panel in range(filled // WIDTH):
        for start in range(0, deep, BLOCK):
            lines = min(BLOCK, deep - start)
            for line in range(0, lines, ROWS):
                tile(
                    x, x_at + start + line, 1, x_row, 0, d, d_at + panel * WIDTH, d_row, 0,
                    rows, 1, piece, piece_at + line * WIDTH, WIDTH, one, zero,
                )  # fmt: skip
            at = w_at + (panel * deep + start) * WIDTH
            call_rule(
                rule, w, at, piece, piece_at, first, at if memories > 0 else 0,
                second, at if memories > 1 else 0, lines * WIDTH, piece, numbers_at,
            )  # fmt: skip


def packed(kernel: np.ndarray, out: np.ndarray) -> None:
    """Copy a kernel (inputs, outputs) into panels (panels, deep, WIDTH) of zeros."""
    inputs, outputs = kernel.shape
    for panel in range(len(out)):
        part = kernel[:, panel * WIDTH : (panel + 1) * WIDTH]
        out[panel, :inputs, : part.shape[1]] = part
    assert len(out) * WIDTH >= outputs


def unpacked(panels: np.ndarray, inputs: int, outputs: int) -> np.ndarray:
    """Return the kernel (inputs, outputs) that is stored in panels."""
    found = panels[:, :inputs].transpose(1, 0, 2).reshape(inputs, -1)
    return np.ascontiguousarray(found[:, :outputs])
