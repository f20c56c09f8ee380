"""The images of a dataset on the device, and batches of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from assay.data.dataset import Split
from assay.engines.looks import places
from assay.engines.streams import Moves, mirrored
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.training import Augment
from assay.tasks.looks import Look

__all__ = ["Augmenter", "DeviceSplit", "Normalise", "seen", "to_device", "turned"]

_MOST = 1 << 30
"""Maximum size of normalised images on a CPU; larger sets and GPUs keep bytes."""


class Normalise:
    """Normalisation on the device, in the compute type: (image - mean) / std per channel.

    A mean in float64 is that of float64 images, which may differ by less than float32 can tell at
    their size: it is taken off before they are rounded.
    """

    def __init__(self, mean: np.ndarray, std: np.ndarray, place: DevicePlace):
        self.place, self._exact = place, mean.dtype == np.float64
        kind = torch.float64 if self._exact else place.master
        self._shift = torch.from_numpy(mean).to("cpu" if self._exact else place.device, kind)
        self._scale = torch.from_numpy(1 / std).to(place.device, place.master)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise (..., h, w, c)."""
        device, master = self.place.device, self.place.master
        if self._exact:  # on the processor, as some devices have no float64
            shifted = (images.cpu().double() - self._shift).to(device, master)
        else:
            shifted = images.to(device, master) - self._shift
        return (shifted * self._scale).to(self.place.compute)


class DeviceSplit:
    """Images (n, h, w, c) and encoded targets (n, ...).

    Args:
        normalise: normalisation of images when they are taken; None if they are normalised.
    """

    def __init__(self, images: Tensor, targets: Tensor, normalise: Normalise | None = None):
        self._images, self._targets, self._normalise = images, targets, normalise

    def __len__(self) -> int:
        return len(self._images)

    def part(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return normalised images (b, h, w, c) and targets (b, ...) of some rows, in order."""
        images = self._images[start:stop]
        images = self._normalise(images) if self._normalise else images
        return images, self._targets[start:stop].to(images.device)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalised images (S, B, h, w, c) and targets (S, B, ...) at index (S, B)."""
        flat = index.reshape(-1).to(self._images.device)
        # index_select is nine times faster than indexing with brackets on the CPU
        images = self._images.index_select(0, flat)
        images = self._normalise(images) if self._normalise else images
        targets = self._targets.index_select(0, flat).to(images.device)
        return (
            images.view(*index.shape, *images.shape[1:]),
            targets.view(*index.shape, *targets.shape[1:]),
        )


def to_device(split: Split, encoded: np.ndarray, normalise: Normalise) -> DeviceSplit:
    """Put a split on the device, normalised if there is enough memory."""
    place = normalise.place
    targets = torch.from_numpy(encoded).to(place.device)
    size = split.images.size * torch.empty(0, dtype=place.compute).element_size()
    few = place.device.type == "cpu" and size <= _MOST  # a GPU is limited by memory bandwidth
    if not few and split.images.dtype == np.uint8:
        raw = torch.from_numpy(np.require(split.images, requirements=["C", "W"]))
        return DeviceSplit(raw.to(place.device), targets, normalise)
    images = torch.empty(split.images.shape, dtype=place.compute, device=place.device)
    for start in range(0, len(split), 4096):  # no float copy of the whole set
        images[start : start + 4096] = normalise(torch.tensor(split.images[start : start + 4096]))
    return DeviceSplit(images, targets)


def seen(images: Tensor, look: Look, blank: Tensor) -> Tensor:
    """Return a view of images (S, B, h, w, c) for evaluation; see `turned`."""
    images = turned(images, look.turn, blank) if look.turn else images
    rows, columns = (torch.from_numpy(p).to(images.device) for p in places(look, images.shape))
    return images[:, :, rows[:, None], columns]


def turned(images: Tensor, turn: float, blank: Tensor) -> Tensor:
    """Rotate images (S, B, h, w, c) clockwise around their centre, with black outside.

    Args:
        turn: angle, in full turns.
        blank: (c,), the normalised value of a black pixel.
    """
    s, b, h, w, c = images.shape
    flat = (images.reshape(s * b, h, w, c).to(blank.dtype) - blank).permute(0, 3, 1, 2)
    cosine, sine = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    # source of each pixel: coordinates run from -1 to 1 along each side
    source = flat.new_tensor([[cosine, sine * h / w, 0], [-sine * w / h, cosine, 0]])
    grid = F.affine_grid(source.expand(s * b, 2, 3), [s * b, c, h, w], align_corners=False)
    found = F.grid_sample(flat, grid, align_corners=False).permute(0, 2, 3, 1) + blank
    return found.to(images.dtype).view(s, b, h, w, c)


class Augmenter:
    """Random shifts, crops and flips, with one stream for each member."""

    def __init__(self, augment: Augment, seeds: Sequence[int], blank: Tensor):
        """`blank` (c,) is the normalised value of a black pixel."""
        self.blank, self._moves = blank, Moves(augment, seeds)

    def state(self, member: int) -> dict[str, np.ndarray]:
        """Return the states of one member's streams."""
        return self._moves.state(member)

    def load(self, member: int, state: Mapping[str, np.ndarray]) -> None:
        """Restore a result of `state`."""
        self._moves.load(member, state)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self._moves.keep(members)

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """Set the order of images in an epoch; see `Moves`."""
        self._moves.start_epoch(orders, epoch)

    def __call__(self, images: Tensor, targets: Tensor, start: int = 0) -> tuple[Tensor, Tensor]:
        """Change images (S, B, h, w, c), and with some augmentations their targets.

        Args:
            start: position of the first image in the order of the epoch.
        """
        s, b, h, w, c = images.shape
        draws = self._moves.draw(b, start)
        dy, dx, mirror = (torch.from_numpy(d.reshape(-1)).to(images.device) for d in draws)
        rows = torch.arange(h, device=images.device) + dy[:, None]
        columns = torch.arange(w, device=images.device)
        columns = torch.where(mirror[:, None] > 0, w - 1 - columns, columns) + dx[:, None]
        source, reach = images.view(s * b, h, w, c), 0
        if self._moves.augment.reflect:
            rows, columns = mirrored(rows, h), mirrored(columns, w)
        else:
            reach = self._moves.reach
            source = self._padded(source, reach)
        image = torch.arange(s * b, device=images.device)[:, None, None]
        found = source[image, rows[:, :, None] + reach, columns[:, None, :] + reach]
        return self._further(found.view(s, b, h, w, c), targets)

    def _padded(self, images: Tensor, reach: int) -> Tensor:
        """Return images (n, h, w, c) with a black border."""
        n, h, w, c = images.shape
        padded = self.blank.to(images.dtype).expand(n, h + 2 * reach, w + 2 * reach, c).clone()
        padded[:, reach : reach + h, reach : reach + w] = images
        return padded

    def _further(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if not self._moves.augment.others:
            return images, targets
        kind = torch.float64 if images.dtype is torch.float64 else torch.float32
        found = self._moves.change(images.to("cpu", kind).numpy(), targets.cpu().numpy())
        given = zip(found, (images, targets), strict=True)
        changed = (torch.from_numpy(array).to(like.device, like.dtype) for array, like in given)
        return tuple(changed)  # type: ignore[return-value]
