"""Family `gan`: a generator and a discriminator, for task adversarial.

By default those of a deep-learning course for 64x64 colour pictures: dense 1024, seen as 2x2 pixels
of 256, five transposed convolutions (kernel 3, stride 2, 128 filters) and a convolution to three
channels; against five convolutions (kernel 3, stride 2, 128 filters), each with LeakyReLU 0.3 and
Gaussian noise 0.01, and one output. Unspecified choices of the course are: LeakyReLU in the
generator as well, tanh at its end, 128 latent dimensions, Keras's initial weights.
"""

from __future__ import annotations

from assay.core.options import number
from assay.core.records import Spec
from assay.networks.families import Family
from assay.networks.layers import Dense, Flatten, Shape
from assay.networks.network import Network
from assay.networks.options import size, styled
from assay.subjects.generation.upward import UPWARD_OPTIONS, downward, image_maker

__all__ = ["gan_parts"]


def gan_parts(options: Spec, shape: Shape) -> tuple[Network, Network]:
    """Generator (latent,) -> image; discriminator: image -> score, large for real ones."""
    trunk = (*downward(options, options["noise"]), Flatten())
    score = (("score", (Dense(1, **styled(options)),)),)
    return image_maker(options["latent"], shape, options), Network(shape, trunk, score)


_OPTIONS = {
    "latent": size(128, help="Number of latent dimensions."),
    "noise": number(
        0.01, low=0, help="Standard deviation of the Gaussian noise in the discriminator."
    ),
    **UPWARD_OPTIONS,
}

GAN = Family(_OPTIONS, made=("generator", "discriminator"), parts=gan_parts, dataset="drawn-dials")
