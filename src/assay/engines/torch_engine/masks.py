"""Dropout masks on a device, from the same random bits as in every engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from assay.engines import streams

__all__ = ["DeviceBits", "Masks"]


class DeviceBits:
    """`assay.engines.streams.Bits`, drawn on a device, without a copy from the host.

    PyTorch has no unsigned products and shifts: products are equal modulo 2^64, and the sign that a
    shift copies is masked out.

    Attributes:
        count: number of draws before; after `count_on_device` it is a tensor, which a CUDA graph
            increases.
    """

    def __init__(self, seeds: Sequence[int], name: str, device: torch.device):
        self._device = device
        self._keys = torch.from_numpy(streams.Bits(seeds, name).keys.view("int64")).to(device)
        self.count: int | Tensor = 0
        # one for each size of a batch, all kept, because a CUDA graph reads one at its address
        self._places: dict[tuple[int, int], Tensor] = {}

    def count_on_device(self) -> None:
        """Count draws in a tensor."""
        if not isinstance(self.count, Tensor):
            self.count = torch.tensor(self.count, device=self._device)

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """See `assay.engines.streams.Bits.draw`."""
        rows, width = math.prod(shape[:-1]), shape[-1]
        size = rows, -(-width // 4)
        if size not in self._places:
            places = streams.word_places(*size)
            self._places[size] = torch.from_numpy(places.view("int64")).to(self._device)
        own = self._keys + self._start()
        word = own[:, None, None] ^ self._places[size]
        for shift, factor in streams.MIX:
            word ^= (word >> shift).bitwise_and_((1 << 64 - shift) - 1)
            if factor != 1:
                word *= _signed(factor)
        self.count += 1
        return word.view(torch.int16)[..., :width].reshape(len(own), *shape)

    def _start(self) -> int | Tensor:
        """Return count * GOLDEN modulo 2^64."""
        if isinstance(self.count, Tensor):
            return self.count * _signed(streams.GOLDEN)
        return _signed(self.count * streams.GOLDEN % 2**64)

    def keep(self, members: Sequence[int]) -> None:
        """Keep only these members."""
        self._keys = self._keys[list(members)]


def _signed(number: int) -> int:
    """Return the signed integer with the same 64 bits."""
    return number - 2**64 if number >= 2**63 else number


class Masks:
    """Dropout masks of a stack: 0 with probability `rate`, else 1 / (1 - rate).

    As `assay.engines.streams.mask_numbers`, for several members at once. Threshold and scale are
    computed once, because an operation on a few numbers costs as much as one on a whole batch.

    Args:
        rate: float32, broadcasts over the bits.
    """

    def __init__(self, rate: Tensor):
        rate = rate.clamp(max=streams.MOST_DROPPED)
        self._threshold = (rate * 65536 - 32768).round().to(torch.int16)
        self._scale = 1 / (1 - rate)
        self._scales = {rate.dtype: self._scale}

    def scaled(self, bits: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the mask of `bits` (int16), of the same shape."""
        if dtype not in self._scales:
            self._scales[dtype] = self._scale.to(dtype)
        # viewed as bytes, because PyTorch converts booleans to floats seven times more slowly
        kept = (bits >= self._threshold).view(torch.uint8)
        return kept.to(dtype).mul_(self._scales[dtype])
