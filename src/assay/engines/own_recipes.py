"""Whether schedules and augmentations of the user's own do what their base classes promise; tried
when a study is read."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from assay.core.code_places import defined_at, is_own
from assay.core.errors import ConfigError
from assay.core.own import OwnPart, watched
from assay.engines.augmentations import Augmentation
from assay.engines.schedules import Schedule
from assay.engines.training import Training
from assay.networks.layers import Shape

__all__ = ["try_recipe"]

_STEPS = 1_000
"""Number of updates, evenly over the run, for which a schedule is asked."""

_IMAGES = 8
"""Images of the batch that augmentations change."""


def try_recipe(training: Training, images: int, shape: Shape, classes: int) -> None:
    """Ask the user's own parts of a recipe for a few numbers.

    Args:
        images: number of training images.
        shape: (height, width, channels) of each.
        classes: units of soft targets, for augmentations that change them.

    Raises:
        ConfigError: a part fails or returns something else than it should, with its line.
    """
    if is_own(training.schedule):
        with _set_by("training.schedule"):
            _try_schedule(training, images)
    for augmentation in filter(is_own, training.augment.others):
        count = min(_IMAGES, training.batch_size, images)
        with _set_by(f"training.augment.{augmentation.kind}"):
            _try_augmentation(augmentation, count, shape, classes)


@contextmanager
def _set_by(setting: str) -> Iterator[None]:
    """Let errors begin with the setting, by which a study finds their place."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{setting}: {error}") from error


def _try_schedule(training: Training, images: int) -> None:
    schedule, total = training.schedule, training.total_steps(images)
    method = "factor" if type(schedule).factor is not Schedule.factor else "shape"
    part = OwnPart("schedule", schedule.kind, schedule)
    per_epoch = -(-images // training.batch_size)
    for step in np.linspace(0, total - 1, min(total, _STEPS)).astype(int).tolist():
        with watched(
            f"schedule {schedule.kind!r}: {method}", defined_at(getattr(schedule, method))
        ):
            factor = schedule.factor(step, total, per_epoch)
        if not (isinstance(factor, numbers.Real) and 0 <= factor < math.inf):
            said = f"returned {factor!r} at update {step + 1:,} of {total:,}"
            raise part.wrong(method, f"{said}, expected a finite number >= 0")


def _try_augmentation(augmentation: Augmentation, count: int, shape: Shape, classes: int) -> None:
    own = type(augmentation)
    method = "change_both" if own.change_both is not Augmentation.change_both else "change"
    part = OwnPart("augmentation", augmentation.kind, augmentation)
    rng, numbers_of = np.random.default_rng(0), np.arange(count)
    images = rng.normal(size=(count, *shape)).astype(np.float32)
    targets = numbers_of
    if augmentation.changes_targets:
        targets = np.eye(classes, dtype=np.float32)[numbers_of % classes]
    with watched(f"augmentation {augmentation.kind!r}", defined_at(getattr(own, method))):
        changed, shares = augmentation(images, targets, rng)
    for what, array in (("images", changed), ("targets", shares)):
        if not np.isfinite(array).all():
            raise part.wrong(method, f"returned {what} that are not finite")
