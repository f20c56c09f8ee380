"""Further layers for images, which extend `layers.LAYERS` like the generator layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.errors import NetworkError
from assay.core.options import integer, number, setting
from assay.networks.generator_layers import LAYERS
from assay.networks.layers import GlobalAveragePool, Layer, Shape

__all__ = ["LAYERS", "GlobalMaxPool", "SqueezeExcite", "Whitening"]


@dataclass(frozen=True)
class GlobalMaxPool(GlobalAveragePool):
    """Largest value over height and width: (h, w, c) -> (c,)."""

    kind: ClassVar[str] = "global_max_pool"


@dataclass(frozen=True)
class SqueezeExcite(Layer):
    """Scale each channel by a function of the means of all channels:
    y = x * sigmoid(E relu(S mean(x) + s) + e), with the mean over height and width.

    S and E are initialised by Glorot's uniform distribution, s and e by zeros.

    References:
        J. Hu, L. Shen and G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018.
    """

    kind: ClassVar[str] = "squeeze_excite"
    ratio: int = setting(
        integer(16, low=1, help="Reduction: channels for each unit in the middle.")
    )

    def units(self, channels: int) -> int:
        """Units of the bottleneck."""
        return max(1, channels // self.ratio)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise NetworkError(f"{self.kind} needs an image (height, width, channels), got {shape}")
        return shape

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shape of each weight by name."""
        channels, units = shape[-1], self.units(shape[-1])
        return {
            "squeeze": (channels, units),
            "squeeze_bias": (units,),
            "excite": (units, channels),
            "excite_bias": (channels,),
        }

    def parameters(self, shape: Shape) -> int:
        channels, units = shape[-1], self.units(shape[-1])
        return 2 * channels * units + units + channels

    def macs(self, shape: Shape) -> int:
        return 2 * shape[-1] * self.units(shape[-1])


@dataclass(frozen=True)
class Whitening(Layer):
    """A convolution without padding whose filters whiten patches of the training images and are not
    trained, as its bias is: (h, w, c) -> (h - k + 1, w - k + 1, 2 k^2 c) for patches of k x k.

    The filters are the eigenvectors of the patches' covariance, each divided by the square root of
    its eigenvalue plus `epsilon`, and the negatives of them, so that an activation after it keeps
    both signs. An engine computes them from the training images as the network sees them.

    References:
        K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024; D. Page, "How to Train
        Your ResNet", 2019.
    """

    kind: ClassVar[str] = "whitening"
    kernel_size: int = setting(integer(2, low=1, help="Side of the square patches."))
    epsilon: float = setting(number(5e-4, above=0, help="Added to the eigenvalues."))

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise NetworkError(f"{self.kind} needs an image (height, width, channels), got {shape}")
        (h, w, c), k = shape, self.kernel_size
        if k > min(h, w):
            raise NetworkError(f"{self.kind}: patches of {k}x{k} do not fit into {h}x{w} pixels")
        return (h - k + 1, w - k + 1, 2 * k * k * c)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The shape of each weight by name; "filters" are not trained."""
        units = self.output_shape(shape)[-1]
        return {"filters": (self.kernel_size, self.kernel_size, shape[-1], units), "bias": (units,)}

    def parameters(self, shape: Shape) -> int:
        return self.output_shape(shape)[-1]

    def macs(self, shape: Shape) -> int:
        h, w, units = self.output_shape(shape)
        return h * w * units * self.kernel_size**2 * shape[-1]


LAYERS.update({cls.kind: cls for cls in (GlobalMaxPool, SqueezeExcite, Whitening)})
