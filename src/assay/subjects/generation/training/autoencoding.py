"""An encoder and a decoder, trained by one loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from assay.core.seeds import stream
from assay.data.dataset import FitData
from assay.engines.engine import Member
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.images import DeviceSplit
from assay.engines.torch_engine.optimizers import update
from assay.subjects.generation.judge import look
from assay.subjects.generation.latents import fit_mixture
from assay.subjects.generation.training.parts import ROWS, PartsProgram

if TYPE_CHECKING:
    from assay.subjects.generation.autoencode import Autoencode

__all__ = ["AutoencodingProgram"]

KEPT = 16
"""Number of reconstructions in a record."""

_LOG_VARIANCES = (-12.0, 8.0)
"""Limits of log-variances, to avoid overflow."""


class AutoencodingProgram(PartsProgram):
    """See `assay.subjects.generation.autoencode` for the task."""

    maker: ClassVar[str] = "decoder"

    def __init__(self, member: Member, place: DevicePlace, task: Autoencode, fit: FitData):
        super().__init__(member, place, task, fit)
        self._looker = None
        if task.perceptual:
            # another network than that of the evaluation, to which training would otherwise overfit
            found = look(fit, task.features, seed=1)
            self._looker = found.encoder.to(place.device, place.compute)

    def step(
        self, images: Tensor, number: int, fraction: float, factor: float
    ) -> dict[str, Tensor]:
        """See `PartsProgram`."""
        noise = self.points(len(images), self.begin(number))
        weight = self.task.beta * min(1.0, fraction / self.task.warmup if self.task.warmup else 1)
        with torch.enable_grad():
            mean, log_variance = self._encode(images)
            made = self.modules["decoder"](mean + (log_variance / 2).exp() * noise)["image"]
            reconstruction = self._reconstruction(made, images).mean()
            divergence = _divergence(mean, log_variance).mean(0)  # (latent,)
            counted = divergence.clamp_min(self.task.free_bits).sum()
            loss = reconstruction + weight * counted
            weights = [s.weight for slots in self.slots.values() for s in slots]
            gradients = list(torch.autograd.grad(loss, weights))
        self._update(gradients, factor)
        self.average.update()
        return {
            "loss": loss.detach(),
            "reconstruction_loss": reconstruction.detach(),
            "divergence": divergence.detach().sum(),
        }

    def _update(self, gradients: list[Tensor], factor: float) -> None:
        slots = [slot for part in self.slots.values() for slot in part]
        with torch.no_grad():
            update(type(self.member.training.optimizer), slots, gradients, factor)

    def _encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.modules["encoder"](images)
        return found["mean"], found["log_variance"].clamp(*_LOG_VARIANCES)

    def _reconstruction(self, made: Tensor, images: Tensor) -> Tensor:
        """Return the reconstruction loss of pictures (B, c, h, w), (B,)."""
        real = images.to(made.dtype)
        if self.task.loss_name == "absolute":
            each = (made - real).abs() / 2
        elif self.task.loss_name == "squared":
            each = (made - real).square() / 4
        else:
            share = ((made + 1) / 2).clamp(1e-4, 1 - 1e-4)
            each = F.binary_cross_entropy(share, (real + 1) / 2, reduction="none")
        loss = each.sum((1, 2, 3))
        if self._looker is not None:
            made, real = (self._looker(x.to(self.place.compute)) for x in (made, real))
            seen = zip(made, real, strict=True)
            apart = sum((a - b).float().square().mean((1, 2, 3)) for a, b in seen)
            loss = loss + self.task.perceptual * apart
        return loss

    # -- evaluation ----------------------------------------------------------------------------

    def _encoded(self, split: DeviceSplit) -> tuple[Tensor, Tensor]:
        """Return means and log-variances of all pictures of a split, (n, latent) each."""
        self.modules["encoder"].eval()
        with torch.no_grad():
            parts = [
                self._encode(split.part(i, i + ROWS)[0].permute(0, 3, 1, 2))
                for i in range(0, len(split), ROWS)
            ]
        means, log_variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(log_variances)

    def prepare(self, train: DeviceSplit) -> None:
        """Fit the mixture to latent points of the training part."""
        if self.task.prior == "mixture":
            mean, log_variance = self._encoded(train)
            rng = stream(self.member.seed, "prior")
            noise = rng.standard_normal(tuple(mean.shape), np.float32)
            points = mean.cpu().numpy() + np.exp(log_variance.cpu().numpy() / 2) * noise
            if np.isfinite(points).all():  # non-finite ones show in the losses
                self.prior = fit_mixture(points, self.task.components, rng)

    def losses(self, split: DeviceSplit) -> dict[str, float]:
        """ "loss", its two parts, and "reconstruction_error": root mean square, 0 to 1."""
        mean, log_variance = self._encoded(split)
        rng = stream(0, "evaluation")
        totals = np.zeros(2)
        with torch.no_grad(), self.average.in_place():
            decoder = self.modules["decoder"].eval()
            for i in range(0, len(split), ROWS):
                images = split.part(i, i + ROWS)[0].permute(0, 3, 1, 2)
                part, noise = slice(i, i + ROWS), self.points(len(images), rng)
                drawn = mean[part] + (log_variance[part] / 2).exp() * noise
                made, exact = decoder(drawn)["image"], decoder(mean[part])["image"]
                squares = (exact - images.to(exact.dtype)).square().mean((1, 2, 3)) / 4
                both = self._reconstruction(made, images).sum(), squares.sum()
                totals += [float(v.double()) for v in both]
        reconstruction, squared = totals / len(split)
        divergence = float(_divergence(mean, log_variance).sum(1).double().mean())
        return {
            "loss": float(reconstruction + self.task.beta * divergence),
            "reconstruction_loss": float(reconstruction),
            "divergence": divergence,
            "reconstruction_error": float(np.sqrt(squared)),
        }

    def reconstruct(self, split: DeviceSplit, places: np.ndarray) -> np.ndarray:
        """See `PartsProgram`."""
        return self.make(self._encoded(split)[0].float().cpu().numpy()[places])

    def extras(self, test: DeviceSplit) -> dict[str, np.ndarray]:
        """Return reconstructions of the first test pictures, and a map of all latent points."""
        mean, _ = self._encoded(test)
        centred = (mean - mean.mean(0)).double().cpu().numpy()
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        return {
            "test_reconstruction": self.reconstruct(test, np.arange(min(KEPT, len(test)))),
            "test_latent": (centred @ axes[:2].T).astype(np.float32),
        }


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence from N(0, 1) of each latent dimension, (B, latent), in nats."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2
