"""Changes of pictures through which gradients pass, for a discriminator that has few real ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = ["CHANGES", "change"]

SHIFT, CUT = 1 / 8, 1 / 2
"""Largest shift and side of the blank square, as shares of the picture's side."""


def change(images: Tensor, policies: tuple[str, ...], rng: np.random.Generator) -> Tensor:
    """Change pictures (B, c, h, w) from -1 to 1, each in its own way, one policy after the other.

    References:
        S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020.
    """
    for policy in policies:
        images = CHANGES[policy](images, rng)
    return images


def _numbers(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device, like.dtype).view(-1, 1, 1, 1)


def _flip(x: Tensor, rng: np.random.Generator) -> Tensor:
    mirror = torch.from_numpy(rng.integers(0, 2, len(x)) > 0).to(x.device).view(-1, 1, 1, 1)
    return torch.where(mirror, x.flip(3), x)


def _color(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, then saturation, then contrast."""
    x = x + _numbers(rng.uniform(-0.5, 0.5, len(x)), x)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _numbers(rng.uniform(0, 2, len(x)), x)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * _numbers(rng.uniform(0.5, 1.5, len(x)), x)


def _translation(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Grey moves in from outside."""
    height, width = x.shape[2:]
    reach = round(height * SHIFT), round(width * SHIFT)
    moves = np.stack([rng.integers(0, 2 * r + 1, len(x)) for r in reach], 1)
    padded = torch.nn.functional.pad(x, (reach[1], reach[1], reach[0], reach[0]))
    rows = [
        image[:, top : top + height, left : left + width]
        for image, (top, left) in zip(padded, moves.tolist(), strict=True)
    ]
    return torch.stack(rows).contiguous(memory_format=torch.channels_last)


def _cutout(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A grey square somewhere, partly outside perhaps."""
    masks = []
    for side in x.shape[2:]:
        middle = rng.uniform(0, side, (len(x), 1))
        masks.append(np.abs(np.arange(side) + 0.5 - middle) < side * CUT / 2)
    inside = masks[0][:, :, None] & masks[1][:, None, :]
    return x * torch.from_numpy(~inside).to(x.device)[:, None]


CHANGES: dict[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
    "flip": _flip,
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
"""By the names of `assay.subjects.generation.adversarial.POLICIES`."""
