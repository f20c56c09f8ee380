"""Quality of an estimated arrangement of pixels, compared with the true one.

It is separate from the solver, which must never use the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Quality", "quality"]

INFORMATIVE = 5.0
"""Standard deviation, of 255, above which a pixel counts."""


@dataclass(frozen=True)
class Quality:
    """Shares from 0 to 1.

    Attributes:
        neighbours: of the truly adjacent pairs of informative pixels, those that are adjacent.
        in_place: of the informative pixels, those in their true cell, after the best of the eight
            symmetries of the square (four of a rectangle).
        in_place_shifted: the same, also allowing one shift by a pixel in each direction.
        informative: number of informative pixels.
    """

    neighbours: float
    in_place: float
    in_place_shifted: float
    informative: int


def quality(
    cells: np.ndarray, truth: np.ndarray, deviation: np.ndarray, shape: tuple[int, int]
) -> Quality:
    """Compare estimated cells of the pixels with the true ones.

    Args:
        cells, truth: int64 (pixels,), the cell of each pixel of the permuted vector.
        deviation: (pixels,), standard deviation of each, of 255.
    """
    counts = deviation > INFORMATIVE
    height, width = shape
    true = np.full(height * width, -1)
    true[truth] = np.arange(len(truth))
    pairs = _pairs(true.reshape(shape))
    pairs = pairs[(pairs >= 0).all(1)]
    pairs = pairs[counts[pairs].all(1)]
    a, b = (np.stack(np.divmod(cells[pairs[:, k]], width)) for k in (0, 1))
    adjacent = np.abs(a - b).sum(0) == 1
    rows, columns = np.divmod(cells[counts], width)
    true_rows, true_columns = np.divmod(truth[counts], width)
    still, moved = 0.0, 0.0
    for r, c in _symmetries(rows, columns, shape):
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                hit = float(np.mean((r + down == true_rows) & (c + right == true_columns)))
                moved = max(moved, hit)
                still = max(still, hit) if down == right == 0 else still
    return Quality(float(adjacent.mean()), still, moved, int(counts.sum()))


def _pairs(grid: np.ndarray) -> np.ndarray:
    """Pixels in touching cells, (pairs, 2)."""
    down = np.stack([grid[1:].ravel(), grid[:-1].ravel()], 1)
    right = np.stack([grid[:, 1:].ravel(), grid[:, :-1].ravel()], 1)
    return np.concatenate([down, right])


def _symmetries(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    height, width = shape
    turned = [(rows, columns)]
    if height == width:
        turned.append((columns, rows))
    return [
        (height - 1 - r if up else r, width - 1 - c if left else c)
        for r, c in turned
        for up in (False, True)
        for left in (False, True)
    ]
