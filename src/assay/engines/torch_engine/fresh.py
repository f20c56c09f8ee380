"""Training pictures that are drawn anew for every epoch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from assay.data.dataset import Fresh, Split
from assay.engines.torch_engine.device import Place

__all__ = ["FreshPictures"]


class FreshPictures:
    """The pictures of one epoch after the other.

    The next ones are drawn while these are trained on: on a CPU by a third of its threads, which
    training then goes without (with a single thread both take turns). Pictures stay bytes until a
    batch is taken, to save memory.

    Args:
        fresh: from the number of an epoch to its pictures.
        encode: targets as the loss wants them.
        mean, std: by channel, as those of the dataset.
        epochs: how many there will be; none is drawn for nothing.
    """

    def __init__(
        self,
        fresh: Fresh,
        encode: Callable[[np.ndarray], np.ndarray],
        mean: np.ndarray,
        std: np.ndarray,
        place: Place,
        epochs: int,
    ):
        self._fresh, self._encode, self._place = fresh, encode, place
        self._shift = torch.from_numpy(mean).to(place.device, place.master)
        self._scale = torch.from_numpy(1 / np.maximum(std, 1e-6)).to(place.device, place.master)
        self._epoch, self._epochs = 0, epochs
        drawing = max(1, place.threads // 3)
        self._ahead = place.device.type != "cpu" or place.threads > 1
        if place.device.type == "cpu" and self._ahead:
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
        self._images = torch.from_numpy(np.ascontiguousarray(split.images))
        self._targets = torch.from_numpy(self._encode(split.targets))

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images (S, B, h, w, c) and targets (S, B, ...) at index (S, B)."""
        flat, place = index.reshape(-1).cpu(), self._place
        images = self._images.index_select(0, flat).to(place.device, place.master)
        images = ((images - self._shift) * self._scale).to(place.compute)
        targets = self._targets.index_select(0, flat).to(place.device)
        return (
            images.view(*index.shape, *images.shape[1:]),
            targets.view(*index.shape, *targets.shape[1:]),
        )
