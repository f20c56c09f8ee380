"""A network of velocities, trained by one loss."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from assay.core.seeds import stream
from assay.engines.torch_engine.images import DeviceSplit
from assay.subjects.generation.training.parts import ROWS, PartsProgram
from assay.subjects.generation.velocity import as_images, picture

__all__ = ["FlowProgram", "spread_times"]

_NEAR = 0.05
"""Least time that is left when an error is divided by it: near pictures it would explode."""


def spread_times(count: int, start: float, kind: str) -> Tensor:
    """Times (count,) spread evenly over their distribution, float32.

    Args:
        start: from 0 to 1, where the first one lies; uniform, if the times are to be.
        kind: one of `assay.subjects.generation.flow_matching.TIMES`.

    References:
        D. Kingma et al., "Variational Diffusion Models", NeurIPS 2021 (spread over a batch).
    """
    shares = (start + torch.arange(count, dtype=torch.float64) / count) % 1
    if kind == "logit_normal":
        shares = torch.sigmoid(torch.special.ndtri(shares))
    return shares.float()


class FlowProgram(PartsProgram):
    """See `assay.subjects.generation.flow_matching` for the task."""

    maker: ClassVar[str] = "velocity"

    def step(
        self, images: Tensor, number: int, fraction: float, factor: float
    ) -> dict[str, Tensor]:
        """See `PartsProgram`."""
        rng = self.begin(number)
        noise = self.points(len(images), rng)
        times = spread_times(len(images), rng.random(), self.task.times)
        with torch.enable_grad():
            loss = self._errors(images, noise, times).mean()
            self.descend(self.maker, loss, factor)
        self.average.update()
        return {"loss": loss.detach()}

    def _errors(self, images: Tensor, points: Tensor, times: Tensor) -> Tensor:
        """Mean squared errors of the velocity (B,) on the way from noise (B, latent): those of the
        picture, divided by the time that is left."""
        real = images.to(self.place.master)
        noise = as_images(points, (*real.shape[2:], real.shape[1]))
        times = times.to(real.device, real.dtype)
        t = times.view(-1, 1, 1, 1)
        found = picture(self.modules[self.maker], (1 - t) * noise + t * real, times)
        return ((found - real) / (1 - t).clamp_min(_NEAR)).square().mean((1, 2, 3))

    def losses(self, split: DeviceSplit) -> dict[str, float]:
        """ "loss" with noise and times that are always the same."""
        rng, total = stream(0, "evaluation"), 0.0
        times = spread_times(len(split), 0.5 / len(split), self.task.times)
        times = times[torch.from_numpy(rng.permutation(len(split)))]
        self.modules[self.maker].eval()
        with torch.no_grad(), self.average.in_place():
            for start in range(0, len(split), ROWS):
                images = split.part(start, start + ROWS)[0].permute(0, 3, 1, 2)
                noise = self.points(len(images), rng)
                errors = self._errors(images, noise, times[start : start + ROWS])
                total += float(errors.double().sum())
        return {"loss": total / len(split)}
