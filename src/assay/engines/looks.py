"""Source pixels of transformed images, for test-time augmentation."""

from __future__ import annotations

import numpy as np

from assay.engines.streams import mirrored
from assay.tasks.looks import Look

__all__ = ["places"]


def places(look: Look, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the source row and column of each row and column of a transformed image, without
    rotation.

    Args:
        shape: (..., height, width, channels).
    """
    height, width = shape[-3:-1]
    rows = mirrored(np.arange(height) - look.down, height)
    columns = mirrored(np.arange(width) - look.right, width)
    return rows, width - 1 - columns if look.mirror else columns
