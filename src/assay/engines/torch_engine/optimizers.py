"""Update rules exactly as Keras 3 defines them, in place.

Where PyTorch's own optimizers differ, Keras's definition holds here: epsilon stands inside the
root in rmsprop and adagrad and beside the uncorrected root in adam; adagrad's accumulator starts
at 0.1; momentum accumulates steps (velocity = momentum * velocity - rate * gradient).

The numbers of a rule are floats, or tensors that broadcast over a stack of members.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = ["RULES", "Slot", "update"]

Number = Any  # float, or a tensor of shape (S, 1, ...) that broadcasts over a stack
State = dict[str, Tensor]


@dataclass
class Slot:
    """One weight tensor (of one member, or of a whole stack) with its rule's numbers and state.

    Attributes:
        weight: what is updated, in place.
        numbers: learning_rate and the optimizer's settings by name; `l1` and `l2` of its kernel.
        state: the rule's memory, made at the first update.
    """

    weight: Tensor
    numbers: dict[str, Number]
    state: State = field(default_factory=dict)
    steps: int = 0

    def buffer(self, name: str, start: Number = 0.0) -> Tensor:
        """The state tensor `name`, made with the value `start` when it is first asked for."""
        if name not in self.state:
            blank = torch.zeros_like(self.weight)
            self.state[name] = blank + start if isinstance(start, Tensor) else blank.fill_(start)
        return self.state[name]


def update(rule: str, slots: list[Slot], gradients: list[Tensor], factor: float) -> None:
    """Apply one step of `rule` to every slot; `factor` is the schedule's share of the rate."""
    step = RULES[rule]
    for slot, gradient in zip(slots, gradients, strict=True):
        slot.steps += 1
        n = slot.numbers
        gradient = _penalised(slot.weight, _widened(gradient, slot.weight), n)
        rate = n["learning_rate"] * factor
        if _some(n.get("weight_decay", 0.0)):
            slot.weight.mul_(1 - n["weight_decay"] * rate)
        step(slot, gradient, rate)


def _some(number: Number) -> bool:
    """Whether a number is anything but a plain zero."""
    return isinstance(number, Tensor) or number != 0


def _widened(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient in the weight's type, in memory that the next slot of this shape uses again.

    Fresh memory of this size costs more in page faults than converting a million numbers.
    """
    if gradient.dtype is weight.dtype:
        return gradient
    return _scratch(weight.shape, weight.stride(), weight.dtype, weight.device).copy_(gradient)


@functools.lru_cache(maxsize=64)
def _scratch(
    shape: torch.Size, stride: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    return torch.empty_strided(shape, stride, dtype=dtype, device=device)


def _penalised(weight: Tensor, gradient: Tensor, n: dict[str, Number]) -> Tensor:
    """Add the gradient of l1 * sum|w| + l2 * sum w^2."""
    l1, l2 = n.get("l1", 0.0), n.get("l2", 0.0)
    if _some(l2):
        gradient = _add(gradient, weight, 2 * l2)
    if _some(l1):
        gradient = _add(gradient, weight.sign(), l1)
    return gradient


def _add(a: Tensor, b: Tensor, scale: Number) -> Tensor:
    """a + scale * b."""
    return a + b * scale if isinstance(scale, Tensor) else torch.add(a, b, alpha=scale)


def _subtract(weight: Tensor, change: Tensor, scale: Number) -> None:
    """weight -= scale * change."""
    if isinstance(scale, Tensor):
        weight.sub_(change * scale)
    else:
        weight.sub_(change, alpha=scale)


def _sgd(slot: Slot, gradient: Tensor, rate: Number) -> None:
    momentum = slot.numbers["momentum"]
    if not _some(momentum):
        _subtract(slot.weight, gradient, rate)
        return
    velocity = slot.buffer("velocity").mul_(momentum)
    _subtract(velocity, gradient, rate)
    if slot.numbers["nesterov"]:
        slot.weight.add_(velocity * momentum)
        _subtract(slot.weight, gradient, rate)
    else:
        slot.weight.add_(velocity)


def _mean_square(slot: Slot, name: str, squared: Tensor, rho: Number) -> Tensor:
    """Moving average of squares: rho * old + (1 - rho) * squared."""
    average = slot.buffer(name)
    return average.mul_(rho).add_(squared * (1 - rho))


def _rmsprop(slot: Slot, gradient: Tensor, rate: Number) -> None:
    n = slot.numbers
    average = _mean_square(slot, "velocity", gradient.square(), n["rho"])
    change = gradient / (average + n["epsilon"]).sqrt_()
    if not _some(n["momentum"]):
        _subtract(slot.weight, change, rate)
        return
    moved = slot.buffer("momentum").mul_(n["momentum"]).add_(change * rate)
    slot.weight.sub_(moved)


def _adagrad(slot: Slot, gradient: Tensor, rate: Number) -> None:
    n = slot.numbers
    total = slot.buffer("accumulator", n["initial_accumulator_value"])
    total.add_(gradient.square())
    _subtract(slot.weight, gradient / (total + n["epsilon"]).sqrt_(), rate)


def _adadelta(slot: Slot, gradient: Tensor, rate: Number) -> None:
    n = slot.numbers
    average = _mean_square(slot, "accumulated_grad", gradient.square(), n["rho"])
    moved = slot.buffer("accumulated_delta")
    change = gradient * ((moved + n["epsilon"]) / (average + n["epsilon"])).sqrt_()
    moved.mul_(n["rho"]).add_(change.square() * (1 - n["rho"]))
    _subtract(slot.weight, change, rate)


def _adam(slot: Slot, gradient: Tensor, rate: Number) -> None:
    n = slot.numbers
    weight, t = slot.weight, slot.steps
    first, second = slot.buffer("momentum"), slot.buffer("velocity")
    root = (1 - n["beta_2"] ** t) ** 0.5
    if isinstance(rate, Tensor):
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
        [torch.tensor(float(t))],
        lr=rate,
        beta1=n["beta_1"],
        beta2=n["beta_2"],
        weight_decay=0.0,
        eps=n["epsilon"] / root,
        amsgrad=False,
        maximize=False,
    )


RULES: dict[str, Callable[[Slot, Tensor, Number], None]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamw": _adam,
}
"""Rule name -> function; adamw is adam after the decay that `update` applies."""
