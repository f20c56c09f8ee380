"""A dataset: images and targets with a fixed train / validation / test split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from assay.core.records import Spec

__all__ = ["Dataset", "FitData", "Fresh", "ReadTest", "Split"]


@dataclass(frozen=True)
class Split:
    """Part of a dataset.

    Attributes:
        images: uint8 (n, height, width, channels), values 0..255; datasets made from arrays
            (`assay.data.arrays`) can have floats of any range.
        targets: int64 (n,) class numbers for classification; other tasks define their own.
    """

    images: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        """Their number and shapes; arrays would fill a screen."""
        return f"<Split: images {np.shape(self.images)}, targets {np.shape(self.targets)}>"


ReadTest = Callable[[], Split]
"""Function that returns the test split, called once for each run, at its end."""

Fresh = Callable[[int], Split]
"""Function from the number of an epoch to new training images."""


@dataclass(frozen=True)
class FitData:
    """The dataset for training and selection: it gives no access to the test split.

    The attributes are those of `Dataset`.
    """

    name: str
    train: Split
    validation: Split
    mean: np.ndarray
    std: np.ndarray
    fresh: Fresh | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels


@dataclass(frozen=True)
class Dataset:
    """Images and targets with a split that depends only on `spec`.

    Attributes:
        spec: the resolved specification, plain JSON data ({"name": "mnist", "permute": None, ...}).
        train, validation, test: the three parts.
        class_names: one name per class; empty if there are no classes.
        mean, std: float32 (channels,), float64 for float64 images, in the unit of a pixel; networks
            receive (image - mean) / std. Statistics of the training images, unless the
            specification says otherwise (`normalize`); std is 1 for a constant channel.
        permutation: int64 (height * width,) source position of each pixel, or None; channels of a
            pixel stay together.
        fingerprint: identity of the content (images, targets and split).
        notes: notes about loading ("212 of 900 pictures were resized").
        fresh: draws new training images: a function from the number of an epoch, 0-based, to a
            split like `train` of the same length; None if the images are fixed.
    """

    spec: Spec
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    fingerprint: str
    permutation: np.ndarray | None = None
    notes: tuple[str, ...] = field(default=())
    fresh: Fresh | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """Name, numbers of images and their shape; arrays would fill a screen."""
        counts = ", ".join(
            f"{part}={len(getattr(self, part)):,}" for part in ("train", "validation", "test")
        )
        shape = "x".join(map(str, self.train.images.shape[1:]))
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"<Dataset {self.name}: {counts} images {shape}{classes}>"

    @property
    def name(self) -> str:
        """The dataset's name in the catalog."""
        return str(self.spec["name"])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.fit_data.image_shape

    @property
    def fit_data(self) -> FitData:
        """The view without the test split, for everything that trains or selects."""
        return FitData(self.name, self.train, self.validation, self.mean, self.std, self.fresh)

    def read_test(self) -> Split:
        """Return the test split; to be read once for each run, at its end."""
        return self.test
