"""Images of a dataset for the compiled loops; bytes are converted when they are used."""

from __future__ import annotations

import math
from copy import copy

import numpy as np

from assay.data.dataset import FitData, ReadTest, Split
from assay.engines.looks import places
from assay.tasks.looks import Look
from assay.tasks.task import Task

__all__ = ["Pixels", "PixelSplit"]

Array = np.ndarray


class PixelSplit:
    """One part of a dataset: pictures (n, features), bytes or numbers, and class numbers (n,)."""

    def __init__(self, split: Split, task: Task, dtype: np.dtype):
        features = math.prod(split.images.shape[1:])
        images = split.images.reshape(len(split), features)
        if images.dtype == np.uint8:
            self.bytes = np.ascontiguousarray(images)
            self.numbers = np.empty((0, features), dtype)
        else:
            self.bytes = np.empty((0, features), np.uint8)
            self.numbers = np.ascontiguousarray(images, dtype)
        self.targets = np.ascontiguousarray(task.encode(split.targets), np.int64)

    def __len__(self) -> int:
        return len(self.targets)

    def seen(self, look: Look, size: Array) -> PixelSplit:
        """Return a view of the pictures for evaluation, without rotation.

        Args:
            size: (height, width, channels).
        """
        found, shape = copy(self), tuple(size.tolist())
        rows, columns = places(look, shape)
        for name in ("bytes", "numbers"):
            whole = getattr(self, name).reshape(-1, *shape)[:, rows[:, None], columns]
            setattr(found, name, np.ascontiguousarray(whole).reshape(len(whole), math.prod(shape)))
        return found


class Pixels:
    """A dataset; its test part is only read at the end of a run.

    Attributes:
        shift: (2 channels,): the mean of each channel, then the value of a black pixel.
        scale: (channels,): the input of a network is (picture - mean) * scale.
        size: (height, width, channels).
    """

    def __init__(self, fit: FitData, read_test: ReadTest, task: Task, dtype: np.dtype):
        self._read_test, self._task, self._dtype = read_test, task, dtype
        self.train = PixelSplit(fit.train, task, dtype)
        self.validation = PixelSplit(fit.validation, task, dtype)
        self.shift = np.concatenate([fit.mean, -fit.mean / fit.std]).astype(dtype)
        self.scale = (1 / fit.std).astype(dtype)
        self.size = np.array(fit.image_shape, np.int64)
        self._test: PixelSplit | None = None

    def test(self) -> PixelSplit:
        """The test part."""
        if self._test is None:
            self._test = PixelSplit(self._read_test(), self._task, self._dtype)
        return self._test
