"""Layers as frozen descriptions, without a framework: settings and shapes.

Shapes are Keras's: images are (height, width, channels), without the batch. Every layer answers
`output_shape(shape)`, `parameters(shape)` (trainable numbers) and `macs(shape)` (multiply-adds of
one image, forward). Kernels are (in, out) for Dense and (kh, kw, in, out) for Conv2D.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from assay.core.config import Option
from assay.core.errors import NetworkError
from assay.core.options import REQUIRED, choice, deferred, flag, integer, number, setting
from assay.networks.activations import activation_option, check_activation
from assay.networks.description import check, size, value
from assay.networks.initializers import Initializer, initializer_option
from assay.networks.regularizers import Regularizer, regularizer_option

GLOROT = Initializer("glorot_uniform")
ZEROS = Initializer("zeros")
FREE = Regularizer()

__all__ = [
    "LAYERS",
    "PADDINGS",
    "Activation",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "Layer",
    "MaxPool2D",
    "Residual",
    "SpaceToDepth",
    "room",
]

Shape = tuple[int, ...]
PADDINGS = ("same", "valid")


@dataclass(frozen=True)
class Layer:
    """Base of all layers: by default it keeps the shape and has no parameters."""

    kind: ClassVar[str] = "layer"

    def __post_init__(self) -> None:
        check(self, self.kind)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for an input of `shape`; raises NetworkError if it cannot be."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """Number of trainable parameters for an input of `shape`."""
        return 0

    def macs(self, shape: Shape) -> int:
        """Multiply-adds of the forward pass of one input of `shape`."""
        return 0


def _image(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise NetworkError(f"{layer.kind} needs an image (height, width, channels), got {shape}")
    return shape  # type: ignore[return-value]


def _window(layer: Layer, size: int, window: int, strides: int, padding: str) -> int:
    """Return the length of one side after sliding a window over it."""
    if padding == "same":
        return -(-size // strides)
    if window > size:
        raise NetworkError(
            f"{layer.kind} with a window of {window} and padding 'valid' does not fit into an "
            f"input side of {size}"
        )
    return (size - window) // strides + 1


def room(units: int) -> int:
    """Return the padded number of units in a stack of dense layers, so that narrow layers of
    similar width train together; the padding is zero and stays zero. Wide layers are not padded,
    because there every unit costs time."""
    return units if units > 128 else -(-units // 32) * 32


def _side(default: int, help: str) -> Option:
    return integer(default, low=1, help=help)


def _padding(default: str) -> Option:
    return choice(default, "padding", PADDINGS, help="Padding: zeros around the image, or none.")


_BIAS = flag(True, help="Whether the layer has a bias.")
_KERNEL = initializer_option(GLOROT, "Initializer of the kernel.")
_START = initializer_option(ZEROS, "Initializer of the bias.")
_PENALTY = regularizer_option(FREE, "Penalty on the kernel.")


@dataclass(frozen=True)
class Dense(Layer):
    """y = x W + b, with x flat: (features,) -> (units,)."""

    kind: ClassVar[str] = "dense"
    units: int = size(room, integer(REQUIRED, low=1, help="Number of units.", example=100))
    use_bias: bool = setting(_BIAS)
    kernel_initializer: Initializer = setting(_KERNEL)
    bias_initializer: Initializer = setting(_START)
    kernel_regularizer: Regularizer = setting(_PENALTY)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise NetworkError(f"dense needs a flat input, got {shape}; put a flatten before it")
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return (shape[0] + self.use_bias) * self.units

    def macs(self, shape: Shape) -> int:
        return shape[0] * self.units


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution (cross-correlation, as Keras's): (h, w, c) -> (h', w', filters)."""

    kind: ClassVar[str] = "conv2d"
    filters: int = setting(integer(REQUIRED, low=1, help="Output channels.", example=64))
    kernel_size: int = setting(_side(3, "Side of the square kernel."))
    strides: int = setting(_side(1, "Distance between neighbouring windows."))
    padding: str = setting(_padding("same"))
    use_bias: bool = setting(_BIAS)
    kernel_initializer: Initializer = setting(_KERNEL)
    bias_initializer: Initializer = setting(_START)
    kernel_regularizer: Regularizer = setting(_PENALTY)

    def output_shape(self, shape: Shape) -> Shape:
        h, w, _ = _image(self, shape)
        sides = (_window(self, s, self.kernel_size, self.strides, self.padding) for s in (h, w))
        return (*sides, self.filters)

    def parameters(self, shape: Shape) -> int:
        return (self.kernel_size**2 * shape[-1] + self.use_bias) * self.filters

    def macs(self, shape: Shape) -> int:
        h, w, _ = self.output_shape(shape)
        return h * w * self.kernel_size**2 * shape[-1] * self.filters


