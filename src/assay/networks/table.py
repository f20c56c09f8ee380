"""What a network consists of, as a table: shapes, parameters and multiply-adds of every layer."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TypedDict

from assay.networks.layers import BatchNorm, Layer, Residual, Shape
from assay.networks.modules import Measured
from assay.networks.network import Network
from assay.networks.parse import write_layers

__all__ = ["LayerRow", "layer_table", "totals"]


class LayerRow(TypedDict):
    """A layer in a table, see `layer_table`."""

    name: str
    layer: str
    output_shape: Shape
    parameters: int
    macs: int


def layer_table(network: Network) -> list[LayerRow]:
    """Return a row for every layer, in order, residual blocks opened.

    Each row has "name" ("trunk.3"), "layer" ("conv2d 128, kernel_size 7"), "output_shape" (without
    the batch), "parameters" (trainable), "macs" (multiply-adds of one image, forward). A residual
    block ends in a row for its sum.
    """
    rows: list[LayerRow] = []
    for place in network.places():
        rows += _rows(place.name, place.layer, place.input_shape)
    return rows


def totals(network: Network) -> dict[str, int]:
    """Return sums over the whole network.

    "parameters" (trainable), "macs" (of one image, forward), "moving" (averages that batch norm
    keeps, not trained) and "activations" (numbers of all layers' outputs for one image, which
    training keeps for the backward pass).
    """
    table = layer_table(network)
    moving = (2 * p.input_shape[-1] for p in network.leaves() if isinstance(p.layer, BatchNorm))
    return {
        "parameters": network.parameters,
        "macs": network.macs,
        "moving": sum(moving),
        "activations": sum(prod(row["output_shape"]) for row in table),
    }


def _rows(name: str, layer: Layer, shape: Shape) -> Iterator[LayerRow]:
    if not isinstance(layer, Residual):
        yield _row(name, _describe(layer), layer, shape)
        return
    for i, (inner, inner_shape) in enumerate(zip(layer.body, layer.shapes(shape), strict=False)):
        yield from _rows(f"{name}.{i}", inner, inner_shape)
    shortcut = layer.projection(shape)
    if shortcut:
        yield _row(f"{name}.shortcut", _describe(shortcut), shortcut, shape)
    out = layer.output_shape(shape)
    yield {"name": name, "layer": "residual sum", "output_shape": out, "parameters": 0, "macs": 0}


def _row(name: str, text: str, layer: Layer, shape: Shape) -> LayerRow:
    return {
        "name": name,
        "layer": text,
        "output_shape": layer.output_shape(shape),
        "parameters": layer.parameters(shape),
        "macs": layer.macs(shape),
    }


def _describe(layer: Layer) -> str:
    """The layer as it is written in a study, on one line; one that is not, as it calls itself."""
    if isinstance(layer, Measured):
        return layer.text
    (written,) = write_layers((layer,))
    if isinstance(written, str):
        return written
    return ", ".join(f"{key} {_short(value)}" for key, value in written.items())


def _short(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(v) if k == "name" else f"{k}={v:g}" for k, v in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
