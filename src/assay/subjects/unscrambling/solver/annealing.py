"""Simulated annealing of pixels on the grid: neighbours should be similar."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from assay.core.errors import MissingExtraError

__all__ = ["anneal", "energy", "temperature"]

FRIENDS = 6
"""Number of most similar pixels beside which a pixel may be moved."""


def energy(p: np.ndarray, cells: np.ndarray, shape: tuple[int, int]) -> float:
    """Sum of the partial correlations of pixels in touching cells (up, down, left, right)."""
    grid = np.full(shape, -1)
    grid.flat[cells] = np.arange(len(cells))
    total = 0.0
    for a, b in ((grid[1:], grid[:-1]), (grid[:, 1:], grid[:, :-1])):
        both = (a >= 0) & (b >= 0)
        total += float(p[a[both], b[both]].sum())
    return total


def temperature(p: np.ndarray) -> float:
    """Return the initial temperature: half the mean of pixels' three largest correlations."""
    return 0.5 * float(np.sort(p, axis=1)[:, -3:].mean())


def anneal(
    p: np.ndarray,
    cells: np.ndarray,
    shape: tuple[int, int],
    steps: int,
    seed: int,
    start: float,
) -> np.ndarray:
    """Swap pixels until neighbours are similar; returns new cells, int64 (pixels,).

    A step moves a pixel beside one of the six most similar ones, swapping it with the pixel there;
    the temperature falls to a hundredth of `start`.

    Args:
        p: partial correlations (pixels, pixels).
        cells: where each pixel is, distinct numbers below height * width.
        steps: proposals.
        start: temperature at the beginning.

    References:
        S. Kirkpatrick et al., "Optimization by Simulated Annealing", Science 1983.
    """
    height, width = shape
    pixels = np.full(height * width, -1, np.int32)
    pixels[cells] = np.arange(len(cells))
    where = cells.astype(np.int32)
    friends = np.argsort(-p, axis=1)[:, :FRIENDS].astype(np.int32)
    # an additional row and column of zeros represents empty cells
    padded = np.zeros((len(p) + 1, len(p) + 1), np.float32)
    padded[:-1, :-1] = p
    _kernel()(padded, friends, pixels, where, height, width, steps, np.uint64(seed), start)
    return where.astype(np.int64)


@functools.cache
def _tools() -> tuple[Callable[..., Any], ...]:
    """Compiled pieces of the annealing loop."""
    try:
        from numba import njit
    except ImportError:
        raise MissingExtraError("unscrambling needs numba: pip install numba") from None

    def draw(state):  # type: ignore[no-untyped-def]
        """The next state of xorshift64*, and 32 random bits."""
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        return state, (state * np.uint64(2685821657736338717)) >> np.uint64(32)

    def beside(cell, side, height, width):  # type: ignore[no-untyped-def]
        """The cell above (0), below (1), to the left (2) or right (3); -1 beyond the border."""
        row, column = cell // width, cell % width
        if side == 0:
            return cell - width if row > 0 else -1
        if side == 1:
            return cell + width if row < height - 1 else -1
        if side == 2:
            return cell - 1 if column > 0 else -1
        return cell + 1 if column < width - 1 else -1

    compiled_beside = njit(beside, error_model="numpy")

    def around(p, pixels, cell, pixel, height, width, other):  # type: ignore[no-untyped-def]
        """Similarity of `pixel`, were it in `cell`, to its neighbours; `other` is left out."""
        total = np.float32(0)
        for side in range(4):
            near = compiled_beside(cell, side, height, width)
            if near >= 0 and near != other:
                total += p[pixel, pixels[near]]
        return total

    return njit(draw, error_model="numpy"), compiled_beside, njit(around, error_model="numpy")


@functools.cache
def _kernel() -> Callable[..., Any]:
    """The compiled annealing loop; it changes `pixels` (by cell) and `where` (by pixel)."""
    draw, beside, around = _tools()
    from numba import njit

    @njit(error_model="numpy", nogil=True)
    def run(p, friends, pixels, where, height, width, steps, seed, start):  # type: ignore[no-untyped-def]
        n, known = len(where), friends.shape[1]
        state = seed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x2545F4914F6CDD1D)
        hot = np.float32(start)
        for step in range(steps):
            if step % 1024 == 0:
                hot = np.float32(start * 0.01 ** (step / steps))
            state, bits = draw(state)
            i = np.int64(bits % np.uint64(n))
            state, bits = draw(state)
            j = friends[i, np.int64(bits % np.uint64(known))]
            side = np.int64((bits >> np.uint64(16)) % np.uint64(4))
            own = np.int64(where[i])
            target = beside(np.int64(where[j]), side, height, width)
            if target < 0 or target == own:
                continue
            k = pixels[target]
            # -1, an empty cell, is the last row and column of p: all zeros
            gain = around(p, pixels, target, i, height, width, own)
            gain -= around(p, pixels, own, i, height, width, target)
            if k >= 0:
                gain += around(p, pixels, own, k, height, width, target)
                gain -= around(p, pixels, target, k, height, width, own)
            if gain < 0:
                state, bits = draw(state)
                if np.float32(bits) * np.float32(2.3283064e-10) >= np.exp(gain / hot):
                    continue
            pixels[target], pixels[own] = i, k
            where[i] = target
            if k >= 0:
                where[k] = own

    return run
