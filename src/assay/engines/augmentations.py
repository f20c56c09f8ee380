"""Random changes of training images other than the moves of `Augment`, one class for each.

A new one is one class (docs/extending.md has an example):

    @assay.register_augmentation("noise")
    @dataclass(frozen=True)
    class Noise(Augmentation):
        strength: float = setting(number(0.1, low=0, help="Standard deviation of the noise."))

        def change(self, images, rng): ...

A study switches it on with `augment: {noise: true}`, with its first setting (`noise: 0.2`) or with
several, `noise: {strength: 0.2}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from assay.core.config import Entry, Option
from assay.core.errors import EngineError
from assay.core.options import (
    check_fields,
    integer,
    number,
    object_schema,
    options_of,
    schema_of,
    setting,
)
from assay.core.part_classes import check_part, has_one, read_settings, refused
from assay.core.registry import Registry
from assay.data.dataset import FitData
from assay.data.loading import statistics

__all__ = [
    "ALTERNATING",
    "AUGMENTATIONS",
    "Augmentation",
    "Cutout",
    "FILLED",
    "FLIP",
    "Mixup",
    "augmentation_options",
    "checked_augmentation",
]


@dataclass(frozen=True)
class Augmentation:
    """A random change of training images, drawn again for every batch.

    A subclass is a frozen dataclass with a field for each setting and the method `change`, or
    `change_both` if it changes the targets as well.

    Attributes:
        kind: its key in `augment:`; until it is registered, the name of the class in lower case.
        changes_targets: whether it changes targets with the images; for a task with classes they
            become soft targets.
    """

    kind: ClassVar[str] = ""
    changes_targets: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__.lower()

    def __post_init__(self) -> None:
        check_fields(self, ("augment", self.kind))

    def fitted(self, data: FitData) -> Self:
        """Return the augmentation for a run on this dataset; itself if it needs nothing of it."""
        return self

    def change(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the changed images.

        Args:
            images: a batch of one run (B, height, width, channels) after normalisation and assay's
                own augmentations; may be overwritten.
            rng: a random generator for this run and this augmentation alone. How many numbers are
                drawn may depend only on the shape of the batch.

        Returns:
            Images of the same shape and type.
        """
        raise NotImplementedError

    def change_both(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and their targets changed; see `change`.

        Args:
            targets: (B, classes), the share of each class, if `changes_targets` is true; otherwise
                the task's own targets, to be returned unchanged.
        """
        return self.change(images, rng), targets

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Call `change_both` and check its result.

        Raises:
            EngineError: it did not return images and targets of the same shapes.
        """
        found = self.change_both(images, targets, rng)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise EngineError(
                f"augmentation {self.kind!r} returned {type(found).__name__}, expected images and "
                "targets"
            )
        changed, shares = found
        return self._checked(images, changed, "images"), self._checked(targets, shares, "targets")

    def _checked(self, given: np.ndarray, found: np.ndarray, what: str) -> np.ndarray:
        if not isinstance(found, np.ndarray) or found.shape != given.shape:
            got = found.shape if isinstance(found, np.ndarray) else type(found).__name__
            raise EngineError(
                f"augmentation {self.kind!r} returned {got}, expected {what} {given.shape}"
            )
        return found.astype(given.dtype, copy=False)


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Replace a square of each training image by the mean of all; it may lie partly outside.

    References:
        T. DeVries and G. Taylor, "Improved Regularization of Convolutional Neural Networks with
        Cutout", 2017.
    """

    fill: ClassVar[np.ndarray | float] = 0.0  # the mean of images that are normalised with it
    size: int = setting(integer(8, low=1, help="Side of the square, in pixels."))

    def fitted(self, data: FitData) -> Self:
        """Return it with the mean of the training images, normalised as they are."""
        mean = statistics(data.train.images)[0].astype(data.mean.dtype)
        made = replace(self)
        object.__setattr__(made, "fill", (mean - data.mean) / data.std)
        return made

    def change(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See `Augmentation`."""
        count, height, width, _ = images.shape
        hidden = [self._hidden(rng.integers(0, side, (count, 1)), side) for side in (height, width)]
        square = hidden[0][:, :, None] & hidden[1][:, None, :]
        return np.where(square[..., None], np.asarray(self.fill, images.dtype), images)

    def _hidden(self, middles: np.ndarray, side: int) -> np.ndarray:
        """Return which rows or columns of each image are hidden, (B, side)."""
        places = np.arange(side) - middles + self.size // 2
        return (places >= 0) & (places < self.size)


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Mix each training image and its target with another one of its batch.

    The proportion is drawn for each batch from Beta(alpha, alpha).

    References:
        H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """

    changes_targets: ClassVar[bool] = True

    alpha: float = setting(
        number(0.2, above=0, help="Both parameters of the Beta distribution of the mixing weight.")
    )

    def draw(self, count: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
        """Return the share of each image of a batch, and the image that has the rest, (B,)."""
        return rng.beta(self.alpha, self.alpha), rng.permutation(count)

    def change_both(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Augmentation`."""
        share, others = self.draw(len(images), rng)
        mixed = (share * x + (1 - share) * x[others] for x in (images, targets))
        return tuple(mixed)  # type: ignore[return-value]


def checked_augmentation(name: str, cls: object) -> type[Augmentation]:
    """Return the class registered under `name`; ConfigError if it is not an augmentation."""
    return has_one(check_part(name, cls, Augmentation), Augmentation, "change", "change_both")


AUGMENTATIONS: Registry[type[Augmentation]] = Registry(
    "augmentation", None, "assay.engines.augmentations:checked_augmentation"
)
"""Key of `augment:` -> class. Moves of the whole image are fields of `Augment` instead."""

for _augmentation in (Cutout, Mixup):
    AUGMENTATIONS.add(_augmentation.kind)(_augmentation)


def augmentation_options() -> dict[str, Option]:
    """Return a key of `augment:` for each registered augmentation: true, its first setting, or a
    mapping of its settings."""
    usable = AUGMENTATIONS.usable()
    return {
        name: _option(name, AUGMENTATIONS[name]) if name in usable else refused(AUGMENTATIONS, name)
        for name in AUGMENTATIONS
    }


def _option(name: str, cls: type[Augmentation]) -> Option:
    settings = options_of(cls)
    first = next(iter(settings), None)

    def read(entry: Entry) -> Mapping[str, Any] | None:
        if entry.value is False:
            return None
        value = {} if entry.value is True else entry.value
        if first and not isinstance(value, dict):
            value = {first: value}
        inner = Entry(value, entry.path, entry.source, entry.problems)
        return read_settings(inner, f"augmentation {name}", settings)

    said = (cls.__doc__ or "").strip().split("\n")[0]
    plain = [schema_of(settings[first])] if first else []
    schema = {"anyOf": [{"type": "boolean"}, *plain, object_schema(settings)]}
    accepts = f"true, its `{first}`, or a mapping" if first else "true"
    example = settings[first].default if first else True
    return Option(read, None, said, schema, accepts, example)


def _read_flip(entry: Entry) -> bool | str:
    if entry.value == ALTERNATING:
        return ALTERNATING
    if not isinstance(entry.value, bool):
        raise entry.expected(f"true, false or {ALTERNATING}")
    return entry.value


FILLED = 2
"""Version of cutout on images from which no mean was subtracted (`dataset.normalize`): before, its
squares were 0, which is black there."""

ALTERNATING = "alternating"
"""Flip every image in every second epoch."""

FLIP = Option(
    _read_flip,
    False,
    "Flip images horizontally with probability 0.5, or each one in every second epoch.",
    {"enum": [True, False, ALTERNATING]},
    "true, false or `alternating`",
    True,
)
"""The setting `augment.flip`."""
