"""Adadelta."""

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
    subtract,
)
from assay.networks.description import free

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Adadelta"]


@OPTIMIZERS.add("adadelta")
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g^2; c = g sqrt((u + epsilon) / (v + epsilon));
    u <- rho u + (1 - rho) c^2; w <- w - r c. r is the learning rate.

    References:
        M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
    """

    rho: float = free(number(0.95, low=0, below=1, help="Decay of the moving averages of squares."))
    epsilon: float = free(number(1e-7, low=0, help="Added to the squares under the roots."))

    keras: ClassVar[str] = "Adadelta"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        n = slot.numbers
        average = slot.buffer("accumulated_grad")
        average.mul_(n["rho"]).add_(gradient.square() * (1 - n["rho"]))
        moved = slot.buffer("accumulated_delta")
        change = gradient * ((moved + n["epsilon"]) / (average + n["epsilon"])).sqrt_()
        moved.mul_(n["rho"]).add_(change.square() * (1 - n["rho"]))
        subtract(slot.weight, change, rate)

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        rho, epsilon = slot.numbers["rho"], slot.numbers["epsilon"]
        v = slot.average("v", gradient, rho)
        ratio = np.add(slot.buffer("u"), epsilon, out=slot.scratch)
        ratio /= v + epsilon
        gradient *= np.sqrt(ratio, out=ratio)
        slot.average("u", gradient, rho)
        gradient *= rate
        slot.weight -= gradient

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        return _COMPILED


def _step(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = p * a + q * g * g
    change = g * np.sqrt((b + e) / (a + e))
    return w - rate * change, a, p * b + q * change * change


_COMPILED = Compiled(
    _step,
    ("accumulated_grad", "accumulated_delta"),
    own=lambda n: (n["rho"], 1 - n["rho"], n["epsilon"], 0.0),
)
