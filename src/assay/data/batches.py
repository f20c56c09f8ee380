"""The order of training images, the same in every engine."""

from __future__ import annotations

import numpy as np

from assay.core.seeds import stream

__all__ = ["batch_order"]


def batch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the order of `n` training images in `epoch` (from 0) of the run with `seed`.

    Returns:
        int64 (n,), a permutation of 0..n-1; consecutive parts of it are the batches.
    """
    return stream(seed, "batches", epoch).permutation(n)
