"""How a run is trained: optimizer, schedule, budget, early stopping, augmentation; plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.core.errors import ConfigError, unknown_name
from assay.networks.description import free, value

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Augment",
    "EarlyStopping",
    "Optimizer",
    "Schedule",
    "Training",
]

# the settings of each optimizer with Keras's defaults
OPTIMIZERS: dict[str, dict[str, float | bool]] = {
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "adagrad": {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.004},
}
LEARNING_RATES = {"sgd": 0.01}
"""Keras's default learning rates; 0.001 where none is named."""

SCHEDULES = ("constant", "exponential", "cosine")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class Optimizer:
    """An update rule and its numbers, as Keras defines and names them.

    Settings that a rule does not have stay at 0. Where PyTorch differs (the place of epsilon,
    adagrad's start value, the centre of rmsprop), Keras's definition holds in every engine.
    """

    name: str = "sgd"
    nesterov: bool = False
    momentum: float = value(0.0)
    rho: float = free(0.0)
    beta_1: float = free(0.0)
    beta_2: float = free(0.0)
    epsilon: float = free(0.0)
    initial_accumulator_value: float = free(0.0)
    weight_decay: float = value(0.0)

    def __post_init__(self) -> None:
        _check(self.name in OPTIMIZERS, unknown_name("optimizer", self.name, OPTIMIZERS))
        for name in ("momentum", "rho", "beta_1", "beta_2"):
            number = getattr(self, name)
            _check(0 <= number < 1, f"optimizer.{name} must be in [0, 1), got {number!r}")
        for name in ("epsilon", "initial_accumulator_value", "weight_decay"):
            _check(getattr(self, name) >= 0, f"optimizer.{name} must be >= 0")

    @classmethod
    def parse(cls, data: str | dict) -> Optimizer:
        """Read a name or {name: ..., setting: ...}; what is not given is Keras's default."""
        given = {"name": data} if isinstance(data, str) else dict(data)
        name = given.pop("name", "sgd")
        _check(name in OPTIMIZERS, unknown_name("optimizer", name, OPTIMIZERS))
        for key in given:
            known = OPTIMIZERS[name]
            _check(key in known, unknown_name(f"setting of optimizer {name}", key, known))
        return cls(name=name, **{**OPTIMIZERS[name], **given})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the steps of a run.

    Args:
        name: "constant"; "exponential": rate * decay_rate ** (epoch); "cosine": half a cosine
            from rate to `final_fraction` * rate at the end of the budget.
        warmup: share of the budget in which the rate first grows linearly from 0.

    References:
        I. Loshchilov and F. Hutter, "SGDR", ICLR 2017 (cosine).
    """

    name: str = "constant"
    decay_rate: float = free(0.96)
    final_fraction: float = free(0.0)
    warmup: float = free(0.0)

    def __post_init__(self) -> None:
        _check(self.name in SCHEDULES, unknown_name("schedule", self.name, SCHEDULES))
        _check(
            0 < self.decay_rate <= 1,
            f"schedule.decay_rate must be in (0, 1], got {self.decay_rate!r}",
        )
        _check(0 <= self.warmup < 1, f"schedule.warmup must be in [0, 1), got {self.warmup!r}")
        _check(0 <= self.final_fraction <= 1, "schedule.final_fraction must be in [0, 1]")


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` evaluations."""

    patience: int = 10
    monitor: str = "val_loss"
    min_delta: float = 0.0
    restore_best_weights: bool = True

    def __post_init__(self) -> None:
        _check(self.patience >= 1, f"early_stopping.patience must be >= 1, got {self.patience!r}")
        _check(self.min_delta >= 0, "early_stopping.min_delta must be >= 0")


@dataclass(frozen=True)
class Augment:
    """Random changes to training images, drawn anew for every batch.

    Args:
        shift: largest shift in pixels, up, down, left and right, zeros moving in.
        flip: mirror left and right with probability 1/2.
        crop: pad by this many pixels of zeros on each side and crop back at random.
    """

    shift: int = 0
    flip: bool = False
    crop: int = 0

    def __post_init__(self) -> None:
        _check(self.shift >= 0 and self.crop >= 0, "augment: shift and crop must be >= 0")

    def __bool__(self) -> bool:
        return bool(self.shift or self.flip or self.crop)


@dataclass(frozen=True)
class Training:
    """The whole recipe of a run.

    Args:
        epochs: passes over the training images; ignored when `steps` is given.
        steps: number of updates, or None.
        stop_after: end after so many epochs but keep the schedule of the full `epochs`; the run can
            go on from there. None trains to the end.
        batch_size: images per update; the last, smaller batch of an epoch is used, as in Keras.
        evaluate_every: evaluate on validation each so many steps; None is once per epoch.
        test_curve: evaluate on the test part as well, for a curve to be drawn beside published
            ones. Nothing reads it while training: no choice can depend on it.
        ema: decay of an exponential moving average of the weights, which is what is evaluated and
            kept; 0 for none. The first updates use (1 + t) / (10 + t) where that is smaller.
        pretrain: where the first weights come from, instead of the initializers alone: a
            `assay.engines.pretraining.Pretraining`, or None.

    References:
        B. Polyak and A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    epochs: int = 10
    steps: int | None = None
    stop_after: int | None = None
    batch_size: int = 32
    evaluate_every: int | None = None
    test_curve: bool = False
    optimizer: Optimizer = Optimizer()
    learning_rate: float = free(0.01)
    schedule: Schedule = Schedule()
    early_stopping: EarlyStopping | None = None
    augment: Augment = Augment()
    ema: float = value(0.0)
    pretrain: Any = None

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "stop_after", "batch_size", "evaluate_every"):
            number = getattr(self, name)
            ok = number is None or (isinstance(number, int) and number >= 1)
            _check(ok, f"training.{name} must be a whole number >= 1, got {number!r}")
        _check(
            self.learning_rate > 0,
            f"training.learning_rate must be > 0, got {self.learning_rate!r}",
        )
        _check(
            self.stop_after is None or not (self.steps or self.evaluate_every),
            "training.stop_after counts epochs: steps and evaluate_every cannot be set beside it",
        )
        _check(0 <= self.ema < 1, f"training.ema must be in [0, 1), got {self.ema!r}")

    def total_steps(self, images: int) -> int:
        """Updates of a whole run over `images` training images, which schedules go by."""
        return self.steps or self.epochs * -(-images // self.batch_size)

    def last_step(self, images: int) -> int:
        """Updates until the run ends: all, or those before `stop_after`."""
        total = self.total_steps(images)
        return min(total, (self.stop_after or total) * -(-images // self.batch_size))

    def total_epochs(self, images: int) -> int:
        """Epochs of a whole run, the last one perhaps not to its end."""
        per_epoch = -(-images // self.batch_size)
        return -(-self.total_steps(images) // per_epoch)
