"""A network as a sequence of layers, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assay.core.errors import EngineError
from assay.engines.numpy_engine.layers import LAYERS, NumpyLayer, RandomLayer
from assay.engines.numpy_engine.losses import add_penalty_gradient
from assay.networks.network import LayerPlace, Network

__all__ = ["Model", "check_layers"]

Array = np.ndarray


def check_layers(network: Network) -> None:
    """Raise EngineError, naming the layer, if this engine does not support a layer."""
    for place in network.places():
        if type(place.layer) not in LAYERS:
            known = ", ".join(sorted(kind.kind for kind in LAYERS))
            raise EngineError(
                f"the numpy engine does not support layer {place.name} of kind "
                f"{place.layer.kind!r} (supported: {known}); train this network with engine: torch"
            )


class Model:
    """A trunk of layers, and named heads on top of it.

    Args:
        network: its description.
        weights: by name, from `initial_weights`; copied.
        seed: seed of the run, for dropout.
        dtype: float32 or float64, for all computations.
    """

    def __init__(self, network: Network, weights: Mapping[str, Array], seed: int, dtype: np.dtype):
        self.dtype = dtype
        self.trunk: list[NumpyLayer] = []
        self.heads: dict[str, list[NumpyLayer]] = {name: [] for name, _ in network.heads}
        for place in network.places():
            layer = _make(place, weights, seed, dtype)
            part, _, rest = place.name.partition(".")
            chain = self.trunk if part == "trunk" else self.heads[rest.rpartition(".")[0]]
            chain.append(layer)
        self.layers = [*self.trunk, *(layer for head in self.heads.values() for layer in head)]

    def forward(self, x: Array, training: bool) -> dict[str, Array]:
        """Outputs (B, units) by head for images x (B, height, width, channels)."""
        x = _forward(self.trunk, x, training)
        return {name: _forward(head, x, training) for name, head in self.heads.items()}

    def backward(self, d: Mapping[str, Array]) -> None:
        """Set every layer's gradients, penalties included, from d = dL/d(output) by head."""
        self._backward(d, lowest=_lowest(self.trunk))
        for layer in self.layers:
            if "kernel" in layer.parameters:
                kernel, gradient = layer.parameters["kernel"], layer.gradients["kernel"]
                add_penalty_gradient(gradient, kernel, layer.regularizer)

    def input_gradient(self, d: Mapping[str, Array]) -> Array:
        """Return dL/dx for the images of the last forward pass (not used in training)."""
        return self._backward(d, lowest=-1)

    def _backward(self, d: Mapping[str, Array], lowest: int) -> Array:
        """Backward through the heads, whose gradients are summed, and the trunk."""
        parts = [_backward(head, d[name], -1) for name, head in self.heads.items()]
        return _backward(self.trunk, sum(parts[1:], start=parts[0]), lowest)

    def hold_draws(self, held: bool) -> None:
        """Let dropout and noise reuse their numbers, or draw new ones."""
        for layer in self.layers:
            if isinstance(layer, RandomLayer):
                layer.held = held

    def weights(self) -> dict[str, Array]:
        """Return copies of all weights and averages, float32, named as in `initial_weights`."""
        return {
            f"{layer.name}.{key}": array.astype(np.float32)
            for layer in self.layers
            for key, array in (layer.parameters | layer.averages).items()
        }

    def arrays(self) -> dict[str, Array]:
        """Return all weights and averages themselves, in the precision of computation."""
        return {
            f"{layer.name}.{key}": array
            for layer in self.layers
            for key, array in (layer.parameters | layer.averages).items()
        }

    def restore(self, weights: Mapping[str, Array]) -> None:
        """Restore the result of `weights`."""
        for layer in self.layers:
            for key, array in (layer.parameters | layer.averages).items():
                array[...] = weights[f"{layer.name}.{key}"]


def _make(
    place: LayerPlace, weights: Mapping[str, Array], seed: int, dtype: np.dtype
) -> NumpyLayer:
    own = {
        name.rpartition(".")[2]: array.astype(dtype)
        for name, array in weights.items()
        if name.rpartition(".")[0] == place.name
    }
    return LAYERS[type(place.layer)](place.layer, place.name, own, seed)


def _lowest(chain: Sequence[NumpyLayer]) -> int:
    """Return the position of the first layer with parameters, below which no gradient is needed."""
    return next((i for i, layer in enumerate(chain) if layer.parameters), len(chain))


def _forward(chain: Sequence[NumpyLayer], x: Array, training: bool) -> Array:
    for layer in chain:
        x = layer.forward(x, training)
    return x


def _backward(chain: Sequence[NumpyLayer], d: Array, lowest: int) -> Array:
    """Apply the chain rule from the last layer to `lowest`, which needs no input gradient."""
    for i in range(len(chain) - 1, max(lowest, 0) - 1, -1):
        chain[i].differentiate(d)
        if i > lowest:
            d = chain[i].backward(d)
    return d
