"""Normalised images, batches of them, and augmentation."""

from __future__ import annotations

import numpy as np

from assay.data.dataset import FitData, Split
from assay.engines.streams import Moves, mirrored
from assay.tasks.task import Task

__all__ = ["Batches", "NormalSplit", "changed", "normalise"]

Array = np.ndarray

NormalSplit = tuple[Array, Array]
"""Images (n, height, width, channels) from `normalise`, and encoded targets (n, ...)."""


def normalise(split: Split, fit: FitData, task: Task, dtype: np.dtype) -> NormalSplit:
    """(image - mean) / deviation, with each channel's statistics over the training images."""
    exact = np.result_type(fit.mean, dtype)  # float64 images lose a difference if rounded first
    mean = fit.mean.astype(exact)
    inverse = (1 / fit.std).astype(dtype)
    images = np.empty(split.images.shape, dtype)
    for start in range(0, len(split), 4096):  # no second copy of the whole set
        part = split.images[start : start + 4096].astype(exact)
        images[start : start + 4096] = (part - mean).astype(dtype, copy=False) * inverse
    return images, task.encode(split.targets)


class Batches:
    """Gathers batches in memory that is reused in every step."""

    def __init__(self, split: NormalSplit):
        self.images, self.targets = split
        self._room = np.empty((0, *self.images.shape[1:]), self.images.dtype)

    def take(self, index: Array) -> NormalSplit:
        """Images (B, h, w, c), valid until the next call, and targets (B, ...) at index (B,)."""
        if len(index) > len(self._room):  # the first batch is the largest
            self._room = np.empty((len(index), *self.images.shape[1:]), self.images.dtype)
        room = self._room[: len(index)]
        # mode "raise" would make a copy; every index is valid
        np.take(self.images, index, axis=0, out=room, mode="clip")
        return room, self.targets[index]


def changed(
    images: Array, targets: Array, moves: Moves, blank: Array, start: int
) -> tuple[Array, Array]:
    """Return augmented images (B, h, w, c) and their targets.

    Args:
        blank: (c,), the normalised value of a black pixel, used for padding.
        start: position of the first image in the order of the epoch.
    """
    b, h, w, _ = images.shape
    down, right, mirror = moves.draw(b, start)[:, 0]
    rows = np.arange(h) + down[:, None]
    columns = np.arange(w)
    columns = np.where(mirror[:, None] > 0, w - 1 - columns, columns) + right[:, None]
    source, reach = images, 0
    if moves.augment.reflect:
        rows, columns = mirrored(rows, h), mirrored(columns, w)
    else:
        source, reach = _padded(images, moves.reach, blank), moves.reach
    image = np.arange(b)[:, None, None]
    moved = source[image, rows[:, :, None] + reach, columns[:, None, :] + reach]
    found, found_targets = moves.change(moved[None], targets[None])
    return found[0], found_targets[0]


def _padded(images: Array, reach: int, blank: Array) -> Array:
    b, h, w, c = images.shape
    padded = np.empty((b, h + 2 * reach, w + 2 * reach, c), images.dtype)
    padded[...] = blank
    padded[:, reach : reach + h, reach : reach + w] = images
    return padded
