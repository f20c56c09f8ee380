"""The base class of optimizers: settings, and a step for each engine, in one class.

A new one is one file (docs/extending.md has an example):

    @assay.register_optimizer("signum")
    @dataclass(frozen=True)
    class Signum(Optimizer):
        momentum: float = setting(number(0.9, low=0, below=1, help="..."))

        @staticmethod
        def torch_step(slot, gradient, rate): ...

An engine refuses an optimizer that does not support it. The torch engine needs `torch_step`, the
numpy engine `numpy_step`, the keras engine `keras`; `compiled` only adds speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from assay.core.code_places import defined_at, is_own
from assay.core.errors import ConfigError, EngineError, unknown_name
from assay.core.options import check_fields, options_of
from assay.core.own import OwnPart, watched
from assay.core.part_classes import check_part
from assay.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = [
    "OPTIMIZERS",
    "ArrayWeight",
    "Compiled",
    "InPlace",
    "Numbers",
    "Optimizer",
    "Weight",
    "as_matrix",
    "checked",
    "some",
    "subtract",
    "try_step",
]

T = TypeVar("T")

Numbers = Mapping[str, Any]
"""`learning_rate`, the settings by name, `l1` and `l2` of the weight: floats, or, in a stack whose
members differ, tensors (S, 1, ...) that broadcast over it."""

_TINY = 1.2e-38
"""Smallest normal number of float32, in place of an `epsilon` of 0."""


class Weight(Protocol[T]):
    """One tensor of weights in training, as a step sees it.

    Attributes:
        weight: what a step changes in place: a tensor in `torch_step`, an array in `numpy_step`.
            In a stack it has the members in front.
        numbers: see `Numbers`.
        steps: how many steps it has had, this one included.
        stacked: whether the members of a stack are in front.
    """

    weight: T
    numbers: Any
    steps: int
    stacked: bool

    def buffer(self, name: str, start: float | T = 0.0) -> T:
        """Return the state `name`, of the weight's shape, initially filled with `start`.

        It is saved with checkpoints.
        """
        ...


class InPlace:
    """Base class of a `Weight` whose step can change `weight` in place, but not replace it."""

    def __setattr__(self, name: str, value: object) -> None:
        # `slot.weight -= change` assigns as well, but the same array
        if name == "weight" and vars(self).get(name, value) is not value:
            raise EngineError(
                "a step of an optimizer must change slot.weight in place, for example "
                "slot.weight -= rate * gradient; another value assigned to it would not be trained"
            )
        super().__setattr__(name, value)


class ArrayWeight(Weight["np.ndarray"], Protocol):
    """A weight in `numpy_step`.

    Attributes:
        scratch: an array of the weight's shape that may be written over.
    """

    scratch: np.ndarray

    def average(self, name: str, gradient: np.ndarray, rho: float) -> np.ndarray:
        """Return the state `name` after a <- rho a + (1 - rho) gradient ** 2."""
        ...


@dataclass(frozen=True)
class Compiled:
    """A step of one number of a weight, from which a loop over all of them is compiled with Numba.

    Args:
        step: (w, g, a, b, rate, p, q, e, m) -> (w, a, b): weight, gradient (penalties included) and
            memories before, then after. It is compiled for float32 and float64.
        memories: names of what a and b are in `Weight.buffer`; at most two.
        own: the numbers p, q, e, m of one member.
        starts: initial values of the states of one member.
        correction: factor on the learning rate of one member at step t (1, 2, ...).
    """

    step: Callable[..., Any]
    memories: tuple[str, ...] = ()
    own: Callable[[Numbers], tuple[float, float, float, float]] = lambda n: (0.0, 0.0, 0.0, 0.0)
    starts: Callable[[Numbers], float] = lambda n: 0.0
    correction: Callable[[Numbers, int], float] | None = None


@dataclass(frozen=True)
class Optimizer:
    """An update rule and its settings, as Keras defines and names them.

    A subclass is a frozen dataclass with a field for each setting and a step for each engine that
    it supports. Where PyTorch differs from Keras (the position of epsilon, adagrad's initial value,
    centred rmsprop), every engine follows Keras's definition. A setting `weight_decay` needs no
    code in a step: that fraction of the weights, times the learning rate, is subtracted before it.

    Attributes:
        kind: the name in studies; until it is registered, the name of the class in lower case.
        default_rate: the default learning rate.
        keras: name of the class in `keras.optimizers`, which is called with `keras_settings`.
    """

    kind: ClassVar[str] = ""
    default_rate: ClassVar[float] = 0.001
    keras: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__.lower()

    def __post_init__(self) -> None:
        check_fields(self, ("optimizer",))

    @staticmethod
    def torch_step(slot: Weight[Tensor], gradient: Tensor, rate: float | Tensor) -> None:
        """One step in the torch engine.

        Args:
            slot: a `Weight`, whose `weight` is changed in place.
            gradient: a tensor of the weight's shape, including penalties; must not be changed.
            rate: the learning rate at this step: a float, or a tensor (S, 1, ...) in a stack.
        """
        raise NotImplementedError

    @staticmethod
    def torch_product_step(
        slot: Weight[Tensor], x: Tensor, d: Tensor, rate: float | Tensor
    ) -> None:
        """`torch_step` for the gradient x d of a stack, which is added in place. Only faster, on a
        GPU.

        Args:
            x: (S, i, B).
            d: (S, B, o).
        """
        raise NotImplementedError

    @staticmethod
    def numpy_step(slot: ArrayWeight, gradient: np.ndarray, rate: float) -> None:
        """One step in the numpy engine.

        Args:
            slot: a `Weight`, whose `weight` is changed in place.
            gradient: an array of the weight's shape, including penalties; may be overwritten.
            rate: the learning rate at this step.
        """
        raise NotImplementedError

    @staticmethod
    def parse(data: str | Mapping[str, object]) -> Optimizer:
        """Read a name or {name: ..., setting: ...}; missing settings have their defaults.

        Raises:
            ConfigError: there is no such optimizer or setting, or a value is out of range.
        """
        given: dict[str, Any] = {"name": data} if isinstance(data, str) else dict(data)
        cls = OPTIMIZERS[given.pop("name", "sgd")]
        for key in given:
            if key not in options_of(cls):
                kind = f"setting of optimizer {cls.kind}"
                raise ConfigError(unknown_name(kind, key, options_of(cls)))
        return cls(**given)

    def numbers(self, hidden: tuple[int, int] | None) -> dict[str, float]:
        """Return the numbers of a step for one tensor of one member: the settings by name.

        Args:
            hidden: rows and columns of a hidden layer's kernel as a matrix; None for all other
                weights (biases and kernels of output layers, for example).
        """
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        if found.get("epsilon") == 0:  # weights without a gradient, such as padding: not 0 / 0
            found["epsilon"] = _TINY
        return found

    @classmethod
    def compiled(cls, each: Sequence[Numbers]) -> Compiled | None:
        """Return a step for a single weight, for large tensors on a CPU, or None.

        Args:
            each: the numbers of every member of a stack.
        """
        return None

    def keras_settings(
        self, hidden: Mapping[str, tuple[int, ...]], outputs: Sequence[str]
    ) -> Mapping[str, object]:
        """Return the arguments of the class in Keras except the learning rate.

        Args:
            hidden: shapes of the kernels of the model's hidden layers, by the layer's name.
            outputs: names of the model's output layers.

        Raises:
            EngineError: Keras's class behaves differently for this model.
        """
        return self.numbers(None)

    @classmethod
    def step_of(cls, engine: str) -> Callable[..., None]:
        """Return the step for the torch or the numpy engine.

        Raises:
            EngineError: this optimizer does not support the engine.
        """
        name = f"{engine}_step"
        if not cls._has(name):
            raise EngineError(cls.lacks(engine), "training.optimizer")
        return getattr(cls, name)

    @classmethod
    def _has(cls, name: str) -> bool:
        return getattr(cls, name) is not getattr(Optimizer, name)

    @classmethod
    def lacks(cls, engine: str) -> str:
        """Return an error that says which engines can use this optimizer."""
        parts = {"torch": "torch_step", "numpy": "numpy_step", "keras": "keras"}
        others = " or ".join(f"engine: {name}" for name, part in parts.items() if cls._has(part))
        return (
            f"optimizer {cls.kind} has no step for the {engine} engine; use {others or 'another'}"
        )


def checked(name: str, cls: object) -> type[Optimizer]:
    """Return the class registered under `name`; ConfigError if it is not an optimizer."""
    return check_part(name, cls, Optimizer)


OPTIMIZERS: Registry[type[Optimizer]] = Registry(
    "optimizer", "assay.engines.optimizers", "assay.engines.optimizers.optimizer:checked"
)
"""Name -> class; assay's own are in the other files here, one each."""


