"""Conversion of a description to a Keras model, and of weights in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import EngineError
from assay.core.seeds import stream
from assay.engines.keras_engine.calls import RANDOM, keras_name, layer_call
from assay.engines.keras_engine.own_model import own_model, own_variables
from assay.networks.layers import Layer, Residual
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network, hidden_kernels, output_layers

if TYPE_CHECKING:
    from keras import Model, Variable

__all__ = [
    "build_model",
    "described_kernels",
    "get_weights",
    "is_chain",
    "kernels_of",
    "set_weights",
]


def is_chain(network: Network) -> bool:
    """Whether the network is a sequence of layers, as in `keras.Sequential`."""
    blocks = any(isinstance(p.layer, Residual) for p in network.places())
    return len(network.heads) == 1 and not blocks


def build_model(keras: ModuleType, network: Network, seed: int = 0) -> Model:
    """Make the model: images (B, height, width, channels) -> logits (B, units), or {head: ...}.

    Args:
        keras: the module; see `backend.load_keras`.
        seed: seed of the run, from which the seeds of dropout layers are derived.
    """
    if isinstance(network, OwnNetwork):
        return own_model(keras, network, seed)
    if is_chain(network):
        chain = [
            layer_call(p.layer, p.name, _seed(p.layer, p.name, seed)).make(keras)
            for p in network.places()
        ]
        return keras.Sequential([keras.Input(network.input_shape), *chain])
    inputs = keras.Input(network.input_shape)
    shape, x = network.input_shape, inputs
    for i, layer in enumerate(network.trunk):
        x = _apply(keras, layer, f"trunk.{i}", shape, x, seed)
        shape = layer.output_shape(shape)
    outputs = {
        name: _through(keras, chain, f"head.{name}", shape, x, seed)
        for name, chain in network.heads
    }
    return keras.Model(inputs, outputs if len(outputs) > 1 else next(iter(outputs.values())))


def _through(
    keras: ModuleType,
    chain: Sequence[Layer],
    prefix: str,
    shape: tuple[int, ...],
    x: Any,
    seed: int,
) -> Any:
    """Apply layers in sequence."""
    for i, layer in enumerate(chain):
        x = _apply(keras, layer, f"{prefix}.{i}", shape, x, seed)
        shape = layer.output_shape(shape)
    return x


def _apply(
    keras: ModuleType, layer: Layer, name: str, shape: tuple[int, ...], x: Any, seed: int
) -> Any:
    if not isinstance(layer, Residual):
        return layer_call(layer, name, _seed(layer, name, seed)).make(keras)(x)
    shortcut = layer.projection(shape)
    y = _through(keras, layer.body, name, shape, x, seed)
    if shortcut:
        x = layer_call(shortcut, f"{name}.shortcut").make(keras)(x)
    return keras.layers.Add(name=keras_name(name))([y, x])


def _seed(layer: Layer, name: str, seed: int) -> int | None:
    if not isinstance(layer, RANDOM):
        return None
    return int(stream(seed, "dropout", name).integers(2**31))


Kernels = tuple[dict[str, tuple[int, ...]], list[str]]
"""Kernel shapes of hidden layers by their name in Keras, and names of output layers."""


def described_kernels(network: Network) -> Kernels:
    """Return the kernels of a described network."""
    hidden = {keras_name(k.removesuffix(".kernel")): s for k, s in hidden_kernels(network).items()}
    return hidden, [keras_name(name) for name in output_layers(network)]


def kernels_of(model: Model, network: Network) -> Kernels:
    """Return the kernels of a model; the last of a user-defined one is the output layer's."""
    if not isinstance(network, OwnNetwork):
        return described_kernels(network)
    found = {
        variable.path.rpartition("/")[0]: tuple(variable.shape)
        for variable in model.trainable_variables
        if len(variable.shape) > 1
    }
    last = list(found)[-1:]
    return {name: shape for name, shape in found.items() if name not in last}, last


def _variables(model: Model, network: Network) -> dict[str, Variable]:
    """Return Keras's variables by assay's names."""
    if isinstance(network, OwnNetwork):
        return own_variables(model)
    try:
        return {
            f"{place.name}.{variable.name}": variable
            for place in network.leaves()
            for variable in model.get_layer(keras_name(place.name)).weights
            if "seed" not in variable.name
        }
    except ValueError as error:
        raise EngineError(f"the model differs from its description: {error}") from error


def set_weights(model: Model, network: Network, weights: Mapping[str, np.ndarray]) -> None:
    """Assign weights, named as in `initial_weights`, to a model."""
    for name, variable in _variables(model, network).items():
        if name in weights or not isinstance(network, OwnNetwork):  # otherwise it has drawn its own
            variable.assign(weights[name])


def get_weights(model: Model, network: Network) -> dict[str, np.ndarray]:
    """Return the weights of a model as float32 arrays, named as in `initial_weights`.

    Raises:
        EngineError: it has other layers or other shapes than the network.
    """
    import keras

    found = {
        name: np.array(keras.ops.convert_to_numpy(variable.value), np.float32)
        for name, variable in _variables(model, network).items()
    }
    return found
