"""Training pictures that are newly drawn for every epoch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from assay.data.dataset import Fresh, Split
from assay.engines.torch_engine.images import DeviceSplit, Normalise

__all__ = ["FreshPictures"]


class FreshPictures:
    """Newly drawn pictures for each epoch.

    While a GPU trains, the next pictures are drawn. A CPU draws and trains alternately with all
    cores, which is faster than concurrently. Pictures remain bytes until a batch is taken, to save
    memory.

    Args:
        fresh: function from the number of an epoch to its pictures.
        encode: function from targets to those of the loss.
        epochs: number of epochs, after which no pictures are drawn.
    """

    def __init__(
        self,
        fresh: Fresh,
        encode: Callable[[np.ndarray], np.ndarray],
        normalise: Normalise,
        epochs: int,
    ):
        self._fresh, self._encode, self._normalise = fresh, encode, normalise
        self._epochs = epochs
        self._artist: ThreadPoolExecutor | None = None
        if normalise.place.device.type != "cpu":
            self._artist = ThreadPoolExecutor(1, "drawing")
        self._next: Future[Split] | None = None

    def start_epoch(self, epoch: int) -> None:
        """Start an epoch: the next one, or at first any."""
        split = self._next.result() if self._next else self._fresh(epoch)
        self._next = None
        if self._artist and epoch + 1 < self._epochs:
            self._next = self._artist.submit(self._fresh, epoch + 1)
        elif self._artist:
            self._artist.shutdown(wait=False)
        images = torch.from_numpy(np.ascontiguousarray(split.images))
        targets = torch.from_numpy(self._encode(split.targets))
        self._split = DeviceSplit(images, targets, self._normalise)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images (S, B, h, w, c) and targets (S, B, ...) at index (S, B)."""
        return self._split.take(index)
