"""Transforms of a dataset, fitted on its training images; each is a key of `dataset:`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from assay.core.part_classes import check_defaults
from assay.core.records import Spec
from assay.core.registry import Registry, register

__all__ = [
    "TRANSFORMS",
    "FittedTransform",
    "Transform",
    "changes_of",
    "checked_transform",
    "switched_on",
]


@dataclass(frozen=True)
class FittedTransform:
    """A transform after fitting on the training images.

    Attributes:
        apply: function from images (n, height, width, channels) to images, the same for every part.
        permutation: source of each pixel, int64 (height * width,); None if no pixels are moved.
        note: a note for readers of a report.
    """

    apply: Callable[[np.ndarray], np.ndarray]
    permutation: np.ndarray | None = None
    note: str = ""


class Transform(Protocol):
    """A key of `dataset:`; with its default value, it is not part of the names of runs.

    A transform may have `option`, the declaration that reads and checks this key.
    """

    usual: Any
    """The value that changes nothing."""

    def check(self, spec: Spec) -> str:
        """Return conflicts of this key with others in a specification, "" for none."""

    def fit(self, spec: Spec, train: np.ndarray, permutation: np.ndarray | None) -> FittedTransform:
        """Fit on the training images, uint8 (n, height, width, channels), after permutation."""


TRANSFORMS: Registry[Transform] = Registry(
    "transform", None, "assay.data.transforms:checked_transform", Transform
)
"""Key of `dataset:` -> transform."""

register("transform", "zca_whitening", "assay.data.zca:ZCA")


def checked_transform(name: str, transform: Transform) -> Transform:
    """Return the transform registered under `name`; ConfigError if it refuses its own default."""
    option = getattr(transform, "option", None)
    check_defaults({} if option is None else {name: option})
    return transform


def switched_on(spec: Spec) -> list[str]:
    """Return the names of the transforms of a resolved specification, sorted."""
    usual = {name: TRANSFORMS[name].usual for name in TRANSFORMS.usable()}
    return [name for name in usual if spec.get(name, usual[name]) != usual[name]]


def changes_of(spec: Spec) -> dict[str, object]:
    """Return the settings of a resolved specification that change images before normalisation.

    They are in the order in which `assay.data.load` applies them.
    """
    first = [name for name in ("resize", "permute") if spec.get(name) is not None]
    return {name: spec[name] for name in [*first, *switched_on(spec)]}
