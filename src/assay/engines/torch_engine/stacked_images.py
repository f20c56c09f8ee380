"""Layers of images in a stack: a convolution of all members is one batched product of patches.

It saves calls, which take most of the time of a narrow network's step. Patches contain every pixel
once for each window, so wide networks train faster one by one with oneDNN and cuDNN, which need no
patches; `stacking` measures which is faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from assay.engines.torch_engine import gemm
from assay.engines.torch_engine.modules import same_padding
from assay.engines.torch_engine.stacked import BLOCKS, Block, DenseBlock
from assay.networks import layers
from assay.networks.network import Network

if TYPE_CHECKING:
    import numpy as np

__all__ = ["IMAGE_BLOCKS", "stackable_images"]


class ConvBlock(DenseBlock):
    """z = patches(x) W + b: (S, B, h, w, c) -> (S, B, h', w', filters).

    The kernel has the shape (S, side * side * c, filters).
    """

    def forward(self, x: Tensor, training: bool) -> Tensor:
        layer: layers.Conv2D = self.stack[0]
        members = len(self.stack)
        shared = members > 1 and x.stride(0) == 0  # the same images: extract patches once
        image = self._padded((x[:1] if shared else x).to(self.place.compute))
        count, batch, high, wide, channels = image.shape
        out = [(side - layer.kernel_size) // layer.strides + 1 for side in (high, wide)]
        cut = [image[places] for places in _windows(layer, out)]
        patches = torch.cat(cut, -1).view(count, batch * out[0] * out[1], -1)
        self._kept = (patches, (batch, high, wide, channels), out) if training else None
        bias = self.params.get("bias")
        bias = None if bias is None else bias.to(self.low.dtype)
        found = gemm.affine(patches, self.low, bias)
        return found.view(members, batch, *out, layer.filters)

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        patches, (batch, high, wide, channels), out = self._kept
        d = d.reshape(len(d), batch * out[0] * out[1], -1)
        if "bias" in self.params:
            self.gradients["bias"] = d.sum(1, keepdim=True, dtype=self.place.master)
        d = d.to(self.place.compute)
        patches = patches.expand(len(d), -1, -1)
        self.gradients["kernel"] = self.weight_gradient(patches, d)
        if not need_input:
            return None
        layer: layers.Conv2D = self.stack[0]
        # sums over windows in the master type, because adding bfloat16 is eight times slower
        seen = gemm.input_gradient(d, self.low).to(self.place.master)
        seen = seen.view(len(d), batch, *out, -1, channels)
        image = seen.new_zeros(len(d), batch, high, wide, channels)
        for i, places in enumerate(_windows(layer, out)):
            image[places] += seen[..., i, :]
        (top, bottom), (left, right) = self._borders(high, wide)
        return image[:, :, top : high - bottom, left : wide - right].to(d.dtype)

    def part(self, key: str, tensor: Tensor, member: int) -> Tensor:
        row = super().part(key, tensor, member)
        side = self.stack[member].kernel_size
        return row.view(side, side, -1, row.shape[-1]) if key == "kernel" else row

    def _stack(self, weights: Sequence[Mapping[str, np.ndarray]], key: str) -> Tensor:
        found = torch.stack([torch.as_tensor(given[f"{self.name}.{key}"]) for given in weights])
        found = found.flatten(1, -2) if key == "kernel" else found
        return found.to(self.place.device, self.place.master)

    def own(self, key: str, member: int) -> tuple[slice, ...]:
        return (slice(None),)

    def _padded(self, x: Tensor) -> Tensor:
        layer: layers.Conv2D = self.stack[0]
        if layer.padding != "same":
            return x
        sides = [same_padding(n, layer.kernel_size, layer.strides) for n in x.shape[2:4]]
        self._sides = sides
        return F.pad(x, (0, 0, *sides[1], *sides[0])) if any(map(any, sides)) else x

    def _borders(self, high: int, wide: int) -> list[tuple[int, int]]:
        """Return the padding before and after rows and columns."""
        return self._sides if self.stack[0].padding == "same" else [(0, 0), (0, 0)]


def _windows(layer: layers.Conv2D, out: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Return the pixels of (S, B, h, w, c) under the first, second, ... position of all windows."""
    step = layer.strides
    rows, columns = (
        [slice(first, first + (n - 1) * step + 1, step) for first in range(layer.kernel_size)]
        for n in out
    )
    for row in rows:
        for column in columns:
            yield slice(None), slice(None), row, column


class MaxPoolBlock(Block):
    """Largest value of each window; the gradient goes to the first maximum."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        layer: layers.MaxPool2D = self.stack[0]
        planes = x.flatten(0, 1).permute(0, 3, 1, 2)
        size, step = [layer.pool_size] * 2, [layer.step] * 2
        y, places = torch.ops.aten.max_pool2d_with_indices(planes, size, step)
        self._kept = (planes, places, x.shape) if training else None
        return y.permute(0, 2, 3, 1).view(*x.shape[:2], *y.shape[2:], x.shape[-1])

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        if not need_input:
            return None
        planes, places, shape = self._kept
        layer: layers.MaxPool2D = self.stack[0]
        size, step = [layer.pool_size] * 2, [layer.step] * 2
        found = torch.ops.aten.max_pool2d_with_indices_backward(
            d.flatten(0, 1).permute(0, 3, 1, 2), planes, size, step, [0, 0], [1, 1], False, places
        )
        return found.permute(0, 2, 3, 1).reshape(shape)


class GlobalAveragePoolBlock(Block):
    """Mean over height and width: (S, B, h, w, c) -> (S, B, c)."""

    def forward(self, x: Tensor, training: bool) -> Tensor:
        self._kept = x.shape
        return x.mean((2, 3))

    def backward(self, d: Tensor, need_input: bool) -> Tensor | None:
        shape = self._kept
        return (d / math.prod(shape[2:4]))[:, :, None, None].expand(shape)


IMAGE_BLOCKS: dict[type[layers.Layer], type[Block]] = {
    layers.Conv2D: ConvBlock,
    layers.MaxPool2D: MaxPoolBlock,
    layers.GlobalAveragePool: GlobalAveragePoolBlock,
}
"""Layers of images that can be stacked."""


def stackable_images(network: Network) -> bool:
    """Whether this is a network with convolutions whose layers can all be trained as a stack."""
    chain = [place.layer for place in network.places()]
    pools = [layer for layer in chain if isinstance(layer, layers.MaxPool2D)]
    return (
        any(isinstance(layer, layers.Conv2D) for layer in chain)
        and all(type(layer) in BLOCKS or type(layer) in IMAGE_BLOCKS for layer in chain)
        and all(layer.padding == "valid" for layer in pools)
    )
