"""The restored form of a permuted dataset: estimated from its training images, once."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from assay.core.array_file import read_arrays
from assay.core.errors import DataError
from assay.data.permutation import permute
from assay.data.storage import cache_dir
from assay.data.transforms import Fitted
from assay.subjects.unscrambling.solver.pipeline import CONTRAST, unscramble

__all__ = ["RESTORE", "Restore", "restored_order"]

RECIPE = "1"
"""Changes whenever the estimate may; it is part of what is looked up."""


class Restore:
    """`dataset.restore`: undo the permutation as well as the training images tell."""

    usual = False

    def check(self, spec: Mapping[str, Any]) -> str:
        """It is true or false, and there must be a permutation to undo."""
        value = spec["restore"]
        if not isinstance(value, bool):
            return f"dataset.restore must be true or false, got {value!r}"
        if value and spec.get("permute") is None:
            return "dataset.restore only makes sense together with dataset.permute"
        return ""

    def fit(
        self, spec: Mapping[str, Any], train: np.ndarray, permutation: np.ndarray | None
    ) -> Fitted:
        """The estimated order; see `restored_order`."""
        assert permutation is not None
        order, contrast = restored_order(train)
        moved = permutation[order]
        exact = bool((moved == np.arange(len(moved))).all())  # only these words look at the truth
        note = (
            f"the order of the pixels was estimated from {len(train):,} training images, "
            f"{contrast:.1f} times as good as one of shuffled pixels{' (exact)' if exact else ''}"
        )
        return Fitted(lambda images: permute(images, order), moved, note)


RESTORE = Restore()


def restored_order(train: np.ndarray) -> tuple[np.ndarray, float]:
    """Which pixel of the permuted image belongs into each cell, and the contrast of the estimate.

    The estimate is kept in the cache under the training images that it was made from, so that a
    study makes it once: the first process that needs it does, others wait.

    Args:
        train: permuted training images, uint8 (n, height, width, channels).

    Returns:
        int64 (height * width,), and how many times the energy of shuffled pixels it reached.

    Raises:
        DataError: no spatial structure was found.
    """
    digest = hashlib.sha256(f"{RECIPE}{train.shape}".encode())
    digest.update(np.ascontiguousarray(train).data)
    folder = cache_dir() / "restored"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest.hexdigest()[:24]}.npz"
    with FileLock(path.with_suffix(".lock")):
        kept = _kept(path, math.prod(train.shape[1:3]))
        if kept is None:
            found = unscramble(train)
            part = path.with_name(f".{path.stem}.{os.getpid()}.npz")
            with part.open("wb") as file:
                np.savez(file, order=found.order, contrast=np.float64(found.contrast))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            kept = found.order, float(found.contrast)
    order, contrast = kept
    if contrast < CONTRAST:
        raise DataError(
            f"no spatial structure found in {len(train)} training images: the arrangement is only "
            f"{contrast:.2f} times as good as one of shuffled pixels; expected at least {CONTRAST}"
        )
    return order, contrast


def _kept(path: Path, pixels: int) -> tuple[np.ndarray, float] | None:
    """What is in the cache; None where there is nothing, or something damaged."""
    try:
        order, contrast = read_arrays(path, "order", "contrast")
        if contrast.shape == () and np.array_equal(np.sort(order), np.arange(pixels)):
            return order, float(contrast)
    except (OSError, ValueError):
        pass  # the images themselves are the truth
    return None
