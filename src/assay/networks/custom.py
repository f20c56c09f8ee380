"""Family `layers`: any list of layers, written in the study; assay appends the head."""

from __future__ import annotations

from typing import Any

from assay.core.config import Entry, Option, Problems, Source
from assay.core.errors import NetworkError
from assay.core.records import Spec
from assay.networks.families import FAMILIES, Family
from assay.networks.generator_layers import GaussianNoise
from assay.networks.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Shape
from assay.networks.options import WEIGHTS, styled
from assay.networks.parse import read_layers, write_layers

__all__ = ["only_dense"]

_DENSE = (Dense, Activation, Dropout, GaussianNoise, BatchNorm, Flatten)


def _read(entry: Entry) -> list[Any]:
    """Read layers into canonical short forms, so that equal layers have equal data.

    A layer's own settings of weights are kept even if they are the default, because the family's
    options would apply otherwise.
    """
    return write_layers(read_layers(entry, dict.fromkeys(WEIGHTS)), keep=WEIGHTS)


def only_dense(description: Spec) -> bool:
    """Whether a canonical description is that of a dense network: family `mlp`, or layers without
    convolutions, pooling and blocks. Families of plugins and networks of the user's own are not."""
    if description.get("family") != "layers":
        return description.get("family") == "mlp"
    entry = Entry(description.get("layers", []), ("layers",), Source(description), Problems())
    return all(isinstance(layer, _DENSE) for layer in read_layers(entry))


def _trunk(options: Spec, image_shape: Shape) -> tuple[Layer, ...]:
    problems = Problems()
    entry = Entry(options["layers"], ("layers",), Source(options), problems)
    written = read_layers(entry, styled(options))
    problems.raise_if_any()
    return tuple(_flattened(written, image_shape))


def _flattened(layers: tuple[Layer, ...], shape: Shape) -> list[Layer]:
    """Insert a flatten before the first dense layer, or at the end, if it is missing."""
    result: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Dense) and len(shape) > 1:
            result.append(Flatten())
            shape = result[-1].output_shape(shape)
        result.append(layer)
        try:
            shape = layer.output_shape(shape)
        except NetworkError:  # the network's error names the layer
            return [*result, *layers[len(result) :]]
    return result if len(shape) == 1 else [*result, Flatten()]


_OPTIONS = {
    "layers": Option(
        _read,
        [],
        "The layers in order, without the output layers, which assay appends.",
        {"type": "array", "items": {"$ref": "#/$defs/layer"}},
        "a list of layers (see Layers)",
        [{"conv2d": {"filters": 8, "kernel_size": 3}}, "max_pool2d", {"dense": 64}],
    ),
    **WEIGHTS,
}

FAMILIES.add("layers")(Family(_OPTIONS, _trunk))
