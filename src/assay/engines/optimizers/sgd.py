"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.core.options import flag, number, setting
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
from assay.networks.description import value

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SGD"]


@OPTIMIZERS.add("sgd")
@dataclass(frozen=True)
class SGD(Optimizer):
    """w <- w - r g; with momentum m: v <- m v - r g, then w <- w + v, or w <- w + m v - r g with
    Nesterov's. r is the learning rate.

    References:
        B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964;
        I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
        ICML 2013 (Nesterov's).
    """

    momentum: float = value(
        number(
            0.0,
            low=0,
            below=1,
            help="Momentum: the fraction of the previous update that is added again.",
        )
    )
    nesterov: bool = setting(flag(help="Use Nesterov momentum."))

    default_rate: ClassVar[float] = 0.01
    keras: ClassVar[str] = "SGD"

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """See the class."""
        momentum = slot.numbers["momentum"]
        if not some(momentum):
            subtract(slot.weight, gradient, rate)
            return
        velocity = slot.buffer("velocity").mul_(momentum)
        subtract(velocity, gradient, rate)
        if slot.numbers["nesterov"]:
            slot.weight.add_(velocity * momentum)
            subtract(slot.weight, gradient, rate)
        else:
            slot.weight.add_(velocity)

    @staticmethod
    def torch_product_step(
        slot: Weight[Tensor], x: Tensor, d: Tensor, rate: float | Tensor
    ) -> None:
        """See `Optimizer`."""
        momentum, weight, d = slot.numbers["momentum"], slot.weight, d * rate
        if not some(momentum):
            weight.baddbmm_(x, d, alpha=-1)
            return
        velocity = slot.buffer("velocity").mul_(momentum)
        velocity.baddbmm_(x, d, alpha=-1)
        if slot.numbers["nesterov"]:
            weight.add_(velocity * momentum).baddbmm_(x, d, alpha=-1)
        else:
            weight.add_(velocity)

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """See the class."""
        momentum = slot.numbers["momentum"]
        gradient *= rate
        if not momentum:
            slot.weight -= gradient
            return
        v = slot.buffer("v")
        v *= momentum
        v -= gradient
        if slot.numbers["nesterov"]:
            slot.weight += np.multiply(v, momentum, out=slot.scratch)
            slot.weight -= gradient
        else:
            slot.weight += v

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled:
        """See `Optimizer`."""
        if not any(n["momentum"] for n in each):
            return _PLAIN
        return _NESTEROV if each[0]["nesterov"] else _MOMENTUM


def _plain(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    return w - rate * g, a, b


def _momentum(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = m * a - rate * g
    return w + a, a, b


def _nesterov(w, g, a, b, rate, p, q, e, m):  # type: ignore[no-untyped-def]
    a = m * a - rate * g
    return w + m * a - rate * g, a, b


def _own(n: Numbers) -> tuple[float, float, float, float]:
    return 0.0, 0.0, 0.0, n["momentum"]


_PLAIN = Compiled(_plain)
_MOMENTUM = Compiled(_momentum, ("velocity",), _own)
_NESTEROV = Compiled(_nesterov, ("velocity",), _own)
