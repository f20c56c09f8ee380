"""The layers of `assay.networks.generator_layers` as modules for autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.engines.streams import normal_numbers
from assay.engines.torch_engine.masks import DeviceBits
from assay.networks import generator_layers as layers
from assay.networks.layers import Layer

__all__ = ["WITHOUT_WEIGHTS", "WITH_WEIGHTS", "ConvTransposeModule", "GaussianNoiseModule"]


class ConvTransposeModule(nn.Module):
    """Transposed convolution with Keras's "same"; the kernel is kept (out, in, kh, kw)."""

    def __init__(self, layer: layers.Conv2DTranspose, weights: dict[str, Tensor]):
        super().__init__()
        self.layer = layer
        kernel = weights["kernel"].permute(3, 2, 0, 1)
        self.kernel = nn.Parameter(kernel.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(weights["bias"]) if layer.use_bias else None

    def forward(self, x: Tensor) -> Tensor:
        size, strides = self.layer.kernel_size, self.layer.strides
        before = max(size - strides, 0) // 2  # padding "same" before the rows of a convolution
        kernel = self.kernel.to(x.dtype).transpose(0, 1).contiguous()
        # without the bias, which makes oneDNN ten times slower in bfloat16, and which must also be
        # added in gaps between the kernels
        y = F.conv_transpose2d(x, kernel, None, strides)
        # the transposed convolution pads more after than before, but PyTorch only supports equal
        # padding
        bottom, right = (
            n * strides + before - ((n - 1) * strides + size) for n in (x.shape[2], x.shape[3])
        )
        # F.pad keeps the memory format in both directions, the gradient of a slice does not, which
        # takes three times as long
        y = F.pad(y, (-before, right, -before, bottom))
        if self.bias is not None:
            y = y + self.bias.to(x.dtype)[:, None, None]
        return y.contiguous(memory_format=torch.channels_last)


class UpSamplingModule(nn.Module):
    """Upsampling by a whole factor."""

    def __init__(self, layer: layers.UpSampling2D):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        bilinear = self.layer.interpolation == "bilinear"
        corners = {"align_corners": False} if bilinear else {}
        return F.interpolate(
            x, scale_factor=self.layer.size, mode=self.layer.interpolation, **corners
        )


class ReshapeModule(nn.Module):
    """(B, h * w * c) or (B, c', h', w') -> (B, c, h, w) in channels_last memory: a view."""

    def __init__(self, layer: layers.Reshape):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        flat = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
        return flat.view(len(x), self.layer.height, self.layer.width, -1).permute(0, 3, 1, 2)


class LeakyReLUModule(nn.Module):
    """x or slope * x."""

    def __init__(self, layer: layers.LeakyReLU):
        super().__init__()
        self.slope = layer.negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope)


class GaussianNoiseModule(nn.Module):
    """Normal noise while training, of the random bits of the run's seed.

    Attributes:
        bits: its random bits, equal in every engine.
        random: a generator that the program sets to draw from instead.
    """

    def __init__(self, layer: layers.GaussianNoise, name: str, seed: int, device: torch.device):
        super().__init__()
        self.stddev = layer.stddev
        self.bits = DeviceBits([seed], name, device)
        self.random: torch.Generator | None = None
        self._numbers = torch.from_numpy(normal_numbers()).to(device) * layer.stddev

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.stddev:
            return x
        # contiguous, in which drawing is ten times faster than in channels_last
        shape = (len(x), *x.shape[2:], x.shape[1]) if x.dim() == 4 else x.shape
        if self.random is None:
            places = self.bits.draw(shape)[0].int().add_(32768)
            # four times as fast as indexing
            noise = self._numbers.index_select(0, places.view(-1)).view(shape).to(x.dtype)
        else:
            noise = torch.empty(shape, dtype=x.dtype, device=x.device)
            noise.normal_(0.0, self.stddev, generator=self.random)
        return x + (noise.permute(0, 3, 1, 2) if x.dim() == 4 else noise)


WITH_WEIGHTS: dict[type[Layer], Callable[[Any, dict[str, Tensor]], nn.Module]] = {
    layers.Conv2DTranspose: ConvTransposeModule,
}
WITHOUT_WEIGHTS: dict[type[Layer], Callable[[Any], nn.Module]] = {
    layers.UpSampling2D: UpSamplingModule,
    layers.Reshape: ReshapeModule,
    layers.LeakyReLU: LeakyReLUModule,
}
