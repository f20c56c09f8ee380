"""Activations: y = f(x), and the gradient dL/dx for the input, given d = dL/dy for the output.

All except softmax act elementwise, so that dL/dx = d * f'(x). Every array is (B, units), or
(B, height, width, channels) before the images are flattened.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

__all__ = ["ACTIVATIONS", "NumpyActivation"]

Array = np.ndarray


class NumpyActivation:
    """y = x, called "linear"; the base of the others."""

    def forward(self, x: Array) -> Array:
        """y = f(x)."""
        return x

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        """dL/dx from d = dL/dy, the input x and the output y."""
        return d


class Relu(NumpyActivation):
    """y = max(x, 0); dy/dx = 1 where x > 0, else 0.

    References:
        V. Nair and G. Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines",
        ICML 2010.
    """

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return d * (x > 0)


class LeakyRelu(NumpyActivation):
    """y = x where x > 0, else 0.2 x; dy/dx = 1 where x > 0, else 0.2 (Keras's slope).

    References:
        A. Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        ICML 2013.
    """

    slope = 0.2

    def forward(self, x: Array) -> Array:
        return np.maximum(x, self.slope * x)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return np.where(x > 0, d, self.slope * d)


class Elu(NumpyActivation):
    """y = x where x > 0, else e^x - 1; dy/dx = 1 where x > 0, else e^x = y + 1.

    References:
        D.-A. Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear
        Units", ICLR 2016.
    """

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return np.where(x > 0, d, d * (y + 1))


class Gelu(NumpyActivation):
    """y = x P(x) with the normal distribution P(x) = (1 + erf(x / sqrt 2)) / 2 and its density p;
    dy/dx = P(x) + x p(x), with p(x) = e^(-x^2 / 2) / sqrt(2 pi).

    References:
        D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units", 2016 (the exact form).
    """

    def forward(self, x: Array) -> Array:
        return x * self._distribution(x)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        density = np.exp(-x * x / 2) / sqrt(2 * pi)
        return d * (self._distribution(x) + x * density)

    def _distribution(self, x: Array) -> Array:
        from scipy.special import (
            erf,
        )  # imported late, because it takes long

        return (1 + erf(x / sqrt(2))) / 2


class Sigmoid(NumpyActivation):
    """y = s(x) = 1 / (1 + e^-x); dy/dx = y (1 - y).

    References:
        D. Rumelhart et al., "Learning representations by back-propagating errors", Nature 1986.
    """

    def forward(self, x: Array) -> Array:
        small = np.exp(-np.abs(x))  # never above 1, so that nothing overflows
        return np.where(x > 0, 1, small) / (1 + small)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return d * y * (1 - y)


class Silu(NumpyActivation):
    """y = x s(x) with the sigmoid s; dy/dx = s(x) + x s(x) (1 - s(x)).

    References:
        S. Elfwing et al., "Sigmoid-Weighted Linear Units", Neural Networks 107, 2018.
    """

    def forward(self, x: Array) -> Array:
        return x * Sigmoid().forward(x)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        s = Sigmoid().forward(x)
        return d * s * (1 + x * (1 - s))


class Tanh(NumpyActivation):
    """y = tanh x; dy/dx = 1 - y^2.

    References:
        Y. LeCun et al., "Efficient BackProp", 1998.
    """

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return d * (1 - y * y)


class Softmax(NumpyActivation):
    """y_i = e^x_i / sum_j e^x_j over the last axis; dL/dx_i = y_i (d_i - sum_j d_j y_j).

    Subtracting the largest x from all of them does not change the quotients and keeps e^x finite.

    References:
        J. Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs",
        1990.
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def backward(self, d: Array, x: Array, y: Array) -> Array:
        return y * (d - (d * y).sum(-1, keepdims=True))


ACTIVATIONS: dict[str, NumpyActivation] = {
    "linear": NumpyActivation(),
    "relu": Relu(),
    "leaky_relu": LeakyRelu(),
    "elu": Elu(),
    "gelu": Gelu(),
    "silu": Silu(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "softmax": Softmax(),
}
"""Keras's name -> activation."""
