"""A toy dataset that any network learns in a few epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = ["toy_dataset"]


def toy_dataset(count: int = 120) -> Dataset:
    """Return a dataset of four classes: the bright quadrant of noisy images (8, 8, 1).

    Args:
        count: number of training images; there are 40 validation and 40 test images.
    """
    from assay.data.dataset import Dataset, Split

    def split(images: int, seed: int) -> Split:
        rng = np.random.default_rng(seed)
        targets = rng.permutation(np.arange(images) % 4)
        pixels = rng.integers(0, 120, (images, 8, 8, 1))
        for image, target in zip(pixels, targets, strict=True):
            row, column = divmod(int(target), 2)
            image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 100
        return Split(pixels.astype(np.uint8), targets.astype(np.int64))

    train = split(count, 0)
    mean, std = train.images.mean((0, 1, 2)), train.images.std((0, 1, 2))
    return Dataset(
        spec={"name": "toy"},
        train=train,
        validation=split(40, 1),
        test=split(40, 2),
        class_names=("a", "b", "c", "d"),
        mean=mean.astype(np.float32),
        std=std.astype(np.float32),
        fingerprint=f"toy {count}",
    )
