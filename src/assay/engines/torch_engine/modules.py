"""Layers as modules for autograd.

Weights are float32 and cast to the compute type in the forward pass, so that updates have full
precision. Images stay in channels_last memory, in which oneDNN and cuDNN are fast and Flatten
agrees with Keras (rows, columns, channels).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.engines.torch_engine.activations import FORWARD
from assay.engines.torch_engine.masks import DeviceBits, Masks
from assay.engines.torch_engine.patches import convolve
from assay.networks import image_layers, layers

__all__ = [
    "WITHOUT_WEIGHTS",
    "WITH_WEIGHTS",
    "ActivationModule",
    "ConvModule",
    "DropoutModule",
    "ResidualModule",
]


def same_padding(size: int, window: int, strides: int) -> tuple[int, int]:
    """Return the padding "same" before and after a side; the extra zero is after, as in Keras."""
    total = max(0, (-(-size // strides) - 1) * strides + window - size)
    return total // 2, total - total // 2


def _pad_image(
    x: Tensor, window: int, strides: int, number: float = 0.0, unread: tuple[int, int] = (0, 0)
) -> Tensor:
    """Pad for "same", without `unread` rows at the bottom and columns at the right."""
    top, bottom = same_padding(x.shape[2], window, strides)
    left, right = same_padding(x.shape[3], window, strides)
    sides = (left, right - unread[1], top, bottom - unread[0])
    return F.pad(x, sides, value=number) if any(sides) else x


class DenseModule(nn.Module):
    """y = x W + b, with a kernel (in, out)."""

    def __init__(self, layer: layers.Dense, weights: dict[str, Tensor]):
        super().__init__()
        self.kernel = nn.Parameter(weights["kernel"])
        self.bias = nn.Parameter(weights["bias"]) if layer.use_bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.kernel.to(x.dtype).t(), bias)


class ConvModule(nn.Module):
    """Convolution; the kernel has PyTorch's layout, (out, in, kh, kw) in channels_last.

    Attributes:
        unread: rows at the bottom and columns at the right of the output that are not read and not
            computed.
    """

    def __init__(self, layer: layers.Conv2D, weights: dict[str, Tensor]):
        super().__init__()
        self.layer = layer
        self.unread = (0, 0)
        kernel = weights["kernel"].permute(3, 2, 0, 1)
        self.kernel = nn.Parameter(kernel.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(weights["bias"]) if layer.use_bias else None

    def forward(self, x: Tensor) -> Tensor:
        layer, padding = self.layer, (0, 0)
        if layer.padding == "same":
            sides = [same_padding(n, layer.kernel_size, layer.strides) for n in x.shape[2:]]
            if all(first == last for first, last in sides) and not any(self.unread):
                padding = (sides[0][0], sides[1][0])  # no copy of the image
            else:
                x = _pad_image(x, layer.kernel_size, layer.strides, unread=self.unread)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        y = convolve(x, self.kernel.to(x.dtype), bias, layer.strides, padding)
        # with one input channel the memory format is ambiguous, and PyTorch uses channels_first, in
        # which the following pooling is sixty times slower
        return y.contiguous(memory_format=torch.channels_last)


class PoolModule(nn.Module):
    """Max or average pooling, optionally with Keras's "same" padding."""

    def __init__(self, layer: layers.MaxPool2D):
        super().__init__()
        self.layer = layer
        self.average = isinstance(layer, layers.AveragePool2D)

    def forward(self, x: Tensor) -> Tensor:
        size, step = self.layer.pool_size, self.layer.step
        pool = F.avg_pool2d if self.average else F.max_pool2d
        if self.layer.padding == "valid":
            return pool(x, size, step)
        padded = _pad_image(x, size, step, 0.0 if self.average else float("-inf"))
        if not self.average:
            return pool(padded, size, step)
        ones = _pad_image(torch.ones_like(x[:1, :1]), size, step)
        return pool(padded, size, step) / pool(ones, size, step)


class BatchNormModule(nn.Module):
    """Batch norm with Keras's moving averages: momentum 0.99, biased variance."""

    def __init__(self, layer: layers.BatchNorm, weights: dict[str, Tensor]):
        super().__init__()
        self.layer = layer
        self.gamma = nn.Parameter(weights["gamma"])
        self.beta = nn.Parameter(weights["beta"])
        self.register_buffer("moving_mean", weights["moving_mean"])
        self.register_buffer("moving_variance", weights["moving_variance"])

    def forward(self, x: Tensor) -> Tensor:
        epsilon = self.layer.epsilon
        if not self.training:
            y = F.batch_norm(
                x, self.moving_mean, self.moving_variance, self.gamma, self.beta, eps=epsilon
            )
            return y.to(x.dtype)
        y, mean, inverse = torch.native_batch_norm(
            x, self.gamma, self.beta, None, None, True, 0.0, epsilon
        )
        with torch.no_grad():
            variance = inverse.pow(-2) - epsilon
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.mul_(self.layer.momentum).add_(batch, alpha=1 - self.layer.momentum)
        return y.to(x.dtype)


