"""A network: a trunk of layers and named heads, as plain frozen data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from assay.core.errors import NetworkError
from assay.core.records import content_hash
from assay.core.seeds import stream
from assay.networks.description import plain, structure
from assay.networks.image_layers import SqueezeExcite, Whitening
from assay.networks.layers import (
    GLOROT,
    ZEROS,
    BatchNorm,
    Conv2D,
    Dense,
    Layer,
    Residual,
    Shape,
)

__all__ = [
    "Network",
    "LayerPlace",
    "hidden_kernels",
    "initial_weights",
    "output_layers",
    "weight_shapes",
]


@dataclass(frozen=True)
class LayerPlace:
    """A layer where it stands: its name ("trunk.3", "head.class.0") and its shapes."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape

    @property
    def channels(self) -> int:
        """Units or channels of its input; 0 for a layer of the user's own that is never called."""
        return self.input_shape[-1] if self.input_shape else 0


@dataclass(frozen=True)
class Network:
    """A trunk and named heads over images of `input_shape` (height, width, channels).

    Shapes are checked when it is made; NetworkError names the layer that does not fit.
    """

    input_shape: Shape
    trunk: tuple[Layer, ...]
    heads: tuple[tuple[str, tuple[Layer, ...]], ...]

    def __post_init__(self) -> None:
        for place in self.leaves():
            if isinstance(place.layer, Whitening) and place.name != "trunk.0":
                raise NetworkError(
                    f"layer {place.name} (whitening) whitens images; it must be the first layer"
                )

    def places(self) -> Iterator[LayerPlace]:
        """All top-level layers in order, trunk first, then head by head."""
        shape = self.input_shape
        for place in _walk("trunk", self.trunk, shape):
            shape = place.output_shape
            yield place
        for name, layers in self.heads:
            yield from _walk(f"head.{name}", layers, shape)

    def leaves(self) -> Iterator[LayerPlace]:
        """All layers that may own weights, residual blocks opened."""
        for place in self.places():
            yield from _open(place)

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(p.layer.parameters(p.input_shape) for p in self.places())

    @property
    def macs(self) -> int:
        """Multiply-adds of one image, forward."""
        return sum(p.layer.macs(p.input_shape) for p in self.places())

    def to_plain(self) -> dict[str, object]:
        """This network as JSON data."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}

    @property
    def structure(self) -> object:
        """JSON data that is equal for networks that can share one program."""
        return structure(self)

    @property
    def hash(self) -> str:
        """A stable identity of the whole description."""
        return content_hash(self.to_plain())


def _walk(prefix: str, layers: tuple[Layer, ...], shape: Shape) -> Iterator[LayerPlace]:
    for i, layer in enumerate(layers):
        name = f"{prefix}.{i}"
        try:
            out = layer.output_shape(shape)
        except NetworkError as error:
            raise NetworkError(f"layer {name} ({layer.kind}): {error}") from None
        yield LayerPlace(name, layer, shape, out)
        shape = out


def _open(place: LayerPlace) -> Iterator[LayerPlace]:
    if not isinstance(place.layer, Residual):
        yield place
        return
    for inner in _walk(place.name, place.layer.body, place.input_shape):
        yield from _open(inner)
    shortcut = place.layer.projection(place.input_shape)
    if shortcut:
        yield LayerPlace(f"{place.name}.shortcut", shortcut, place.input_shape, place.output_shape)


def weight_shapes(network: Network) -> dict[str, Shape]:
    """The shape of every weight by name, as `initial_weights` draws them, without drawing any."""
    shapes: dict[str, Shape] = {}
    for place in network.leaves():
        layer, channels = place.layer, place.channels
        if isinstance(layer, (Dense, Conv2D)):
            units = place.output_shape[-1]
            window = (layer.kernel_size,) * 2 if isinstance(layer, Conv2D) else ()
            shapes[f"{place.name}.kernel"] = (*window, channels, units)
            if layer.use_bias:
                shapes[f"{place.name}.bias"] = (units,)
        elif isinstance(layer, BatchNorm):
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                shapes[f"{place.name}.{name}"] = (channels,)
        elif isinstance(layer, (SqueezeExcite, Whitening)):
            own = layer.weight_shapes(place.input_shape)
            shapes |= {f"{place.name}.{name}": shape for name, shape in own.items()}
    return shapes


def output_layers(network: Network) -> list[str]:
    """The layer of each head that owns the last kernel before the output, by name."""
    owners = [k.removesuffix(".kernel") for k in weight_shapes(network) if k.endswith(".kernel")]
    found = []
    for head, _ in network.heads:
        own = [name for name in owners if name.startswith(f"head.{head}.")]
        found += (own or [name for name in owners if name.startswith("trunk.")])[-1:]
    return found


def hidden_kernels(network: Network) -> dict[str, Shape]:
    """The shapes of the kernels of all layers but the output layers, by name."""
    outputs = {f"{name}.kernel" for name in output_layers(network)}
    shapes = weight_shapes(network)
    return {k: v for k, v in shapes.items() if k.endswith(".kernel") and k not in outputs}


def initial_weights(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Draw the weights that a run with `seed` starts from, the same in every engine.

    Returns:
        float32 arrays by name: "trunk.1.kernel" (in, out) or (kh, kw, in, out), "trunk.1.bias"
        (out,); for batch norm "gamma", "beta", "moving_mean", "moving_variance", each (channels,);
        for squeeze-and-excitation and whitening those of their `weight_shapes`. The "filters" of
        whitening only stand here until an engine has seen training images.
    """
    shapes, weights = weight_shapes(network), {}
    for place in network.leaves():
        layer, channels = place.layer, place.channels
        if isinstance(layer, (Dense, Conv2D)):
            rng = stream(seed, "init", place.name)
            kernel = f"{place.name}.kernel"
            weights[kernel] = layer.kernel_initializer.draw(shapes[kernel], rng)
            if layer.use_bias:
                bias = f"{place.name}.bias"
                weights[bias] = layer.bias_initializer.draw(shapes[bias], rng)
        elif isinstance(layer, BatchNorm):
            for name, number in (("gamma", 1), ("beta", 0), ("moving_mean", 0)):
                weights[f"{place.name}.{name}"] = np.full(channels, number, np.float32)
            weights[f"{place.name}.moving_variance"] = np.ones(channels, np.float32)
        elif isinstance(layer, (SqueezeExcite, Whitening)):
            rng = stream(seed, "init", place.name)
            for name in layer.weight_shapes(place.input_shape):
                start = ZEROS if name.endswith("bias") else GLOROT
                weights[f"{place.name}.{name}"] = start.draw(shapes[f"{place.name}.{name}"], rng)
    return weights
