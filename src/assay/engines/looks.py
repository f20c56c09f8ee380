"""Where the pixels of an image come from for a look at it in evaluation."""

from __future__ import annotations

import numpy as np

from assay.engines.streams import mirrored
from assay.tasks.looks import Look

__all__ = ["places"]


def places(look: Look, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The row and the column that each row and column of a changed image shows; turning aside.

    Args:
        shape: (..., height, width, channels).
    """
    height, width = shape[-3:-1]
    rows = mirrored(np.arange(height) - look.down, height)
    columns = mirrored(np.arange(width) - look.right, width)
    return rows, width - 1 - columns if look.mirror else columns
