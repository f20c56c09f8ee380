"""Losses of discriminator and generator, from the scores of real and generated pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

__all__ = ["LOSSES", "Loss"]

Loss = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
"""The discriminator's and the generator's, each of (real, made), scores (B,)."""


def _least_squares_d(real: Tensor, made: Tensor) -> Tensor:
    return ((real - 1).square().mean() + made.square().mean()) / 2


def _least_squares_g(real: Tensor, made: Tensor) -> Tensor:
    return (made - 1).square().mean() / 2


def _non_saturating_d(real: Tensor, made: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(made).mean()


def _non_saturating_g(real: Tensor, made: Tensor) -> Tensor:
    return F.softplus(-made).mean()


def _hinge_d(real: Tensor, made: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def _hinge_g(real: Tensor, made: Tensor) -> Tensor:
    return -made.mean()


def _relativistic_d(real: Tensor, made: Tensor) -> Tensor:
    return F.softplus(made - real).mean()


def _relativistic_g(real: Tensor, made: Tensor) -> Tensor:
    return F.softplus(real - made).mean()


LOSSES: dict[str, Loss] = {
    "least_squares": (_least_squares_d, _least_squares_g),
    "non_saturating": (_non_saturating_d, _non_saturating_g),
    "hinge": (_hinge_d, _hinge_g),
    "relativistic": (_relativistic_d, _relativistic_g),
}
"""By the names of `assay.subjects.generation.adversarial.LOSSES`, where the papers are."""
