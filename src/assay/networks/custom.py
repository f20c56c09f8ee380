"""Family `layers`: any list of layers, written in the study; assay appends the head."""

from __future__ import annotations

from typing import Any

from assay.core.config import Entry, Option, Problems, Source
from assay.core.errors import NetworkError
from assay.networks.families import FAMILIES, Family
from assay.networks.layers import Dense, Flatten, Layer, Shape
from assay.networks.options import WEIGHTS, styled
from assay.networks.parse import read_layers, write_layers

__all__: list[str] = []


def _read(entry: Entry) -> list[Any]:
    """Canonical short forms, so that equal layers have equal data however they were written.

    What a layer itself says about its weights is kept even where it is the default: the family's
    own options would apply otherwise.
    """
    return write_layers(read_layers(entry, dict.fromkeys(WEIGHTS)), keep=WEIGHTS)


def _trunk(options: dict[str, Any], image_shape: Shape) -> tuple[Layer, ...]:
    problems = Problems()
    entry = Entry(options["layers"], ("layers",), Source(options), problems)
    written = read_layers(entry, styled(options))
    problems.raise_if_any()
    return tuple(_flattened(written, image_shape))


def _flattened(layers: tuple[Layer, ...], shape: Shape) -> list[Layer]:
    """Put a flatten before the first dense layer, or at the end, where the shape is an image's."""
    result: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Dense) and len(shape) > 1:
            result.append(Flatten())
            shape = result[-1].output_shape(shape)
        result.append(layer)
        try:
            shape = layer.output_shape(shape)
        except NetworkError:  # the network says it better, with the layer's name
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
