"""Family `vae`: an encoder to the mean and log-variance of a latent point, and a decoder.

By default those of a deep-learning course for 64x64 colour pictures: five convolutions (kernel 3,
stride 2, 128 filters), dense 64, then 32 means and 32 log-variances; the decoder is the generator
of family `gan`. What the course leaves open is chosen here: LeakyReLU 0.3 after every layer, tanh
at the end, Keras's initial weights.
"""

from __future__ import annotations

from assay.core.records import Spec
from assay.networks.families import Family
from assay.networks.generator_layers import LeakyReLU
from assay.networks.layers import Dense, Flatten, Layer, Shape
from assay.networks.network import Network
from assay.networks.options import size, styled, widths
from assay.subjects.generation.upward import UPWARD_OPTIONS, downward, image_maker

__all__ = ["vae_parts"]


def vae_parts(options: Spec, shape: Shape) -> tuple[Network, Network]:
    """Encoder: image -> "mean" and "log_variance" (latent,) each; decoder (latent,) -> image."""
    styles, latent = styled(options), options["latent"]
    trunk: list[Layer] = [*downward(options), Flatten()]
    for units in options["encoder_dense"]:
        trunk += [Dense(units, **styles), LeakyReLU(options["leak"])]
    heads = tuple((name, (Dense(latent, **styles),)) for name in ("mean", "log_variance"))
    return Network(shape, tuple(trunk), heads), image_maker(latent, shape, options)


_OPTIONS = {
    "latent": size(32, help="Number of latent dimensions."),
    "encoder_dense": widths([64], help="Units of the dense layers at the end of the encoder."),
    **UPWARD_OPTIONS,
}

VAE = Family(_OPTIONS, made=("encoder", "decoder"), parts=vae_parts, dataset="drawn-dials")
