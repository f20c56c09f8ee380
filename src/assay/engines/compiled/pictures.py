"""Images of a dataset for the compiled loops; bytes are converted when they are used."""

from __future__ import annotations

import math
from copy import copy
from functools import partial

import numpy as np

from assay.data.dataset import FitData, ReadTest, Split
from assay.engines.looks import places
from assay.tasks.looks import Look
from assay.tasks.task import Task

__all__ = ["Pixels", "PixelSplit"]

Array = np.ndarray


class PixelSplit:
    """One part of a dataset: pictures (n, features), bytes or numbers, and class numbers (n,).

    Args:
        mean: (channels,), taken off every picture at once; None if this is done later.
    """

    def __init__(self, split: Split, task: Task, dtype: np.dtype, mean: Array | None = None):
        images = split.images
        if mean is not None:
            images = np.subtract(images, mean, out=np.empty(images.shape, dtype))
        images = images.reshape(len(split), math.prod(images.shape[1:]))
        none = np.empty((0, images.shape[1]), np.uint8)
        if images.dtype == np.uint8:
            self.bytes, self.numbers = np.ascontiguousarray(images), none.astype(dtype)
        else:
            self.bytes, self.numbers = none, np.ascontiguousarray(images, dtype)
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
        shift: (2 channels,): what is left to take off each channel, its mean or 0, then the value
            of a black pixel.
        scale: (channels,): the input of a network is (picture - shift) * scale.
        size: (height, width, channels).
    """

    def __init__(self, fit: FitData, read_test: ReadTest, task: Task, dtype: np.dtype):
        # pictures in float64 may differ by less than float32 can tell at their size
        exact = fit.mean.dtype == np.float64
        self._read_test = read_test
        self._split = partial(PixelSplit, task=task, dtype=dtype, mean=fit.mean if exact else None)
        self.train, self.validation = self._split(fit.train), self._split(fit.validation)
        left = np.zeros_like(fit.mean) if exact else fit.mean
        self.shift = np.concatenate([left, -fit.mean / fit.std]).astype(dtype)
        self.scale = (1 / fit.std).astype(dtype)
        self.size = np.array(fit.image_shape, np.int64)
        self._test: PixelSplit | None = None

    def test(self) -> PixelSplit:
        """The test part."""
        if self._test is None:
            self._test = self._split(self._read_test())
        return self._test