def try_step(
    optimizer: Optimizer,
    engine: str,
    make_slot: Callable[[Optimizer], ArrayWeight | Weight[Tensor]],
) -> None:
    """Check that an optimizer has a step for the torch or the numpy engine; that of a user's own is
    made on a small weight.

    Args:
        make_slot: makes a `Weight` of that engine.

    Raises:
        EngineError: it has none.
        ConfigError: the step fails, or returns something instead of changing `slot.weight`.
    """
    optimizer.step_of(engine)
    if not is_own(optimizer):
        return
    part, method = OwnPart("optimizer", optimizer.kind, optimizer), f"{engine}_step"
    with watched(f"optimizer {optimizer.kind!r}", defined_at(type(optimizer))):
        slot = make_slot(optimizer)
    slot.steps = 1
    found = part.call(method, slot, slot.weight * 0.5, 0.01)
    if found is not None and found is not slot.weight:
        said = f"returned a {type(found).__name__}, which nobody uses"
        raise part.wrong(method, f"{said}; expected that it changes slot.weight in place")


def as_matrix(shape: Sequence[int] | None) -> tuple[int, int] | None:
    """Return rows and columns of a kernel (..., outputs) as a matrix; None for None."""
    return (prod(shape[:-1]), shape[-1]) if shape else None


def some(number: object) -> bool:
    """Whether a number is not zero; one that differs in a stack counts as nonzero."""
    return not isinstance(number, (int, float)) or number != 0


def subtract(weight: Tensor, change: Tensor, scale: float | Tensor) -> None:
    """weight -= scale * change, for tensors."""
    if isinstance(scale, (int, float)):
        weight.sub_(change, alpha=scale)
    else:
        weight.sub_(change * scale)
