"""Contact sheets."""

from __future__ import annotations

import numpy as np

__all__ = ["GAP", "sheet"]

GAP = 2
"""White pixels between pictures."""


def sheet(images: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Join pictures uint8 (n, h, w, c) row by row; the rest of the last row is white."""
    n, h, w, c = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (h + gap), (i % columns) * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return canvas
