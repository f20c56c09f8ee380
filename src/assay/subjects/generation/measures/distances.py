"""Euclidean distances between many vectors, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["distances"]

HELD = 1 << 22
"""Distances held at once."""


def distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first of some rows of x (n, d), and the distances of these rows to all of y (m, d).

    Distances much smaller than the vectors are as inexact as the square roots of rounding errors.
    """
    squares = np.einsum("nd,nd->n", y, y)
    step = max(1, HELD // len(y))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        apart = np.einsum("nd,nd->n", part, part)[:, None] + squares - 2 * part @ y.T
        yield start, np.sqrt(np.maximum(apart, 0))
