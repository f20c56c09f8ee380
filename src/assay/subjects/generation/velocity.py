"""The velocity of flow matching from a network, and the way from noise to pictures.

The path of a picture x1 from noise x0 ~ N(0, I) is straight, x_t = (1 - t) x0 + t x1, and its
velocity x1 - x0 = (x1 - x_t) / (1 - t). The network sees x_t and answers with the picture, of which
the velocity follows: pictures fill few of the directions in which noise goes, so that a narrow
network can say a picture where it could not carry the noise.

References:
    Y. Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023; X. Liu et al., "Flow
    Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", ICLR 2023; T.
    Li and K. He, "Back to Basics: Let Denoising Generative Models Denoise", 2025 (the picture).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from assay.subjects.generation.flow import PLACES, WAVES

__all__ = ["Module", "as_images", "euler", "picture"]

_SPREAD = 0.5
"""Standard deviation that pictures from -1 to 1 are taken to have, to scale what is seen."""

Module = Callable[[Tensor], dict[str, Tensor]]
"""Images (n, c + PLANES, h, w) -> {"image": (n, c, h, w)}."""


def as_images(points: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Latent points (n, h * w * c) as images (n, c, h, w) of `shape` (h, w, c): a view."""
    return points.view(len(points), *shape).permute(0, 3, 1, 2)


def picture(module: Module, images: Tensor, times: Tensor) -> Tensor:
    """The picture (n, c, h, w) that images lead to at these times (n,), 0 for noise, 1 for
    pictures."""
    t = times.view(-1, 1, 1, 1)
    scale = ((1 - t).square() + (_SPREAD * t).square()).rsqrt()
    seen = torch.cat([images * scale, _planes(t, images)], 1)
    return module(seen.contiguous(memory_format=torch.channels_last))["image"]


def _planes(t: Tensor, images: Tensor) -> Tensor:
    """Waves of the times (n, 1, 1, 1), of the rows and of the columns as channels."""
    n, _, *sides = images.shape
    turns = torch.arange(WAVES, device=t.device, dtype=t.dtype).exp2().view(1, -1, 1, 1) * math.pi
    planes = [(turns * t).cos(), (turns * t).sin()]
    for axis, side in enumerate(sides):
        at = (torch.arange(side, device=t.device, dtype=t.dtype) + 0.5) / side
        along = [1, 1, 1, 1]
        along[2 + axis] = side
        planes.append((turns[:, :PLACES] * at.view(along)).cos())
    return torch.cat([plane.expand(n, -1, *sides) for plane in planes], 1)


def euler(module: Module, noise: Tensor, steps: int) -> Tensor:
    """Follow the velocity from noise (n, c, h, w) to pictures, in equal steps of time: a step of
    1 / steps at time k / steps goes 1 / (steps - k) of the way to the picture."""
    images = noise
    for k in range(steps):
        times = torch.full((len(noise),), k / steps, dtype=noise.dtype, device=noise.device)
        images = images + (picture(module, images, times) - images) / (steps - k)
    return images
