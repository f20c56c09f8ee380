"""Lion: the sign of an interpolated momentum."""

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
from assay.networks.description import free, value

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Lion"]


@OPTIMIZERS.add("lion")
@dataclass(frozen=True)
class Lion(Optimizer):
    """w <- w - r weight_decay w; w <- w - r sign(beta_1 m + (1 - beta_1) g);
    m <- beta_2 m + (1 - beta_2) g. r is the learning rate.

    Every weight changes by exactly the learning rate, so that rates three to ten times smaller than
    Adam's are usual, with a larger weight_decay. So does a weight whose gradient is zero but for
    rounding, as of a bias before batch norm: engines and machines agree less closely than with
    other rules.

    References:
        X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023.
    """

    beta_1: float = free(
        number(
            0.9, above=0, below=1, help="Weight of the momentum in the vector whose sign is taken."
        )
    )
    beta_2: float = free(number(0.99, low=0, below=1, help="Decay of the momentum."))
    weight_decay: float = value(
        number(
            0.0,
            low=0,
            help="Weight decay: this fraction of the weights, times the learning rate, is "
            "subtracted.",
        )
    )

    keras: ClassVar[str] = "Lion"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        n, momentum = slot.numbers, slot.buffer("momentum")
        change = (momentum * n["beta_1"]).add_(gradient * (1 - n["beta_1"])).sign_()
        subtract(slot.weight, change, rate)
        momentum.mul_(n["beta_2"]).add_(gradient * (1 - n["beta_2"]))

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        n, m = slot.numbers, slot.buffer("momentum")
        change = np.multiply(m, n["beta_1"], out=slot.scratch)
        change += gradient * (1 - n["beta_1"])
        np.sign(change, out=change)
        change *= rate
        slot.weight -= change
        m *= n["beta_2"]
        gradient *= 1 - n["beta_2"]
        m += gradient

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        return _COMPILED


def _step(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    return w - rate * np.sign(p * a + q * g), e * a + m * g, b


_COMPILED = Compiled(
    _step,
    ("momentum",),
    own=lambda n: (n["beta_1"], 1 - n["beta_1"], n["beta_2"], 1 - n["beta_2"]),
)
