"""Dropout masks on a device, from the random bits that every engine draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from assay.engines import streams

__all__ = ["Bits", "scaled_mask"]


class Bits:
    """`assay.engines.streams.Bits` as tensors on a device."""

    def __init__(self, seeds: Sequence[int], name: str, device: torch.device):
        self._bits, self._device = streams.Bits(seeds, name), device

    @property
    def streams(self) -> list[np.random.Generator]:
        """The members' streams."""
        return self._bits.streams

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """int16 (S, *shape), uniform over all 65,536 values."""
        return torch.from_numpy(self._bits.draw(shape)).to(self._device)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self._bits.keep(members)


def scaled_mask(bits: Tensor, rate: Tensor, dtype: torch.dtype) -> Tensor:
    """0 with probability `rate`, else 1 / (1 - rate); `rate` broadcasts over `bits`.

    As `assay.engines.streams.scaled_mask`, for several members at once.
    """
    threshold = (rate * 65536 - 32768).round().to(torch.int16)
    # seen as bytes, because PyTorch turns booleans into floats seven times more slowly
    kept = (bits >= threshold).view(torch.uint8)
    return kept.to(dtype).mul_((1 / (1 - rate)).to(dtype))