@dataclass(frozen=True)
class MaxPool2D(Layer):
    """Largest value of each window."""

    kind: ClassVar[str] = "max_pool2d"
    pool_size: int = setting(_side(2, "Side of the square window."))
    strides: int | None = setting(
        integer(
            None, low=1, help="Strides of the pooling windows; `pool_size` by default.", example=2
        )
    )
    padding: str = setting(_padding("valid"))

    @property
    def step(self) -> int:
        """Distance of neighbouring windows: `strides`, or `pool_size` if it is None."""
        return self.pool_size if self.strides is None else self.strides

    def output_shape(self, shape: Shape) -> Shape:
        h, w, c = _image(self, shape)
        return (*(_window(self, s, self.pool_size, self.step, self.padding) for s in (h, w)), c)


@dataclass(frozen=True)
class AveragePool2D(MaxPool2D):
    """Mean of each window (padding is not counted, as in Keras)."""

    kind: ClassVar[str] = "average_pool2d"


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """Mean over height and width: (h, w, c) -> (c,)."""

    kind: ClassVar[str] = "global_average_pool"

    def output_shape(self, shape: Shape) -> Shape:
        return (_image(self, shape)[2],)


@dataclass(frozen=True)
class Flatten(Layer):
    """(h, w, c) -> (h * w * c,), rows first and channels last."""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)


@dataclass(frozen=True)
class SpaceToDepth(Layer):
    """Each block of pixels becomes one pixel with all their channels, row by row:
    (h, w, c) -> (h / block, w / block, block^2 c). A convolution after it sees the whole block.

    References:
        W. Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016 (its inverse).
    """

    kind: ClassVar[str] = "space_to_depth"
    block_size: int = setting(_side(2, "Side of the square block."))

    def output_shape(self, shape: Shape) -> Shape:
        (h, w, c), size = _image(self, shape), self.block_size
        if h % size or w % size:
            raise NetworkError(f"{self.kind} with blocks of {size} does not divide {h}x{w} pixels")
        return (h // size, w // size, size * size * c)


@dataclass(frozen=True)
class Dropout(Layer):
    """Set a fraction `rate` of the inputs to 0 in training, and scale the rest by 1 / (1 - rate).

    References:
        N. Srivastava et al., "Dropout", JMLR 15, 2014.
    """

    kind: ClassVar[str] = "dropout"
    rate: float = value(
        number(0.5, low=0, below=1, help="Fraction of the inputs that are set to zero.")
    )


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalise each channel by the batch's mean and variance, then scale and shift it.

    `momentum` and `epsilon` are Keras's: moving = momentum * moving + (1 - momentum) * batch.

    References:
        S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.
    """

    kind: ClassVar[str] = "batch_norm"
    momentum: float = setting(number(0.99, low=0, high=1, help="Momentum of the moving averages."))
    epsilon: float = setting(number(1e-3, low=0, help="Added to the variance."))

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[-1]


@dataclass(frozen=True)
class Activation(Layer):
    """An elementwise function by its Keras name, for example "relu"."""

    kind: ClassVar[str] = "activation"
    function: str = setting(activation_option(REQUIRED, "Its Keras name."))

    def __post_init__(self) -> None:
        check_activation(self.function)


@dataclass(frozen=True)
class Residual(Layer):
    """y = body(x) + shortcut(x); the shortcut is the identity, or a strided 1x1 convolution if the
    body changes the shape.

    References:
        K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (option B).
    """

    kind: ClassVar[str] = "residual"
    body: tuple[Layer, ...] = setting(
        deferred(
            REQUIRED,
            help="The layers that the shortcut skips.",
            schema={"type": "array", "items": {"$ref": "#/$defs/layer"}},
            accepts="a list of layers",
            example=[{"conv2d": 64}, "batch_norm"],
        )
    )

    def shapes(self, shape: Shape) -> list[Shape]:
        """Return the input shape of each layer of the body, and its output shape."""
        shapes = [shape]
        for layer in self.body:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    def projection(self, shape: Shape) -> Conv2D | None:
        """Return the 1x1 convolution of the shortcut, or None for the identity."""
        out = self.shapes(shape)[-1]
        if out == shape:
            return None
        if len(shape) != 3 or len(out) != 3:
            raise NetworkError(f"residual: no shortcut can connect shape {shape} to {out}")
        strides = -(-shape[0] // out[0])
        conv = Conv2D(out[2], 1, strides, "same", kernel_initializer=Initializer("he_normal"))
        if conv.output_shape(shape) != out:
            raise NetworkError(f"residual: no strided 1x1 shortcut can connect {shape} to {out}")
        return conv

    def output_shape(self, shape: Shape) -> Shape:
        self.projection(shape)
        return self.shapes(shape)[-1]

    def _sum(self, shape: Shape, quantity: str) -> int:
        pairs = list(zip(self.body, self.shapes(shape), strict=False))
        shortcut = self.projection(shape)
        pairs += [(shortcut, shape)] if shortcut else []
        return sum(getattr(layer, quantity)(s) for layer, s in pairs)

    def parameters(self, shape: Shape) -> int:
        return self._sum(shape, "parameters")

    def macs(self, shape: Shape) -> int:
        return self._sum(shape, "macs")


LAYERS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        Dense,
        Conv2D,
        MaxPool2D,
        AveragePool2D,
        GlobalAveragePool,
        Flatten,
        Dropout,
        BatchNorm,
        Activation,
        Residual,
        SpaceToDepth,
    )
}
