"""`.keras` files: writes a trained network, and reads its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from assay.core.errors import EngineError
from assay.engines.keras_engine.backend import load_keras
from assay.engines.keras_engine.build import build_model, get_weights, set_weights
from assay.networks.network import Network, initial_weights

__all__ = ["read_keras", "write_graph", "write_keras"]

NETWORK = "network"


Pixels = tuple[np.ndarray, np.ndarray]
"""Mean and standard deviation that normalise each channel of an image: (channels,) each."""


def write_keras(
    network: Network, weights: Mapping[str, np.ndarray], path: Path, pixels: Pixels
) -> None:
    """Write a model with these weights to `path`, which ends in ".keras".

    It takes images (B, height, width, channels) in 0..255 and gives logits: Keras's own
    normalisation, then the network as a nested model named "network".
    """
    keras = load_keras()
    model = build_model(keras, network)
    set_weights(model, network, weights)
    model.name = NETWORK
    mean, std = pixels
    normal = keras.layers.Normalization(mean=mean.tolist(), variance=(std**2).tolist())
    inputs = keras.Input(network.input_shape)
    keras.Model(inputs, model(normal(inputs))).save(path)


def read_keras(network: Network, path: Path) -> dict[str, np.ndarray]:
    """Read the weights of a `.keras` file, named as `initial_weights` names them.

    Args:
        network: the description of the model in the file, as `write_keras` was given it.

    Raises:
        EngineError: the file cannot be read, or contains another network.
    """
    keras = load_keras()
    try:
        whole = keras.saving.load_model(path, compile=False)  # safe_mode: no code from the file
        model = next((part for part in whole.layers if part.name == NETWORK), whole)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EngineError(f"cannot read {path} as a Keras model: {error}") from error
    weights = get_weights(model, network)
    for name, array in initial_weights(network, 0).items():
        if name not in weights or weights[name].shape != array.shape:
            got = weights[name].shape if name in weights else "nothing"
            raise EngineError(f"{path}: {name} is {got}; expected an array of {array.shape}")
    return weights


def write_graph(network: Network, folder: Path) -> None:
    """Write the model's graph as a TensorBoard event file below `folder`, with TensorFlow."""
    keras = load_keras()
    callback = keras.callbacks.TensorBoard(log_dir=str(folder), write_graph=True)
    callback.set_model(build_model(keras, network))
    callback.on_train_end()