class DropoutModule(nn.Module):
    """Dropout with the random bits of the run's seed."""

    def __init__(self, layer: layers.Dropout, name: str, seed: int, device: torch.device):
        super().__init__()
        self.rate = layer.rate
        self.masks = Masks(torch.tensor(layer.rate, device=device))
        self.bits = DeviceBits([seed], name, device)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return x
        # drawn as (h, w, c) in any memory format, so that engines agree
        shape = (len(x), *x.shape[2:], x.shape[1]) if x.dim() == 4 else tuple(x.shape)
        mask = self.masks.scaled(self.bits.draw(shape)[0], x.dtype)
        return x * (mask.permute(0, 3, 1, 2) if x.dim() == 4 else mask)


class ActivationModule(nn.Module):
    """An elementwise function."""

    def __init__(self, layer: layers.Activation):
        super().__init__()
        self.function = layer.function

    def forward(self, x: Tensor) -> Tensor:
        if self.function == "softmax" and x.dim() == 4:
            return F.softmax(x, dim=1)
        return FORWARD[self.function](x)


class FlattenModule(nn.Module):
    """(B, c, h, w) in channels_last -> (B, h * w * c): a view."""

    def __init__(self, layer: layers.Flatten):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x.flatten(1)


class SpaceToDepthModule(nn.Module):
    """Blocks of pixels to channels, rows of the block first, in channels_last memory."""

    def __init__(self, layer: layers.SpaceToDepth):
        super().__init__()
        self.size = layer.block_size

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        k = self.size
        rows = x.permute(0, 2, 3, 1).reshape(n, h // k, k, w // k, k * c)
        # whole rows of blocks at once, twice as fast as one copy over six axes
        return torch.cat(rows.unbind(2), -1).permute(0, 3, 1, 2)


class GlobalAveragePoolModule(nn.Module):
    """Mean over height and width."""

    def __init__(self, layer: layers.GlobalAveragePool):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class GlobalMaxPoolModule(nn.Module):
    """Largest value over height and width."""

    def __init__(self, layer: image_layers.GlobalMaxPool):
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


class SqueezeExciteModule(nn.Module):
    """Scale each channel by a function of all channels' means."""

    def __init__(self, layer: image_layers.SqueezeExcite, weights: dict[str, Tensor]):
        super().__init__()
        self.squeeze = nn.Parameter(weights["squeeze"])
        self.squeeze_bias = nn.Parameter(weights["squeeze_bias"])
        self.excite = nn.Parameter(weights["excite"])
        self.excite_bias = nn.Parameter(weights["excite_bias"])

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3))
        hidden = F.relu(F.linear(mean, self.squeeze.to(x.dtype).T, self.squeeze_bias.to(x.dtype)))
        gate = F.linear(hidden, self.excite.to(x.dtype).T, self.excite_bias.to(x.dtype))
        return x * torch.sigmoid(gate)[:, :, None, None]


class WhiteningModule(nn.Module):
    """A convolution whose filters, kept (out, in, kh, kw), are not trained; the bias is."""

    def __init__(self, layer: image_layers.Whitening, weights: dict[str, Tensor]):
        super().__init__()
        filters = weights["filters"].permute(3, 2, 0, 1)
        self.register_buffer("filters", filters.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(weights["bias"])

    def forward(self, x: Tensor) -> Tensor:
        y = convolve(x, self.filters.to(x.dtype), self.bias.to(x.dtype), 1, (0, 0))
        return y.contiguous(memory_format=torch.channels_last)


class ResidualModule(nn.Module):
    """body(x) + shortcut(x)."""

    def __init__(self, body: nn.Sequential, shortcut: nn.Module | None):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


WITH_WEIGHTS: dict[type[layers.Layer], Callable[[Any, dict[str, Tensor]], nn.Module]] = {
    layers.Dense: DenseModule,
    layers.Conv2D: ConvModule,
    layers.BatchNorm: BatchNormModule,
    image_layers.SqueezeExcite: SqueezeExciteModule,
    image_layers.Whitening: WhiteningModule,
}
WITHOUT_WEIGHTS: dict[type[layers.Layer], Callable[[Any], nn.Module]] = {
    layers.MaxPool2D: PoolModule,
    layers.AveragePool2D: PoolModule,
    layers.GlobalAveragePool: GlobalAveragePoolModule,
    image_layers.GlobalMaxPool: GlobalMaxPoolModule,
    layers.Flatten: FlattenModule,
    layers.SpaceToDepth: SpaceToDepthModule,
    layers.Activation: ActivationModule,
}
