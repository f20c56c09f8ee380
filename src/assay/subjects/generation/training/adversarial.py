"""A generator and a discriminator in turns, the discriminator first."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from assay.subjects.generation.training.diff_augment import change
from assay.subjects.generation.training.losses import LOSSES
from assay.subjects.generation.training.parts import PartsProgram

__all__ = ["AdversarialProgram"]


class AdversarialProgram(PartsProgram):
    """See `assay.subjects.generation.adversarial` for the task."""

    maker: ClassVar[str] = "generator"

    def step(
        self, images: Tensor, number: int, fraction: float, factor: float
    ) -> dict[str, Tensor]:
        """See `PartsProgram`. One batch of made pictures serves both updates."""
        rng, policies = self.begin(number), self.task.augment
        points = self.points(len(images), rng)
        discriminator_loss, generator_loss = LOSSES[self.task.loss_name]
        with torch.enable_grad():
            made = self.modules["generator"](points)["image"].to(images.dtype)
            real = change(images, policies, rng)
            shown = change(made.detach(), policies, rng)
            scores, penalty = self._scores(real, shown)
            d_loss = discriminator_loss(*scores)
            self.descend("discriminator", d_loss + penalty, factor)
            again = self._score(change(made, policies, rng))
            with torch.no_grad():  # what is real is the same to the generator, but for its score
                relative = self.task.loss_name == "relativistic"
                target = self._score(real) if relative else scores[0].detach()
            g_loss = generator_loss(target, again)
            self.descend("generator", g_loss, factor)
        self.average.update()
        return {
            "generator_loss": g_loss.detach(),
            "discriminator_loss": d_loss.detach(),
            "real_score": scores[0].detach().mean(),
            "made_score": scores[1].detach().mean(),
        }

    def _score(self, images: Tensor) -> Tensor:
        return self.modules["discriminator"](images)["score"][:, 0]

    def _scores(self, real: Tensor, made: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Scores of real and made pictures, and the penalty on their gradients."""
        r1, r2 = self.task.r1, self.task.r2
        real, made = real.requires_grad_(r1 > 0), made.requires_grad_(r2 > 0)
        scores = self._score(torch.cat([real, made])).split(len(real))
        penalty = scores[0].new_zeros(())
        for strength, images, score in ((r1, real, scores[0]), (r2, made, scores[1])):
            if strength:
                (slope,) = torch.autograd.grad(score.sum(), [images], create_graph=True)
                penalty = penalty + strength / 2 * slope.float().square().sum((1, 2, 3)).mean()
        return (scores[0], scores[1]), penalty
