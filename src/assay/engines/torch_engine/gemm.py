"""Matrix products of a stack of members: (S, batch, in) x (S, in, out).

Measured on one thread of a CPU with AVX-512, 784 x 512 at batch 32: PyTorch's float32 `mm` (MKL)
takes 290 us, oneDNN's linear 150 us; in bfloat16 a batched product takes 70 to 85 us a member. On
one with AVX2 oneDNN is the slower one: 768 us for a gradient of 784 x 300 that takes 303. So large
float32 products on the CPU use oneDNN for each member, unless a measurement (`compiled.choice`)
showed that it is slower; everything else uses one batched product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "Product",
    "affine",
    "beside",
    "by_outputs",
    "input_gradient",
    "prefer",
    "together",
    "weight_gradient",
]


class Product(NamedTuple):
    """A weight gradient x^T d that has not been computed yet.

    Attributes:
        x: (S, B, i), or (G, B, i) for kernels `by_outputs`, see `beside`.
        d: (S, B, o).
    """

    x: Tensor
    d: Tensor


_FEW = 32_768
"""Size of a kernel up to which calling oneDNN for every member does not pay."""

_wanted: bool | None = None


def prefer(onednn: bool | None) -> None:
    """Choose whether oneDNN multiplies large float32 kernels; None if it was not measured."""
    global _wanted
    _wanted = onednn


def _onednn_linear(x: Tensor, entries: int) -> bool:
    """Whether to use oneDNN for float32 products of this tensor with such a kernel."""
    return (
        _wanted is not False
        and x.device.type == "cpu"
        and x.dtype is torch.float32
        and entries > _FEW
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x weight^T + bias of one member, by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def by_outputs(kernel: Tensor) -> Tensor:
    """Return a kernel (S, i, o) in memory in the order of (S, o, i); see `beside`."""
    return kernel.transpose(1, 2).contiguous().transpose(1, 2)


def beside(kernel: Tensor, groups: int) -> Tensor:
    """(S, i, o) -> (G, i, S / G * o), a view: the kernels of neighbours as one wide kernel.

    Members with the same batches form one product with it, which reads the batch once. The kernel
    has to be stored `by_outputs`.
    """
    members, inputs, outputs = kernel.shape
    rows = kernel.transpose(1, 2).view(groups, members // groups * outputs, inputs)
    return rows.transpose(1, 2)


def together(d: Tensor, groups: int) -> Tensor:
    """(S, B, o) -> (G, B, S / G * o): numbers of each member's outputs, for `beside`."""
    members, rows, outputs = d.shape
    parts = d.view(groups, members // groups, rows, outputs).transpose(1, 2)
    return parts.reshape(groups, rows, -1)


def _wide(x: Tensor, kernel: Tensor) -> bool:
    """Whether members share the rows of x, and their kernels are stored for it."""
    return len(x) < len(kernel) and kernel.transpose(1, 2).is_contiguous()


def affine(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """x W + b: (S, B, i), (S, i, o), (S, 1, o) -> (S, B, o); an x of (1, B, i) is shared, and one
    of (G, B, i) by S / G neighbours each if the kernel is stored `by_outputs`."""
    if _wide(x, kernel):
        groups, rows, outputs = len(x), x.shape[1], kernel.shape[2]
        y = torch.bmm(x, beside(kernel, groups)).view(groups, rows, -1, outputs)
        y = y.transpose(1, 2).reshape(len(kernel), rows, outputs)
        return y if bias is None else y.add_(bias)
    if _onednn_linear(x, kernel[0].numel()):
        rows = x.expand(len(kernel), -1, -1)
        biases = [None] * len(kernel) if bias is None else list(bias[:, 0])
        return torch.stack(
            [_linear(r, w.t(), b) for r, w, b in zip(rows, kernel, biases, strict=True)]
        )
    x = x.expand(len(kernel), -1, -1)
    return torch.bmm(x, kernel) if bias is None else torch.baddbmm(bias, x, kernel)


def input_gradient(d: Tensor, kernel: Tensor) -> Tensor:
    """d W^T: (S, B, o), (S, i, o) -> (S, B, i)."""
    if _onednn_linear(d, kernel[0].numel()):
        return torch.stack([_linear(e, w, None) for e, w in zip(d, kernel, strict=True)])
    return torch.bmm(d, kernel.transpose(1, 2))


def weight_gradient(x: Tensor, d: Tensor, out: Tensor) -> Tensor | list[Tensor]:
    """x^T d: (S, B, i), (S, B, o) -> (S, i, o), or S of (i, o) if members take turns.

    Args:
        x: (S, B, i), or shared as in `affine`.
        out: memory (S, i, o) that the batched product writes to: fresh memory of this size costs
            more in page faults than the product itself.
    """
    if _wide(x, out):
        whole = beside(out, len(x)).transpose(1, 2)
        torch.bmm(together(d, len(x)).transpose(1, 2), x, out=whole)
        return out
    if _onednn_linear(d, out[0].numel()):
        return [_linear(a.t(), e.t(), None) for a, e in zip(x, d, strict=True)]
    return torch.bmm(x.transpose(1, 2), d, out=out)
