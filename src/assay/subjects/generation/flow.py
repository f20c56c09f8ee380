"""Family `flow`: the network of flow matching, a small U-Net, for task flow_matching.

Patches of the noisy picture become the pixels of a smaller one, on which blocks of residual
convolutions work at sides that halve; each lower level is the body of a shortcut around it, so
that the U-Net's connections are sums. The time, and where a pixel is, stand in further channels of
the input, and squeeze-and-excitation lets every block scale its channels by the time. Nothing is
normalised: the last convolution of every block starts at zero.

References:
    O. Ronneberger et al., "U-Net", MICCAI 2015; J. Ho et al., "Denoising Diffusion Probabilistic
    Models", NeurIPS 2020; R. Liu et al., "An Intriguing Failing of Convolutional Neural Networks
    and the CoordConv Solution", NeurIPS 2018; H. Zhang et al., "Fixup Initialization", ICLR 2019.
"""

from __future__ import annotations

from dataclasses import replace

from assay.core.errors import NetworkError
from assay.core.options import integer
from assay.core.records import Spec
from assay.networks.activations import activation_option
from assay.networks.families import Family
from assay.networks.generator_layers import Conv2DTranspose
from assay.networks.image_layers import SqueezeExcite
from assay.networks.initializers import Initializer
from assay.networks.layers import Activation, Conv2D, Layer, Residual, Shape
from assay.networks.network import Network
from assay.networks.options import WEIGHTS, size, styled, widths

__all__ = ["PLACES", "PLANES", "WAVES", "flow_parts"]

WAVES, PLACES = 4, 2
"""Cosines of the time, with as many sines, and cosines along each side of the image."""

PLANES = 2 * WAVES + 2 * PLACES
"""Channels of the input that say time and place; see `assay.subjects.generation.velocity`."""


def flow_parts(options: Spec, shape: Shape) -> tuple[Network]:
    """The network of a velocity: noisy image (h, w, c + PLANES) -> the "image" (h, w, c)
    that it leads to.

    Raises:
        NetworkError: there are no filters, or the sides of the image do not divide into patches
            that can be halved.
    """
    height, width, channels = shape
    patch, filters = options["patch"], options["filters"]
    if not filters:
        raise NetworkError("filters: a flow needs at least one number of filters, got []")
    least = patch * 2 ** (len(filters) - 1)
    if height % least or width % least:
        raise NetworkError(
            f"patch: {len(filters)} numbers of filters after patches of {patch} need sides that "
            f"{least} divides, got {height}x{width} pixels; give other patches or fewer filters"
        )
    styles = styled(options)
    trunk = (Conv2D(filters[0], patch, patch, **styles), *_level(filters, options))
    last = Conv2DTranspose(channels, patch, patch, **_zeros(options))
    seen = (height, width, channels + PLANES)
    return (Network(seen, trunk, (("image", (Activation(options["activation"]), last)),)),)


def _level(filters: list[int], options: Spec) -> list[Layer]:
    """Blocks at one side, the lower levels inside a shortcut, and blocks again."""
    own, *below = filters
    blocks = [_block(own, options) for _ in range(options["blocks"])]
    if not below:
        return blocks
    down = Conv2D(below[0], 2, 2, **styled(options))
    up = Conv2DTranspose(own, 2, 2, **_zeros(options))
    return [*blocks, Residual((down, *_level(below, options), up)), *blocks]


def _block(filters: int, options: Spec) -> Layer:
    """x + conv(act(scale(conv(act(x)))))."""
    conv, act = Conv2D(filters, 3, **styled(options)), Activation(options["activation"])
    scale = SqueezeExcite(options["squeeze_excite"])
    return Residual((act, conv, scale, act, replace(conv, **_zeros(options))))


def _zeros(options: Spec) -> Spec:
    return {**styled(options), "kernel_initializer": Initializer("zeros")}


_OPTIONS = {
    "filters": widths(
        [64, 128, 128], help="Filters at each level, whose sides are half of those before."
    ),
    "patch": size(4, help="Side of the patches that become the pixels of the first level."),
    "blocks": integer(
        1, low=1, help="Residual blocks of each level, on the way down and on the way up."
    ),
    "activation": activation_option("silu", "Activation before every convolution of a block."),
    "squeeze_excite": size(4, help="Reduction of squeeze-and-excitation in every block."),
    **WEIGHTS,
}

FLOW = Family(_OPTIONS, made=("velocity",), parts=flow_parts, dataset="drawn-dials")
