"""What generators and decoders, discriminators and encoders have in common: layers of halving and
of doubling sides, and the options that shape them."""

from __future__ import annotations

from dataclasses import replace

from assay.core.errors import NetworkError
from assay.core.options import choice, integer, number
from assay.core.records import Spec
from assay.networks.generator_layers import (
    Conv2DTranspose,
    GaussianNoise,
    LeakyReLU,
    Reshape,
    UpSampling2D,
)
from assay.networks.initializers import Initializer
from assay.networks.layers import Activation, Conv2D, Dense, Layer, Residual, Shape
from assay.networks.network import Network
from assay.networks.options import WEIGHTS, size, styled, widths

__all__ = ["UPWARD_OPTIONS", "downward", "image_maker"]

UPSAMPLINGS = ("transposed", "nearest", "bilinear")


UPWARD_OPTIONS = {
    "filters": widths(
        [128] * 5,
        help="Filters of the generator or decoder, one number for each upsampling step.",
    ),
    "down_filters": widths(
        [128] * 5,
        help="Filters of the discriminator or encoder, one number for each downsampling step.",
    ),
    "dense": size(1024, help="Units of the dense layer that images are generated from."),
    "kernel_size": size(3, help="Side of the kernels."),
    "upsampling": choice("transposed", "upsampling", UPSAMPLINGS, help="How images are upsampled."),
    "residual_blocks": integer(0, low=0, help="Residual blocks after each change of resolution."),
    "leak": number(0.3, low=0, high=1, help="Negative slope of every LeakyReLU."),
    **WEIGHTS,
}


def _residual(filters: int, options: Spec) -> list[Layer]:
    """Blocks that start as the identity, so that depth needs no normalisation.

    References:
        H. Zhang, Y. Dauphin and T. Ma, "Fixup Initialization", ICLR 2019; Y. Huang et al., "The
        GAN is dead; long live the GAN!", NeurIPS 2024.
    """
    conv = Conv2D(filters, options["kernel_size"], **styled(options))
    zeros = replace(conv, kernel_initializer=Initializer("zeros"))
    body = (conv, LeakyReLU(options["leak"]), zeros)
    return [Residual(body) for _ in range(options["residual_blocks"])]


def _doubled(filters: int, options: Spec) -> list[Layer]:
    styles, size, kind = styled(options), options["kernel_size"], options["upsampling"]
    if kind == "transposed":
        return [Conv2DTranspose(filters, size, 2, **styles)]
    return [UpSampling2D(2, kind), Conv2D(filters, size, **styles)]


def image_maker(latent: int, shape: Shape, options: Spec) -> Network:
    """From a latent point (latent,) to an image of `shape` with values from -1 to 1.

    A dense layer, seen as a small image, is doubled once for each of `filters`; a convolution and
    tanh make the channels.

    Raises:
        NetworkError: the sides of the image cannot be reached by doubling.
    """
    height, width, channels = shape
    times = len(options["filters"])
    if height % 2**times or width % 2**times:
        raise NetworkError(
            f"filters: {times} upsampling steps do not reach {height}x{width} pixels; give one "
            "filter for each time that the sides can be halved"
        )
    start = (height >> times, width >> times)
    if options["dense"] % (start[0] * start[1]):
        raise NetworkError(
            f"dense: {options['dense']} numbers do not form an image of {start[0]}x{start[1]} "
            "pixels"
        )
    leak, styles = LeakyReLU(options["leak"]), styled(options)
    trunk: list[Layer] = [Dense(options["dense"], **styles), leak, Reshape(*start)]
    for filters in options["filters"]:
        trunk += [*_doubled(filters, options), leak, *_residual(filters, options)]
    image = (Conv2D(channels, options["kernel_size"], **styles), Activation("tanh"))
    return Network((latent,), tuple(trunk), (("image", image),))


def downward(options: Spec, noise: float = 0.0) -> list[Layer]:
    """Convolutions of stride 2, each followed by LeakyReLU and by noise where there is some."""
    layers: list[Layer] = []
    for filters in options["down_filters"]:
        layers.append(Conv2D(filters, options["kernel_size"], 2, **styled(options)))
        layers.append(LeakyReLU(options["leak"]))
        layers += [GaussianNoise(noise)] if noise else []
        layers += _residual(filters, options)
    return layers
