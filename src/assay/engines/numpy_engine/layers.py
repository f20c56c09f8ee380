"""Layers, forward and backward. B is the number of images in a batch, d = dL/dy.

A layer has two backward methods: `differentiate(d)` sets the gradients of its own parameters, and
`backward(d)` returns dL/dx for the layer below, which the lowest layer does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from assay.engines.numpy_engine.activations import ACTIVATIONS
from assay.engines.streams import Bits, normal_numbers, scaled_mask
from assay.networks import layers
from assay.networks.generator_layers import GaussianNoise
from assay.networks.regularizers import Regularizer

__all__ = [
    "LAYERS",
    "ActivationLayer",
    "NumpyBatchNorm",
    "NumpyDense",
    "NumpyDropout",
    "NumpyFlatten",
    "NumpyGaussianNoise",
    "NumpyLayer",
    "RandomLayer",
]

Array = np.ndarray


class NumpyLayer:
    """y = x; the base of all layers.

    Attributes:
        parameters: trained arrays by name; `gradients` has dL/d of each after `differentiate`.
        averages: arrays that are updated but not trained.
        regularizer: the penalty on the kernel.
    """

    regularizer = Regularizer()  # of the kernel, if any

    def __init__(self, name: str):
        self.name = name
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}
        self.averages: dict[str, Array] = {}

    def forward(self, x: Array, training: bool) -> Array:
        """Return y for x; in training, store what the backward pass needs."""
        return x

    def differentiate(self, d: Array) -> None:
        """Set `gradients` from d = dL/dy of the last forward pass."""

    def backward(self, d: Array) -> Array:
        """dL/dx from d = dL/dy of the last forward pass."""
        return d


class NumpyDense(NumpyLayer):
    """y = x W + b.

        x (B, in), W (in, out), b (out,), y (B, out)
        dL/dW = x^T d       (in, B) (B, out) -> (in, out)
        dL/db = sum_b d     (out,)
        dL/dx = d W^T       (B, out) (out, in) -> (B, in)

    References:
        D. Rumelhart et al., "Learning representations by back-propagating errors", Nature 1986.
    """

    def __init__(self, described: layers.Dense, name: str, weights: dict[str, Array], seed: int):
        super().__init__(name)
        self.regularizer = described.kernel_regularizer
        self.parameters = {k: weights[k] for k in ("kernel", "bias") if k in weights}
        # reused in every step, because allocating pages of this size costs as much as the product
        self.gradients["kernel"] = np.empty_like(weights["kernel"])

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            self.x = x
        y = x @ self.parameters["kernel"]
        if "bias" in self.parameters:
            y += self.parameters["bias"]
        return y

    def differentiate(self, d: Array) -> None:
        np.matmul(self.x.T, d, out=self.gradients["kernel"])
        if "bias" in self.parameters:
            self.gradients["bias"] = d.sum(0)

    def backward(self, d: Array) -> Array:
        return d @ self.parameters["kernel"].T


class ActivationLayer(NumpyLayer):
    """y = f(x); see `activations`."""

    def __init__(
        self, described: layers.Activation, name: str, weights: Mapping[str, Array], seed: int
    ):
        super().__init__(name)
        self.f = ACTIVATIONS[described.function]

    def forward(self, x: Array, training: bool) -> Array:
        y = self.f.forward(x)
        if training:
            self.x, self.y = x, y
        return y

    def backward(self, d: Array) -> Array:
        return self.f.backward(d, self.x, self.y)


class RandomLayer(NumpyLayer):
    """A layer that draws numbers of the shape of x in training; y = x in evaluation.

    Attributes:
        bits: the run's random bits for this layer.
        held: reuse the last numbers, to compare two losses.
    """

    def __init__(self, name: str, seed: int):
        super().__init__(name)
        self.held = False
        self.bits = Bits([seed], name)

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        if not self.held:
            (bits,) = self.bits.draw(x.shape)
            self.drawn = self.draw(bits, x.dtype)
        return self.apply(x)

    def draw(self, bits: Array, dtype: np.dtype) -> Array:
        """Return the numbers for the bits (int16), of their shape."""
        raise NotImplementedError

    def apply(self, x: Array) -> Array:
        """Return y from x and the numbers drawn."""
        raise NotImplementedError


class NumpyDropout(RandomLayer):
    """y = x * m, with m = 0 at the given rate and 1 / (1 - rate) elsewhere; y = x in evaluation.

        m has the shape of x
        dL/dx = d * m

    References:
        N. Srivastava et al., "Dropout", JMLR 15, 2014.
    """

    def __init__(
        self, described: layers.Dropout, name: str, weights: Mapping[str, Array], seed: int
    ):
        super().__init__(name, seed)
        self.rate = described.rate

    def draw(self, bits: Array, dtype: np.dtype) -> Array:
        return scaled_mask(bits, self.rate, dtype)

    def apply(self, x: Array) -> Array:
        return x * self.drawn

    def backward(self, d: Array) -> Array:
        return d * self.drawn


class NumpyGaussianNoise(RandomLayer):
    """y = x + e, with e normal of the given standard deviation; y = x in evaluation.

    e has the shape of x
    dL/dx = d
    """

    def __init__(
        self, described: GaussianNoise, name: str, weights: Mapping[str, Array], seed: int
    ):
        super().__init__(name, seed)
        self.numbers = normal_numbers() * np.float32(described.stddev)

    def draw(self, bits: Array, dtype: np.dtype) -> Array:
        return self.numbers[bits.astype(np.int32) + 32768].astype(dtype)

    def apply(self, x: Array) -> Array:
        return x + self.drawn


class NumpyBatchNorm(NumpyLayer):
    """y = gamma * n + beta, with n = (x - mean) / sqrt(variance + epsilon).

        x, n, y (B, channels); mean, variance, gamma, beta (channels,)
        training: mean and variance are those of the batch (the variance divided by B)
        evaluation: their moving averages, a <- momentum * a + (1 - momentum) * batch

        dL/dgamma = sum_b d * n     (channels,)
        dL/dbeta  = sum_b d         (channels,)
        dL/dx = gamma / sqrt(variance + epsilon) * (d - (dL/dbeta + n * dL/dgamma) / B)

    The last line has two terms besides d because the batch's mean and variance depend on x. Before
    images are flattened x is (B, height, width, channels) and B counts every pixel.

    References:
        S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.
    """

    def __init__(self, described: layers.BatchNorm, name: str, weights: dict, seed: int):
        super().__init__(name)
        self.momentum, self.epsilon = described.momentum, described.epsilon
        self.parameters = {k: weights[k] for k in ("gamma", "beta")}
        self.averages = {k: weights[k] for k in ("moving_mean", "moving_variance")}

    def forward(self, x: Array, training: bool) -> Array:
        mean, variance = self.averages["moving_mean"], self.averages["moving_variance"]
        if training:
            over = tuple(range(x.ndim - 1))
            batch_mean, batch_variance = x.mean(over), x.var(over)
            for average, batch in ((mean, batch_mean), (variance, batch_variance)):
                average *= self.momentum
                average += (1 - self.momentum) * batch
            mean, variance = batch_mean, batch_variance
        inverse = 1 / np.sqrt(variance + self.epsilon)
        n = (x - mean) * inverse
        if training:
            self.n, self.inverse = n, inverse
        return self.parameters["gamma"] * n + self.parameters["beta"]

    def differentiate(self, d: Array) -> None:
        over = tuple(range(d.ndim - 1))
        self.gradients = {"gamma": (d * self.n).sum(over), "beta": d.sum(over)}

    def backward(self, d: Array) -> Array:
        count = d.size // d.shape[-1]
        spread = self.gradients["beta"] + self.n * self.gradients["gamma"]
        return self.parameters["gamma"] * self.inverse * (d - spread / count)


class NumpyFlatten(NumpyLayer):
    """y = x as rows: (B, height, width, channels) -> (B, features); dL/dx is d in x's shape."""

    def __init__(
        self, described: layers.Flatten, name: str, weights: Mapping[str, Array], seed: int
    ):
        super().__init__(name)

    def forward(self, x: Array, training: bool) -> Array:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, d: Array) -> Array:
        return d.reshape(self.shape)


LAYERS: dict[type[layers.Layer], Callable[..., NumpyLayer]] = {
    layers.Dense: NumpyDense,
    layers.Activation: ActivationLayer,
    layers.Dropout: NumpyDropout,
    GaussianNoise: NumpyGaussianNoise,
    layers.BatchNorm: NumpyBatchNorm,
    layers.Flatten: NumpyFlatten,
}
"""Description -> its layer, called with (description, name, weights, seed)."""
