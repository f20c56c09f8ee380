"""Adagrad."""

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

__all__ = ["Adagrad"]


@OPTIMIZERS.add("adagrad")
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """a <- a + g^2 from a start value; w <- w - r g / sqrt(a + epsilon). r is the learning rate.

    References:
        J. Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011.
    """

    initial_accumulator_value: float = free(
        number(0.1, low=0, help="Initial value of the sum of squared gradients.")
    )
    epsilon: float = free(number(1e-7, low=0, help="Added to the squares under the root."))

    keras: ClassVar[str] = "Adagrad"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        n = slot.numbers
        total = slot.buffer("accumulator", n["initial_accumulator_value"])
        total.add_(gradient.square())
        subtract(slot.weight, gradient / (total + n["epsilon"]).sqrt_(), rate)

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        n = slot.numbers
        a = slot.buffer("a", n["initial_accumulator_value"])
        a += np.multiply(gradient, gradient, out=slot.scratch)
        root = np.add(a, n["epsilon"], out=slot.scratch)
        np.sqrt(root, out=root)
        gradient /= root
        gradient *= rate
        slot.weight -= gradient

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        return _COMPILED


def _step(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = a + g * g
    return w - rate * g / np.sqrt(a + e), a, b


_COMPILED = Compiled(
    _step,
    ("accumulator",),
    own=lambda n: (0.0, 0.0, n["epsilon"], 0.0),
    starts=lambda n: n["initial_accumulator_value"],
)
