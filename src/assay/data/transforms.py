"""Changes of a whole dataset that are fitted on its training images: a key of `dataset:` each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from assay.core.records import Spec
from assay.core.registry import Registry

__all__ = ["TRANSFORMS", "FittedTransform", "Transform", "switched_on"]


@dataclass(frozen=True)
class FittedTransform:
    """A transform that knows the training images.

    Attributes:
        apply: from images (n, height, width, channels) to images; the same for every part.
        permutation: where each pixel comes from now, int64 (height * width,); None where no pixels
            are moved.
        note: what readers of a report should know.
    """

    apply: Callable[[np.ndarray], np.ndarray]
    permutation: np.ndarray | None = None
    note: str = ""


class Transform(Protocol):
    """One key of `dataset:`; runs that leave it at its usual value keep their names without it.

    A transform may have `option`, the declaration of this key: it is read and checked by it.
    """

    usual: Any
    """The value that changes nothing."""

    def check(self, spec: Spec) -> str:
        """What does not go together with this key of a specification, "" for nothing."""

    def fit(self, spec: Spec, train: np.ndarray, permutation: np.ndarray | None) -> FittedTransform:
        """Fit on the training images, uint8 (n, height, width, channels), as they are permuted."""


TRANSFORMS: Registry[Transform] = Registry("transform", contract=Transform)
"""Key of `dataset:` -> transform."""


def switched_on(spec: Spec) -> list[Transform]:
    """The transforms that a resolved specification asks for, in the order of their names."""
    return [
        TRANSFORMS[name]
        for name in TRANSFORMS
        if spec.get(name, TRANSFORMS[name].usual) != TRANSFORMS[name].usual
    ]
