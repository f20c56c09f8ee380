"""Convolution whose kernel gradient is one product of patches, for small maps on AMX.

oneDNN's AMX kernels for this gradient reach a tenth of the processor's speed on small feature maps;
with all patches side by side it is one large matrix product. The forward pass and the gradient of
the image use oneDNN.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["convolve", "convolve_by_patches"]

MOST_PIXELS = 64
"""Maximum size of an output map for which patches are faster."""


def convolve(
    x: Tensor, kernel: Tensor, bias: Tensor | None, strides: int, padding: tuple[int, int]
) -> Tensor:
    """Compute `conv2d` by the faster method; images and kernels in channels_last."""
    sides = zip(x.shape[2:], kernel.shape[2:], padding, strict=True)
    high, wide = ((side + 2 * pad - window) // strides + 1 for side, window, pad in sides)
    if (
        kernel.requires_grad
        and kernel.shape[2] > 1
        and high * wide <= MOST_PIXELS
        and x.dtype is torch.bfloat16
        and x.device.type == "cpu"
        and _amx()
    ):
        y = convolve_by_patches(x, kernel, strides, padding)
        return y if bias is None else y + bias[:, None, None]
    return F.conv2d(x, kernel, bias, strides, padding)


@functools.cache
def _amx() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def convolve_by_patches(
    x: Tensor, kernel: Tensor, strides: int, padding: tuple[int, int]
) -> Tensor:
    """`conv2d` without a bias: (n, c, h, w) and (out, c, kh, kw) in channels_last."""
    found: Tensor = _ByPatches.apply(x, kernel, strides, padding)
    return found


class _ByPatches(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, strides: int, padding: tuple) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.strides, ctx.padding = strides, padding
        return F.conv2d(x, kernel, None, strides, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        x, kernel = ctx.saved_tensors
        of_image = of_kernel = None
        if ctx.needs_input_grad[0]:
            of_image, _, _ = torch.ops.aten.convolution_backward(
                gradient, x, kernel, None, [ctx.strides] * 2, ctx.padding, [1, 1], False, [0, 0], 1,
                [True, False, False],
            )  # fmt: skip
        if ctx.needs_input_grad[1]:
            out, channels, high, wide = kernel.shape
            cut = _patches(x, gradient.shape[2:], (high, wide), ctx.strides, ctx.padding)
            flat = gradient.permute(0, 2, 3, 1).reshape(-1, out)
            of_kernel = (flat.t() @ cut).view(out, high, wide, channels).permute(0, 3, 1, 2)
        return of_image, of_kernel, None, None


def _patches(
    x: Tensor, places: Any, window: tuple[int, int], strides: int, padding: tuple[int, int]
) -> Tensor:
    """Return the patch of each output pixel, (n * pixels, kh * kw * c)."""
    image = x.permute(0, 2, 3, 1)
    if any(padding):
        image = F.pad(image, (0, 0, padding[1], padding[1], padding[0], padding[0]))
    image = image.contiguous()
    n, _, _, c = image.shape
    one, row, column, _ = image.stride()
    shape = (n, *places, *window, c)
    steps = (one, row * strides, column * strides, row, column, 1)
    return image.as_strided(shape, steps).reshape(n * places[0] * places[1], -1)
