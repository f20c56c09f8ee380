"""Learning-rate schedules, one class for each.

A new one is one class (docs/extending.md has an example):

    @assay.register_schedule("halving")
    @dataclass(frozen=True)
    class Halving(Schedule):
        every: int = setting(integer(10, low=1, help="Epochs between two halvings."))

        def shape(self, step, total, per_epoch):
            return 0.5 ** (step // (self.every * per_epoch))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi
from typing import Any, ClassVar

from assay.core.options import check_fields, number, setting
from assay.core.part_classes import check_part, has_one
from assay.core.registry import Registry

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "OneCycle",
    "Schedule",
    "checked_schedule",
]


@dataclass(frozen=True)
class Schedule:
    """A factor on the learning rate over the steps of a run.

    A subclass is a frozen dataclass with a field for each setting and the method `shape`. Every
    schedule has `warmup`.

    Attributes:
        kind: the name in studies; until it is registered, the name of the class in lower case.
        keras: name of the class in `keras.optimizers.schedules`, which is called with
            `keras_settings`.
        warmup: fraction of the budget in which the rate grows linearly from 0.
    """

    kind: ClassVar[str] = ""
    keras: ClassVar[str] = ""

    warmup: float = setting(
        number(
            0.0,
            low=0,
            below=1,
            help="Fraction of the updates during which the learning rate grows from 0.",
        )
    )

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__.lower()

    def __post_init__(self) -> None:
        check_fields(self, ("schedule",))

    @staticmethod
    def parse(data: str | Mapping[str, object]) -> Schedule:
        """Read a name or {name: ..., setting: ...}.

        Raises:
            ConfigError: there is no such schedule.
        """
        given: dict[str, Any] = {"name": data} if isinstance(data, str) else dict(data)
        return SCHEDULES[given.pop("name", "constant")](**given)

    def factor(self, step: int, total: int, per_epoch: int) -> float:
        """Return the factor on the learning rate at update `step` (0-based) of `total`."""
        warm = round(self.warmup * total)
        if step < warm:
            return (step + 1) / warm
        return self.shape(step - warm, total - warm, per_epoch)

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """Return the factor after the warm-up; steps count from its end.

        Args:
            per_epoch: updates of an epoch.
        """
        raise NotImplementedError

    def keras_settings(self, rate: float, total: int, per_epoch: int) -> dict[str, float]:
        """Return the arguments of the class in Keras."""
        return {}


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate is constant."""

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """See `Schedule`."""
        return 1.0


@dataclass(frozen=True)
class Exponential(Schedule):
    """rate * decay_rate ** epoch, falling with every update."""

    keras: ClassVar[str] = "ExponentialDecay"

    decay_rate: float = setting(
        number(
            0.96,
            above=0,
            high=1,
            help="Factor by which the learning rate is multiplied each epoch.",
        )
    )

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """See `Schedule`."""
        return self.decay_rate ** (step / per_epoch)

    def keras_settings(self, rate: float, total: int, per_epoch: int) -> dict[str, float]:
        """See `Schedule`."""
        start = {"initial_learning_rate": rate, "decay_steps": per_epoch}
        return start | {"decay_rate": self.decay_rate}


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the learning rate to `final_fraction` of it at the end of the budget.

    References:
        I. Loshchilov and F. Hutter, "SGDR", ICLR 2017.
    """

    keras: ClassVar[str] = "CosineDecay"

    final_fraction: float = setting(
        number(0.0, low=0, high=1, help="Final learning rate, as a fraction of the initial one.")
    )

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """See `Schedule`."""
        low = self.final_fraction
        return low + (1 - low) * (1 + cos(pi * step / max(1, total))) / 2

    def keras_settings(self, rate: float, total: int, per_epoch: int) -> dict[str, float]:
        """See `Schedule`."""
        start = {"initial_learning_rate": rate, "decay_steps": total}
        return start | {"alpha": self.final_fraction}


@dataclass(frozen=True)
class Linear(Schedule):
    """Linear decay from the learning rate to `final_fraction` of it at the end of the budget; with
    warm-up, a triangle."""

    keras: ClassVar[str] = "PolynomialDecay"

    final_fraction: float = setting(
        number(0.0, low=0, high=1, help="Final learning rate, as a share of the initial one.")
    )

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """See `Schedule`."""
        return 1 - (1 - self.final_fraction) * step / max(1, total)

    def keras_settings(self, rate: float, total: int, per_epoch: int) -> dict[str, float]:
        """See `Schedule`."""
        start = {"initial_learning_rate": rate, "decay_steps": total}
        return start | {"end_learning_rate": rate * self.final_fraction}


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Linear growth from `initial_fraction` of the learning rate, then linear decay to
    `final_fraction` of it.

    References:
        L. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates", 2018.
    """

    peak: float = setting(
        number(0.3, low=0, high=1, help="Share of the updates after which the rate is highest.")
    )
    initial_fraction: float = setting(
        number(0.04, low=0, high=1, help="First learning rate, as a share of the highest one.")
    )
    final_fraction: float = setting(
        number(0.0, low=0, high=1, help="Final learning rate, as a share of the highest one.")
    )

    def shape(self, step: int, total: int, per_epoch: int) -> float:
        """See `Schedule`."""
        top = self.peak * total
        if step < top:
            return self.initial_fraction + (1 - self.initial_fraction) * step / top
        return 1 - (1 - self.final_fraction) * (step - top) / max(1, total - top)


def checked_schedule(name: str, cls: object) -> type[Schedule]:
    """Return the class registered under `name`; ConfigError if it is not a schedule."""
    return has_one(check_part(name, cls, Schedule), Schedule, "shape", "factor")


SCHEDULES: Registry[type[Schedule]] = Registry(
    "schedule", None, "assay.engines.schedules:checked_schedule"
)
"""Name -> class."""

for _name, _schedule in {
    "constant": Constant,
    "exponential": Exponential,
    "cosine": Cosine,
    "linear": Linear,
    "one_cycle": OneCycle,
}.items():
    SCHEDULES.add(_name)(_schedule)
