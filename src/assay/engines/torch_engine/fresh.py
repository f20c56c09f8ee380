"""Training pictures that are drawn anew for every epoch."""

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
    """The pictures of one epoch after the other.

    The next ones are drawn while these are trained on: where a CPU trains, by a third of its
    threads, which training then goes without (with a single thread both take turns). Pictures stay
    bytes until a batch is taken, to save memory.

    Args:
        fresh: from the number of an epoch to its pictures.
        encode: targets as the loss wants them.
        epochs: how many there will be; none is drawn for nothing.
    """

    def __init__(
        self,
        fresh: Fresh,
        encode: Callable[[np.ndarray], np.ndarray],
        normalise: Normalise,
        epochs: int,
    ):
        self._fresh, self._encode, self._normalise = fresh, encode, normalise
        self._epoch, self._epochs = 0, epochs
        place = normalise.place
        drawing = place.threads
        self._ahead = place.device.type != "cpu" or place.threads > 1
        if place.device.type == "cpu" and self._ahead:
            drawing = max(1, place.threads // 3)
            torch.set_num_threads(place.threads - drawing)
        self._artist = ThreadPoolExecutor(1, "drawing", torch.set_num_threads, (drawing,))
        self._next: Future[Split] | None = None

    def skip(self, epochs: int) -> None:
        """Begin with the pictures after those of so many epochs."""
        self._epoch = epochs

    def start_epoch(self) -> None:
        """Go on to the pictures of the next epoch."""
        split = self._next.result() if self._next else self._fresh(self._epoch)
        self._epoch += 1
        more = self._epoch < self._epochs
        self._next = None
        if more and self._ahead:
            self._next = self._artist.submit(self._fresh, self._epoch)
        if not more:
            self._artist.shutdown(wait=False)
        images = torch.from_numpy(np.ascontiguousarray(split.images))
        targets = torch.from_numpy(self._encode(split.targets))
        self._split = DeviceSplit(images, targets, self._normalise)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images (S, B, h, w, c) and targets (S, B, ...) at index (S, B)."""
        return self._split.take(index)
