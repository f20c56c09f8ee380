"""The restored form of a permuted dataset: estimated from its training images, once."""

from __future__ import annotations

import numpy as np

from assay.core.errors import DataError
from assay.core.options import flag
from assay.core.records import Spec
from assay.data.permutation import permute
from assay.data.storage import fitted_once
from assay.data.transforms import FittedTransform
from assay.subjects.unscrambling.solver.pipeline import CONTRAST, unscramble

__all__ = ["RESTORE", "Restore", "restored_order"]

RECIPE = "1"
"""Version of the estimate, part of the key in the cache."""


class Restore:
    """`dataset.restore`: undo the permutation, as estimated from the training images."""

    usual = False
    option = flag(help="Undo the permutation as far as the training images allow.")

    def check(self, spec: Spec) -> str:
        """Require a permutation."""
        if spec["restore"] and spec.get("permute") is None:
            return "dataset.restore only makes sense together with dataset.permute"
        return ""

    def fit(self, spec: Spec, train: np.ndarray, permutation: np.ndarray | None) -> FittedTransform:
        """Estimate the order; see `restored_order`."""
        assert permutation is not None
        order, contrast = restored_order(train)
        moved = permutation[order]
        exact = bool((moved == np.arange(len(moved))).all())  # only this note uses the truth
        note = (
            f"the order of the pixels was estimated from {len(train):,} training images, "
            f"{contrast:.1f} times as good as one of shuffled pixels{' (exact)' if exact else ''}"
        )
        return FittedTransform(lambda images: permute(images, order), moved, note)


RESTORE = Restore()


def restored_order(train: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the pixel of the permuted image for each cell, and the contrast of the estimate.

    The estimate is cached by its training images, so that a study computes it once: by the first
    process that needs it, while others wait.

    Args:
        train: permuted training images, uint8 (n, height, width, channels).

    Returns:
        int64 (height * width,), and its energy relative to that of shuffled pixels.

    Raises:
        DataError: no spatial structure was found.
    """

    def fit() -> dict[str, np.ndarray]:
        found = unscramble(train)
        return {"order": found.order, "contrast": np.array([found.contrast], float)}

    kept = fitted_once("restored", RECIPE, train, fit)
    order, contrast = kept["order"], float(kept["contrast"][0])
    if contrast < CONTRAST:
        raise DataError(
            f"no spatial structure found in {len(train)} training images: the arrangement is only "
            f"{contrast:.2f} times as good as one of shuffled pixels; expected at least {CONTRAST}"
        )
    return order, contrast
