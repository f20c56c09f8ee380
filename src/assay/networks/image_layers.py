"""Further layers for images, which extend `layers.LAYERS` like the generator layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.errors import NetworkError
from assay.core.options import integer, setting
from assay.networks.generator_layers import LAYERS
from assay.networks.layers import GlobalAveragePool, Layer, Shape

__all__ = ["LAYERS", "GlobalMaxPool", "SqueezeExcite"]


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


LAYERS.update({cls.kind: cls for cls in (GlobalMaxPool, SqueezeExcite)})
