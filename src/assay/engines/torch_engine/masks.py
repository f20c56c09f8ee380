"""Dropout masks on a device, from the same random bits as in every engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from assay.engines import streams

__all__ = ["DeviceBits", "Masks"]


class DeviceBits:
    """`assay.engines.streams.Bits` as tensors on a device."""

    def __init__(self, seeds: Sequence[int], name: str, device: torch.device):
        self._bits, self._device = streams.Bits(seeds, name), device

    @property
    def streams(self) -> list[np.random.Generator]:
        """The members' streams."""
        return self._bits.streams

    def draw(self, shape: tuple[int, ...], widths: Sequence[int] | None = None) -> Tensor:
        """See `assay.engines.streams.Bits.draw`."""
        return torch.from_numpy(self._bits.draw(shape, widths)).to(self._device)

    def keep(self, members: Sequence[int]) -> None:
        """Keep only these members."""
        self._bits.keep(members)


class Masks:
    """Dropout masks of a stack: 0 with probability `rate`, else 1 / (1 - rate).

    As `assay.engines.streams.scaled_mask`, for several members at once. Threshold and scale are
    computed once, because an operation on a few numbers costs as much as one on a whole batch.

    Args:
        rate: float32, broadcasts over the bits.
    """

    def __init__(self, rate: Tensor):
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
