"""A network as Keras code that can be pasted into a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.errors import EngineError
from assay.engines.keras_engine.build import is_chain
from assay.engines.keras_engine.calls import keras_name, layer_call
from assay.networks.layers import Layer, Residual, Shape
from assay.networks.network import Network

__all__ = ["keras_code"]


def keras_code(network: Network) -> str:
    """Return Python code that creates `model` and only needs Keras.

    Raises:
        EngineError: the network has a layer or an initializer that Keras does not have.
    """
    for place in network.leaves():
        start = getattr(place.layer, "kernel_initializer", None)
        if start is not None and start.name == "dirac":
            raise EngineError(f"Keras has no initializer dirac, which layer {place.name} has")
    lines = ["import keras", ""]
    if is_chain(network):
        lines += ["model = keras.Sequential(", "    [", f"        {_input(network)},"]
        lines += [f"        {layer_call(p.layer, p.name).code}," for p in network.places()]
        return "\n".join([*lines, "    ]", ")"])
    lines += [f"inputs = {_input(network)}"]
    shape = network.input_shape
    lines += _through(network.trunk, "trunk", shape, "inputs", "x")
    for layer in network.trunk:
        shape = layer.output_shape(shape)
    start = "x" if network.trunk else "inputs"
    names = {name: keras_name(f"head.{name}") for name, _ in network.heads}
    for name, chain in network.heads:
        lines += _through(chain, f"head.{name}", shape, start, names[name])
    several = ", ".join(f"{name!r}: {variable}" for name, variable in names.items())
    outputs = f"{{{several}}}" if len(names) > 1 else next(iter(names.values()))
    return "\n".join([*lines, f"model = keras.Model(inputs, {outputs})"])


def _input(network: Network) -> str:
    return f"keras.Input({network.input_shape!r})"


def _through(
    chain: Sequence[Layer], prefix: str, shape: Shape, start: str, variable: str
) -> list[str]:
    """Return lines that apply the layers to `start` and assign the result to `variable`."""
    lines: list[str] = []
    for i, layer in enumerate(chain):
        name = f"{prefix}.{i}"
        if isinstance(layer, Residual):
            lines += _residual(layer, name, shape, start, variable)
        else:
            lines.append(f"{variable} = {layer_call(layer, name).code}({start})")
        start, shape = variable, layer.output_shape(shape)
    return lines or [f"{variable} = {start}"]


def _residual(layer: Residual, name: str, shape: Shape, start: str, variable: str) -> list[str]:
    body, shortcut = f"{keras_name(name)}_body", layer.projection(shape)
    lines = _through(layer.body, name, shape, start, body)
    if shortcut:
        call = layer_call(shortcut, f"{name}.shortcut")
        lines.append(f"{variable} = {call.code}({start})")
        start = variable
    add = f"keras.layers.Add(name={keras_name(name)!r})"
    return [*lines, f"{variable} = {add}([{body}, {start}])"]
