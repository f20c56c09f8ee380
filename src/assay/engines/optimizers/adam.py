"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
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
)
from assay.networks.description import free, value

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Adam", "AdamW", "adam_numpy_step", "adam_torch_step"]


def adam_torch_step(
    slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor, n: Numbers
) -> None:
    """A step of Adam with n["beta_1"], n["beta_2"] and n["epsilon"]."""
    import torch

    weight, t = slot.weight, slot.steps
    first, second = slot.buffer("momentum"), slot.buffer("velocity")
    root = (1 - n["beta_2"] ** t) ** 0.5
    if isinstance(rate, torch.Tensor):
        first.add_((gradient - first) * (1 - n["beta_1"]))
        second.add_((gradient.square() - second) * (1 - n["beta_2"]))
        step = rate * root / (1 - n["beta_1"] ** t)
        weight.sub_(step * first / (second.sqrt() + n["epsilon"]))
        return
    if gradient.stride() != weight.stride():  # the fused kernel walks the memory as it lies
        gradient = torch.empty_like(weight).copy_(gradient)
    # PyTorch's fused kernel divides the root by `root` before it adds epsilon; Keras adds epsilon
    # to the plain root. Dividing epsilon by `root` first makes the two equal.
    torch._fused_adam_(
        [weight],
        [gradient],
        [first],
        [second],
        [],
        [torch.tensor(float(t), device=weight.device)],
        lr=rate,
        beta1=n["beta_1"],
        beta2=n["beta_2"],
        weight_decay=0.0,
        eps=n["epsilon"] / root,
        amsgrad=False,
        maximize=False,
    )


def adam_numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float, n: Numbers) -> None:
    """A step of Adam with n["beta_1"], n["beta_2"] and n["epsilon"]."""
    v, m = slot.average("v", gradient, n["beta_2"]), slot.buffer("m")
    gradient *= 1 - n["beta_1"]
    m *= n["beta_1"]
    m += gradient
    root = np.sqrt(v, out=slot.scratch)
    root += n["epsilon"]
    change = np.divide(m, root, out=root)
    change *= rate * _correction(n, slot.steps)
    slot.weight -= change


def _correction(n: Numbers, t: int) -> float:
    return sqrt(1 - n["beta_2"] ** t) / (1 - n["beta_1"] ** t)


@OPTIMIZERS.add("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2;
    w <- w - r c m / (sqrt(v) + epsilon), with c = sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t.
    r is the learning rate.

    References:
        D. Kingma and J. Ba, "Adam", ICLR 2015 (the form at the end of its section 2).
    """

    beta_1: float = free(
        number(0.9, low=0, below=1, help="Decay of the moving average of gradients.")
    )
    beta_2: float = free(
        number(0.999, low=0, below=1, help="Decay of the moving average of squared gradients.")
    )
    epsilon: float = free(number(1e-7, low=0, help="Added to the root of squared gradients."))

    keras: ClassVar[str] = "Adam"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        adam_torch_step(slot, gradient, rate, slot.numbers)

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        adam_numpy_step(slot, gradient, rate, slot.numbers)

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        return _COMPILED


@OPTIMIZERS.add("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """w <- w - r weight_decay w, then Adam's step.

    References:
        I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    weight_decay: float = value(
        number(
            0.004,
            low=0,
            help="Weight decay: this fraction of the weights, times the learning rate, is "
            "subtracted.",
        )
    )

    keras: ClassVar[str] = "AdamW"


def _step(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = a + (g - a) * p
    b = b + (g * g - b) * q
    return w - rate * a / (np.sqrt(b) + e), a, b


_COMPILED = Compiled(
    _step,
    ("momentum", "velocity"),
    own=lambda n: (1 - n["beta_1"], 1 - n["beta_2"], n["epsilon"], 0.0),
    correction=_correction,
)
