"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.core.options import number
from assay.engines.optimizers.optimizer import (
    OPTIMIZERS,
    ArrayWeight,
    Compiled,
    Numbers,
    Optimizer,
    Weight,
    some,
    subtract,
)
from assay.networks.description import free, value

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RMSprop"]


@OPTIMIZERS.add("rmsprop")
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """v <- rho v + (1 - rho) g^2; w <- w - r g / sqrt(v + epsilon); with momentum m:
    u <- m u + r g / sqrt(v + epsilon), then w <- w - u. r is the learning rate.

    References:
        T. Tieleman and G. Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012.
    """

    rho: float = free(
        number(0.9, low=0, below=1, help="Decay of the moving average of squared gradients.")
    )
    momentum: float = value(
        number(
            0.0,
            low=0,
            below=1,
            help="Momentum: the fraction of the previous update that is added again.",
        )
    )
    epsilon: float = free(number(1e-7, low=0, help="Added to the squares under the root."))

    keras: ClassVar[str] = "RMSprop"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        n = slot.numbers
        average = slot.buffer("velocity").mul_(n["rho"]).add_(gradient.square() * (1 - n["rho"]))
        change = gradient / (average + n["epsilon"]).sqrt_()
        if not some(n["momentum"]):
            subtract(slot.weight, change, rate)
            return
        moved = slot.buffer("momentum").mul_(n["momentum"]).add_(change * rate)
        slot.weight.sub_(moved)

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        n = slot.numbers
        root = np.add(slot.average("v", gradient, n["rho"]), n["epsilon"], out=slot.scratch)
        np.sqrt(root, out=root)
        gradient /= root
        gradient *= rate
        if n["momentum"]:
            u = slot.buffer("u")
            u *= n["momentum"]
            u += gradient
            gradient = u
        slot.weight -= gradient

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        return _MOMENTUM if any(n["momentum"] for n in each) else _PLAIN


def _plain(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = p * a + q * g * g
    return w - rate * g / np.sqrt(a + e), a, b


def _momentum(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = p * a + q * g * g
    b = m * b + rate * g / np.sqrt(a + e)
    return w - b, a, b


def _own(n: Numbers) -> tuple[float, float, float, float]:
    return n["rho"], 1 - n["rho"], n["epsilon"], n["momentum"]


_PLAIN = Compiled(_plain, ("velocity",), _own)
_MOMENTUM = Compiled(_momentum, ("velocity", "momentum"), _own)
