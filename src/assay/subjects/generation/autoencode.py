"""Autoencoding: from pictures to latent points and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assay.core.config import Option
from assay.core.options import choice, integer, number
from assay.core.records import Spec
from assay.subjects.generation.parts import FEATURES, PartsTask, features_option

__all__ = ["PRIORS", "RECONSTRUCTIONS", "Autoencode"]

RECONSTRUCTIONS = ("squared", "absolute", "cross_entropy")
"""Losses of a reconstruction, summed over pixels and channels with values from 0 to 1."""

PRIORS = ("normal", "mixture")
"""Distributions of latent points for sampling: N(0, I), or a mixture of Gaussians fitted to the
latent points of the training pictures."""


class Autoencode(PartsTask):
    """A variational autoencoder: reconstruction + beta * KL divergence, each summed over a picture.

    Args:
        loss: one of RECONSTRUCTIONS.
        beta: weight of the divergence.
        warmup: share of the budget in which that weight grows linearly from 0.
        free_bits: nats of each latent dimension's divergence (mean over a batch) that are free.
        prior: one of PRIORS.
        components: Gaussians of the mixture.
        perceptual: weight of the squared distance of pictures in the feature maps of a network
            trained on these pictures (another one than the judge's); 0 for none.
        features: number of updates of the feature networks.

    References:
        D. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014; I. Higgins et al.,
        "beta-VAE", ICLR 2017; D. Kingma et al., "Improved Variational Inference with Inverse
        Autoregressive Flow", NeurIPS 2016 (free bits); C. Sonderby et al., "Ladder Variational
        Autoencoders", NeurIPS 2016 (warm-up); P. Ghosh et al., "From Variational to Deterministic
        Autoencoders", ICLR 2020 (a density fitted afterwards).
    """

    name = "autoencode"
    has_loss: ClassVar[bool] = True
    parts: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    maker: ClassVar[str] = "decoder"
    options: Mapping[str, Option] = {
        "loss": choice("squared", "loss", RECONSTRUCTIONS, help="The reconstruction loss."),
        "beta": number(1.0, low=0, help="Weight of the KL divergence."),
        "warmup": number(
            0.0,
            low=0,
            high=1,
            help="Fraction of the updates during which that weight grows from 0.",
        ),
        "free_bits": number(
            0.0,
            low=0,
            help="Free bits: nats of the divergence of each latent dimension that are not "
            "penalized.",
        ),
        "prior": choice(
            "normal", "prior", PRIORS, help="The prior from which latent points are drawn."
        ),
        "components": integer(16, low=1, help="Number of Gaussians in the mixture."),
        "perceptual": number(
            0.0, low=0, help="Weight of the distance in the feature maps of a second network."
        ),
        "features": features_option(),
    }

    def __init__(
        self,
        loss: str = "squared",
        beta: float = 1.0,
        warmup: float = 0.0,
        free_bits: float = 0.0,
        prior: str = "normal",
        components: int = 16,
        perceptual: float = 0.0,
        features: int = FEATURES,
    ):
        self.loss_name, self.beta, self.warmup, self.free_bits = loss, beta, warmup, free_bits
        self.prior, self.components = prior, components
        self.perceptual, self.features = perceptual, features

    def with_options(self, data: Spec) -> Autoencode:
        """The task with other options, as `options` reads them."""
        return Autoencode(**data)


AUTOENCODE = Autoencode()
