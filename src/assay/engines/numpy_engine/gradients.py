"""Comparison of every gradient of a network with finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from assay.core.errors import EngineError, unknown_name
from assay.core.seeds import stream
from assay.engines.numpy_engine.losses import LOSSES, penalty
from assay.engines.numpy_engine.model import Model, check_layers
from assay.networks.network import Network, initial_weights
from assay.networks.regularizers import Regularizer

__all__ = ["LIMIT", "GradientRow", "check_gradients"]

Array = np.ndarray

LIMIT = 1e-6
"""Relative errors of correct gradients are below this."""

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
GOOD_ENOUGH = 1e-8
FLOOR = 1e-5
"""Lower bound of gradients in relative errors, below which rounding dominates."""

NOISE = 0.1


@dataclass(frozen=True)
class GradientRow:
    """One array of a network and the error of its gradient.

    Attributes:
        layer: its name, "trunk.1", or "input".
        parameter: "kernel", "bias", "gamma", "beta", or "images".
        shape: of the array; images have the batch axis first.
        checked: number of compared entries, of `entries`.
        error: their largest relative error.
    """

    layer: str
    parameter: str
    shape: tuple[int, ...]
    checked: int
    entries: int
    error: float


def check_gradients(
    network: Network,
    *,
    task: str = "classify",
    images: int = 5,
    seed: int = 0,
    entries: int | None = None,
) -> list[GradientRow]:
    """Compare each gradient dL/dw of a network with central differences of its loss L.

    With f(h) the loss after w + h, and the fourth-order formula

        dL/dw ~ (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / (12 h)

    the relative error is |gradient - difference| divided by the larger of the two. A large h has
    errors from higher derivatives and from kinks (relu at 0), a small h from rounding, so the best
    of several is used: a wrong gradient agrees with none of them.

    Images and targets are random. Noise is added to all initial weights except kernels: with biases
    of exactly 0, units may be at relu's kink, and gamma = 1, beta = 0 would hide mistakes. Dropout
    and noise keep their numbers, and batch norm uses the batch.

    Args:
        images: batch size.
        seed: of weights, images and masks.
        entries: how many entries of each array to check, drawn at random; None checks all.

    Returns:
        A row for each parameter in the network's order, and a last one for the images.

    Raises:
        EngineError: this engine does not support a layer or the task; the message names it.
    """
    if task not in LOSSES:
        raise EngineError(unknown_name("task of the numpy engine", task, LOSSES))
    check_layers(network)
    rng = stream(seed, "gradients")
    weights = {
        name: start + NOISE * rng.standard_normal(start.shape) * (start.ndim == 1)
        for name, start in initial_weights(network, seed).items()
    }
    model = Model(network, weights, seed, np.dtype(np.float64))
    x = rng.standard_normal((images, *network.input_shape))
    classes = list(network.places())[-1].output_shape[-1]
    targets = rng.integers(0, classes, images)

    def data_loss() -> float:
        losses, _, _ = LOSSES[task](model.forward(x, training=True), targets)
        return float(losses.mean())

    _, d, _ = LOSSES[task](model.forward(x, training=True), targets)
    model.hold_draws(True)
    return [_row(array, data_loss, entries, rng) for array in _arrays(model, d, x)]


@dataclass(frozen=True)
class _Array:
    """An array that the loss depends on, its gradient, and the penalty on it."""

    layer: str
    parameter: str
    values: Array
    gradient: Array
    regularizer: Regularizer


def _arrays(model: Model, d: dict[str, Array], x: Array) -> Iterator[_Array]:
    model.backward(d)
    learned = {
        (layer.name, key): gradient.copy()  # the next pass overwrites it
        for layer in model.layers
        for key, gradient in layer.gradients.items()
    }
    for layer in model.layers:
        for key, values in layer.parameters.items():
            regularizer = layer.regularizer if key == "kernel" else Regularizer()
            yield _Array(layer.name, key, values, learned[layer.name, key], regularizer)
    model.forward(x, training=True)  # the layers have processed other values since
    yield _Array("input", "images", x, model.input_gradient(d), Regularizer())


def _row(
    array: _Array,
    data_loss: Callable[[], float],
    entries: int | None,
    rng: np.random.Generator,
) -> GradientRow:
    """Check one array by changing its entries in place and restoring them."""
    values = array.values
    chosen = np.arange(values.size)
    if entries is not None and entries < values.size:
        chosen = np.sort(rng.choice(values.size, entries, replace=False))
    errors = (_error(array, np.unravel_index(i, values.shape), data_loss) for i in chosen)
    return GradientRow(
        array.layer, array.parameter, values.shape, len(chosen), values.size, max(errors)
    )


def _error(array: _Array, at: tuple, data_loss: Callable[[], float]) -> float:
    """Return the relative error of one entry, the smallest over the steps."""
    values, gradient, best = array.values, float(array.gradient[at]), np.inf
    centre = values[at]

    def f(h: float) -> float:
        values[at] = centre + h
        # penalties of other entries are constant and would only cost precision
        return data_loss() + penalty(values[at], array.regularizer)

    for h in STEPS:
        difference = (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)
        scale = max(abs(gradient), abs(difference), FLOOR)
        best = min(best, abs(gradient - difference) / scale)
        if best < GOOD_ENOUGH:
            break
    values[at] = centre
    return float(best)
