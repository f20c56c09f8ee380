"""Dropout masks from a stream of random bits per member.

NumPy draws the bits, so that a member drops the same units alone or in a cohort, on any device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from assay.core.seeds import stream

__all__ = ["Bits", "scaled_mask"]


class Bits:
    """Sixteen random bits per unit for each member.

    Args:
        seeds: the members' seeds.
        name: the layer's name; each layer has its own stream.
    """

    def __init__(self, seeds: Sequence[int], name: str, device: torch.device):
        self._raw = [stream(s, "dropout", name).bit_generator.random_raw for s in seeds]
        self._device = device

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """int16 (S, *shape), uniform over all 65,536 values."""
        count = int(np.prod(shape))
        words = -(-count // 4)
        rows = np.stack([raw(words) for raw in self._raw]).view(np.int16)[:, :count]
        return torch.from_numpy(rows).view(len(rows), *shape).to(self._device)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self._raw = [self._raw[m] for m in members]


def scaled_mask(bits: Tensor, rate: Tensor, dtype: torch.dtype) -> Tensor:
    """0 with probability `rate`, else 1 / (1 - rate); `rate` broadcasts over `bits`."""
    threshold = (rate * 65536 - 32768).round().to(torch.int16)
    # seen as bytes, because PyTorch turns booleans into floats seven times more slowly
    kept = (bits >= threshold).view(torch.uint8)
    return kept.to(dtype).mul_((1 / (1 - rate)).to(dtype))
