"""How a run is trained: optimizer, schedule, budget, early stopping, augmentation; plain data.

The optimizers are in `optimizers`, the schedules in `schedules`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from assay.core.config import Option
from assay.core.errors import ConfigError
from assay.core.options import (
    check_fields,
    deferred,
    flag,
    integer,
    number,
    object_schema,
    options_of,
    setting,
    text,
)
from assay.core.part_classes import class_schema
from assay.core.records import Spec
from assay.data.dataset import FitData
from assay.engines.augmentations import AUGMENTATIONS, FLIP, Augmentation, augmentation_options
from assay.engines.averaging import Lookahead
from assay.engines.optimizers.optimizer import OPTIMIZERS, Optimizer
from assay.engines.optimizers.sgd import SGD
from assay.engines.schedules import SCHEDULES, Constant, Schedule
from assay.networks.description import free, value

__all__ = ["Augment", "EarlyStopping", "Training"]


def _optimizers() -> dict[str, Any]:
    schema: dict[str, Any] = dict(class_schema(OPTIMIZERS))
    schema["anyOf"].append({**object_schema(options_of(SGD)), "minProperties": 1})
    return schema


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` evaluations."""

    patience: int = setting(
        integer(10, low=1, help="Evaluations without an improvement before training stops.")
    )
    monitor: str = setting(
        text(
            "val_loss",
            help="The metric to monitor: the validation loss or the task's main metric.",
            accepts="`val_loss` or the task's metric, such as `val_accuracy`",
        )
    )
    min_delta: float = setting(
        number(0.0, low=0, help="Smallest change that counts as an improvement.")
    )
    restore_best_weights: bool = setting(
        flag(True, help="Keep the weights of the best evaluation instead of the last one.")
    )

    def __post_init__(self) -> None:
        check_fields(self, ("early_stopping",))


@dataclass(frozen=True)
class Augment:
    """Random changes to training images, drawn for every batch.

    Args:
        shift: largest shift in pixels, up, down, left and right.
        flip: mirror left and right: True with probability 1/2; "alternating" every image in every
            second epoch, from a random first one.
        crop: pad by this many pixels on each side and crop back at random.
        reflect: pad with the image's reflection instead of black.
        others: registered augmentations, applied after these in the order of their names.

    References:
        K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024 (alternating flip,
        translation by reflection).
    """

    shift: int = setting(integer(0, low=0, help="Largest shift in pixels, up, down, left, right."))
    flip: bool | str = setting(FLIP)
    crop: int = setting(integer(0, low=0, help="Pad by this many pixels and crop back at random."))
    reflect: bool = setting(
        flag(help="Fill the border with the image's reflection instead of black.")
    )
    others: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, ("augment",))

    def __bool__(self) -> bool:
        return bool(self.shift or self.flip or self.crop or self.others)

    @property
    def changes_targets(self) -> bool:
        """Whether targets change with the images."""
        return any(augmentation.changes_targets for augmentation in self.others)

    def fitted(self, data: FitData) -> Augment:
        """Return the changes for a run on this dataset; see `Augmentation.fitted`."""
        return replace(self, others=tuple(other.fitted(data) for other in self.others))

    @staticmethod
    def options() -> dict[str, Option]:
        """Return the settings, including registered augmentations."""
        own = {name: option for name, option in options_of(Augment).items() if name != "others"}
        return own | augmentation_options()

    @staticmethod
    def parse(data: Spec) -> Augment:
        """Build one from canonical plain data."""
        others = tuple(AUGMENTATIONS[n](**data[n]) for n in sorted(data) if n in AUGMENTATIONS)
        own = {name: value for name, value in data.items() if name not in AUGMENTATIONS}
        return Augment(**own, others=others)


AUGMENTATIONS.reserve(options_of(Augment))


