"""A user's own Keras model, built for a run, with the interface of the engine's networks."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import EngineError, NetworkError
from assay.core.seeds import stream
from assay.engines.keras_engine.backend import load_keras
from assay.networks.modules import Measured, OwnNetwork
from assay.networks.own import check_outputs

if TYPE_CHECKING:
    from keras import Model, Variable

__all__ = ["check_own_weights", "measure", "own_model", "own_outputs", "own_variables"]

_IMAGES = 2
"""Number of images with which a model is tried."""

_ROWS = 500
"""Images at a time in prediction."""


@contextmanager
def _drawing(keras: ModuleType, seed: int) -> Iterator[None]:
    """Context in which new initializers and dropout layers draw from the run's stream.

    Python's and NumPy's generators, which Keras also seeds, are restored afterwards.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    keras.utils.set_random_seed(int(stream(seed, "init", "module").integers(2**31)))
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def own_model(keras: ModuleType, network: OwnNetwork, seed: int) -> Model:
    """Call the user's function; a list of layers becomes a `keras.Sequential`.

    Raises:
        NetworkError: it fails, or does not return a model.
    """
    with _drawing(keras, seed):
        made = network.make()
        with network.blamed("cannot be built"):
            if isinstance(made, (list, tuple)):
                made = keras.Sequential([keras.Input(network.input_shape), *made])
        if not isinstance(made, keras.Model):
            raise NetworkError(
                f"{network.source} returned a {type(made).__name__}, expected a keras.Model or a "
                "list of layers"
            )
        if not made.built:
            with network.blamed("cannot be built"):
                made(np.zeros((1, *network.input_shape), np.float32))
    return made


def own_variables(model: Model) -> dict[str, Variable]:
    """Return the variables of a model by position and name."""
    kept = [variable for variable in model.weights if "seed" not in variable.name]
    return {f"{i}.{variable.name}": variable for i, variable in enumerate(kept)}


def measure(network: OwnNetwork) -> tuple[tuple[str, Measured], ...]:
    """Build the model, check its output for two images, and return its layers.

    Raises:
        NetworkError: it cannot be built, fails, or does not return what the task needs.
    """
    keras = load_keras()
    model = own_model(keras, network, 0)
    images = stream(0, "tried").standard_normal((_IMAGES, *network.input_shape), np.float32)
    with network.blamed(f"fails for images {images.shape}"):
        found = model(images, training=False)
    shape = tuple(found.shape) if hasattr(found, "shape") else f"a {type(found).__name__}"
    check_outputs(network, shape, _IMAGES, model)
    if not model.trainable_weights:
        raise NetworkError(f"network {network.source!r} has no weights to train")
    # by position, because Keras's names depend on earlier layers in this process
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    return tuple((str(i), _measured(layer)) for i, layer in enumerate(layers))


def _measured(layer: Any) -> Measured:
    try:
        shape = tuple(int(side) for side in layer.output.shape[1:])
    except (AttributeError, TypeError):
        shape = ()
    kernel = getattr(layer, "kernel", None)
    products = math.prod(kernel.shape) * math.prod(shape[:-1]) if kernel is not None else 0
    trained = sum(math.prod(variable.shape) for variable in layer.trainable_weights)
    return Measured(type(layer).__name__, shape, trained, products)


def check_own_weights(network: OwnNetwork, weights: Mapping[str, np.ndarray]) -> None:
    """Raise EngineError unless these are the weights of this network."""
    there = own_variables(own_model(load_keras(), network, 0))
    shapes = {name: tuple(variable.shape) for name, variable in there.items()}
    if shapes != {name: array.shape for name, array in weights.items()}:
        raise EngineError(f"these weights do not fit network {network.source!r}")


def own_outputs(
    network: OwnNetwork, weights: Mapping[str, np.ndarray], images: np.ndarray
) -> np.ndarray:
    """Return raw outputs (n, units) of a trained model for normalised images."""
    check_own_weights(network, weights)
    keras = load_keras()
    model = own_model(keras, network, 0)
    for name, variable in own_variables(model).items():
        variable.assign(weights[name])
    parts = [
        keras.ops.convert_to_numpy(model(images[i : i + _ROWS], training=False))
        for i in range(0, len(images), _ROWS)
    ]
    return np.concatenate(parts)
