"""Layers of generators: transposed convolutions, noise, and changes of shape.

They extend `layers.LAYERS`, so that a study can use them in any list of layers. Engines without one
of them raise an error that names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from assay.core.errors import NetworkError
from assay.core.options import REQUIRED, choice, integer, number, setting
from assay.networks.description import value
from assay.networks.layers import LAYERS, Conv2D, Layer, Shape

__all__ = [
    "LAYERS",
    "Conv2DTranspose",
    "GaussianNoise",
    "LeakyReLU",
    "Reshape",
    "UpSampling2D",
]

INTERPOLATIONS = ("nearest", "bilinear")


def _sides(layer: Layer, shape: Shape) -> tuple[int, int]:
    if len(shape) != 3:
        raise NetworkError(f"{layer.kind} needs an image (height, width, channels), got {shape}")
    return shape[0], shape[1]


@dataclass(frozen=True)
class Conv2DTranspose(Conv2D):
    """The transpose of a strided convolution: (h, w, c) -> (h strides, w strides, filters).

    Padding is "same" as in Keras: the shape that a convolution with these strides maps to (h, w).
    The kernel is stored like that of `Conv2D`, (kh, kw, in, out); Keras has (kh, kw, out, in).

    References:
        V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """

    kind: ClassVar[str] = "conv2d_transpose"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding != "same":
            raise NetworkError(f"{self.kind}: padding must be 'same', got {self.padding!r}")

    def output_shape(self, shape: Shape) -> Shape:
        h, w = _sides(self, shape)
        return (h * self.strides, w * self.strides, self.filters)

    def macs(self, shape: Shape) -> int:
        return prod(shape) * self.kernel_size**2 * self.filters


@dataclass(frozen=True)
class UpSampling2D(Layer):
    """Repeat every pixel size x size times; "bilinear" interpolates."""

    kind: ClassVar[str] = "up_sampling2d"
    size: int = setting(integer(2, low=1, help="Factor by which height and width grow."))
    interpolation: str = setting(
        choice(
            "nearest", "interpolation", INTERPOLATIONS, help="How the new pixels are interpolated."
        )
    )

    def output_shape(self, shape: Shape) -> Shape:
        h, w = _sides(self, shape)
        return (h * self.size, w * self.size, shape[2])


@dataclass(frozen=True)
class Reshape(Layer):
    """Reshape to an image of `height` x `width`; the number of channels follows."""

    kind: ClassVar[str] = "reshape"
    height: int = setting(integer(REQUIRED, low=1, help="Rows of pixels.", example=4))
    width: int = setting(integer(REQUIRED, low=1, help="Columns of pixels.", example=4))

    def output_shape(self, shape: Shape) -> Shape:
        pixels, numbers = self.height * self.width, prod(shape)
        if pixels < 1 or numbers % pixels:
            raise NetworkError(
                f"{self.kind}: {numbers} numbers do not form an image of "
                f"{self.height}x{self.width} pixels"
            )
        return (self.height, self.width, numbers // pixels)


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Add normal noise of this standard deviation while training.

    References:
        C. Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", Neural
        Computation 7, 1995, for noise on images. A. Rasmus et al., "Semi-Supervised Learning with
        Ladder Networks", NIPS 2015, for noise before each activation.
    """

    kind: ClassVar[str] = "gaussian_noise"
    stddev: float = value(number(0.1, low=0, help="Standard deviation of the noise."))


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """x if it is positive, else `negative_slope` times x; 0.3 is the default of Keras's layer.

    References:
        A. Maas, A. Hannun and A. Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic
        Models", 2013.
    """

    kind: ClassVar[str] = "leaky_relu"
    negative_slope: float = setting(number(0.3, low=0, high=1, help="Slope for negative inputs."))


LAYERS.update(
    {cls.kind: cls for cls in (Conv2DTranspose, UpSampling2D, Reshape, GaussianNoise, LeakyReLU)}
)
