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
        images: uint8 (n, height, width, channels), values 0..255; floats of any range where a
            dataset is made of arrays (`assay.data.arrays`).
        targets: int64 (n,) class numbers for classification; other tasks say what they hold.
    """

    images: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


ReadTest = Callable[[], Split]
"""Gives the test split to the one who reads it once for each run, at its end."""

Fresh = Callable[[int], Split]
"""From the number of an epoch to training pictures that were never seen before."""


@dataclass(frozen=True)
class FitData:
    """All that training and selection ever see: there is no way from here to the test split.

    Attributes are those of `Dataset`.
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
    """Images with a split that depends on nothing but `spec`.

    Attributes:
        spec: the resolved specification, plain JSON data ({"name": "mnist", "permute": None, ...}).
        train, validation, test: the three parts.
        class_names: one name per class; empty where there are none.
        mean, std: float32 (channels,), float64 for float64 images, in the unit of a pixel: networks
            see (image - mean) / std. Statistics of the training images, unless the specification
            says otherwise (`normalize`); a channel that never changes has a deviation of 1.
        permutation: int64 (height * width,) source position of each pixel, or None; channels of a
            pixel stay together.
        fingerprint: identity of the content (images, targets and split).
        notes: what loading had to do, in words ("212 of 900 pictures were resized").
        fresh: where training pictures can be drawn anew: from the number of an epoch, 0-based, to a
            split like `train` and of its length; None where they cannot, or are not to be.
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
        """The test split, for the one who reads it once for each run, at its end."""
        return self.test