@dataclass(frozen=True)
class Training:
    """The complete recipe of a run.

    Args:
        epochs: passes over the training images; ignored when `steps` is given.
        steps: number of updates, or None.
        stop_after: end after so many epochs but keep the schedule of the full `epochs`; the run can
            go on from there. None trains to the end.
        minutes: limit on the time of training and evaluation, or None. The run ends at that time or
            after the last update, whichever comes first, and the schedule uses the larger of both
            fractions, so that such a run depends on the speed of the machine.
        batch_size: images per update; the last, smaller batch of an epoch is used, as in Keras.
        evaluate_every: steps between two evaluations on validation; None for once per epoch.
        test_curve: evaluate on the test part as well, for a curve to compare with published ones.
            Nothing reads it in training, so that no choice depends on it.
        label_smoothing: fraction of each target that is spread evenly over all classes in training:
            with 0.1 and ten classes the target has 0.91 and every other class 0.01. The curve
            `loss` is that loss; losses on validation and test images are without smoothing.
        ema: decay of an exponential moving average of the weights, which is evaluated and kept; 0
            for none. The first updates use (1 + t) / (10 + t) if that is smaller.
        swa: fraction of the updates after which the mean of the weights of every update starts,
            which is evaluated and kept, including moving statistics of batch norm (the paper
            recomputes these, and averages the weights once per epoch); None for none.
        lookahead: slow weights that follow those of the optimizer; None for none.
        pretrain: source of the initial weights, instead of the initializers alone: a
            `assay.engines.pretraining.Pretraining`, or None.

    References:
        C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016
        (label smoothing).
        P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI
        2018 (stochastic weight averaging).
        B. Polyak and A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    epochs: int = setting(integer(10, low=1, help="Passes over the training images."))
    steps: int | None = setting(
        integer(low=1, help="Number of updates, instead of epochs.", example=2000)
    )
    stop_after: int | None = setting(
        integer(
            low=1,
            help="Stop after this many epochs, on the schedule of the full `epochs`; the run "
            "can be resumed later.",
            example=3,
        )
    )
    minutes: float | None = setting(
        number(
            None,
            above=0,
            high=100_000,
            help="Time limit in minutes, evaluations included: the run ends then, and its learning "
            "rate schedule with it, if its updates are not over before.",
            example=20,
        )
    )
    batch_size: int = setting(integer(32, low=1, help="Images per update."))
    evaluate_every: int | None = setting(
        integer(
            low=1,
            help="Updates between evaluations on the validation images; one epoch by default.",
            example=500,
        )
    )
    test_curve: bool = setting(
        flag(
            help="Also evaluate on the test images, to draw a curve; it is never used for "
            "selection."
        )
    )
    optimizer: Optimizer = setting(
        deferred(
            SGD(),
            help="The optimizer, by name or with its settings, which are those of `sgd` without a "
            "name.",
            schema=lambda: _optimizers(),
            accepts="an optimizer (see Optimizers)",
            example={"name": "sgd", "momentum": 0.9},
        )
    )
    learning_rate: float = free(
        number(
            0.01,
            above=0,
            help="The learning rate; defaults to Keras's value for the optimizer.",
            example=0.001,
        )
    )
    schedule: Schedule = setting(
        deferred(
            Constant(),
            help="The learning rate schedule, by name or with its settings.",
            schema=lambda: class_schema(SCHEDULES),
            accepts="a schedule (see Schedules)",
            example="cosine",
        )
    )
    early_stopping: EarlyStopping | None = setting(
        deferred(
            None,
            help="Stop when validation no longer improves; a number sets `patience`.",
            schema=lambda: {
                "anyOf": [
                    {"type": ["boolean", "integer"], "minimum": 1},
                    object_schema(options_of(EarlyStopping)),
                ]
            },
            accepts="true, false, a patience, or a mapping (see Early stopping)",
            example={"patience": 5, "monitor": "val_accuracy"},
        )
    )
    augment: Augment = setting(
        deferred(
            Augment(),
            help="Random changes to the training images, drawn again for every batch.",
            schema=lambda: object_schema(Augment.options()),
            accepts="a mapping (see Augmentation)",
            example={"shift": 2},
        )
    )
    label_smoothing: float = setting(
        number(
            0.0,
            low=0,
            below=1,
            help="Fraction of each target spread evenly over all classes; for classification.",
            example=0.1,
        )
    )
    ema: float = value(
        number(
            0.0,
            low=0,
            below=1,
            help="Decay of a moving average of the weights, which is evaluated and saved; 0 "
            "disables it.",
            example=0.999,
        )
    )
    swa: float | None = setting(
        number(
            above=0,
            below=1,
            help="Stochastic weight averaging: share of the updates after which the mean of the "
            "weights begins, which is evaluated and saved.",
            example=0.75,
        )
    )
    lookahead: Lookahead | None = setting(
        deferred(
            None,
            help="Slow weights that follow those of the optimizer; a number sets `steps`.",
            schema=lambda: {
                "anyOf": [
                    {"type": ["boolean", "integer"], "minimum": 1},
                    object_schema(options_of(Lookahead)),
                ]
            },
            accepts="true, false, a number of steps, or a mapping (see Lookahead)",
            example={"steps": 5, "step_size": 0.5},
        )
    )
    pretrain: Any = setting(
        deferred(
            None,
            help="Pretraining that provides the initial weights, instead of the initializers.",
            accepts="a pretraining (see Pretraining)",
            schema={},
            example="rendered",
        )
    )

    def __post_init__(self) -> None:
        check_fields(self, ("training",))
        _check(
            self.stop_after is None or not (self.steps or self.evaluate_every),
            "training.stop_after counts epochs: steps and evaluate_every cannot be set beside it",
        )
        _check(
            not (self.swa and self.ema),
            f"training.swa {self.swa} and training.ema {self.ema} average the weights both; "
            "expected one of them",
        )
        _check(
            not (self.swa and self.minutes),
            "training.swa counts updates: training.minutes, which may end them, cannot be set "
            "beside it",
        )

    @property
    def averages(self) -> dict[str, object]:
        """Return the settings that change which weights are evaluated and kept."""
        given = {"ema": self.ema, "swa": self.swa, "lookahead": self.lookahead}
        return {f"training.{name}": value for name, value in given.items() if value}

    @property
    def softens(self) -> bool:
        """Whether it trains on soft targets instead of class numbers."""
        return bool(self.label_smoothing or self.augment.changes_targets)

    def on(self, images: int) -> Training:
        """Return this recipe for so many training images: no batch is larger than all of them."""
        if self.pretrain:  # which may have more images
            return self
        return replace(self, batch_size=min(self.batch_size, images))

    def total_steps(self, images: int) -> int:
        """Return the number of updates of a complete run over `images` training images."""
        return self.steps or self.epochs * -(-images // self.batch_size)

    def last_step(self, images: int) -> int:
        """Return the number of updates until the run ends: all, or those before `stop_after`."""
        total = self.total_steps(images)
        return min(total, (self.stop_after or total) * -(-images // self.batch_size))

    def total_epochs(self, images: int) -> int:
        """Return the number of epochs of a complete run; the last one may be partial."""
        per_epoch = -(-images // self.batch_size)
        return -(-self.total_steps(images) // per_epoch)
