"""What a measure is: from two sets of images to named numbers with intervals.

A measure is one file of this package that adds itself to `MEASURES`; `measure_all` asks all of
them, first about generated images, then about other real images, whose numbers are the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.core.registry import Registry
from assay.statistics import Interval

__all__ = ["MEASURES", "Better", "Measure", "Measurement", "Number", "Sides"]

Better = Literal["lower", "higher", "floor"]
"""Which way a number gets better; "floor": the nearer to the floor, from either side."""


@dataclass(frozen=True)
class Number:
    """A number that a measure gives.

    Attributes:
        title: for people: "Fréchet distance".
        better: which way it gets better.
    """

    title: str
    better: Better


@dataclass(frozen=True)
class Measurement:
    """A number of generated images beside its floor.

    Attributes:
        number: its title and direction.
        fake: the number of the generated images with its interval.
        floor: the same of other real images.
        n_real, n_fake: counts of real and generated images.
    """

    number: Number
    fake: Interval
    floor: Interval
    n_real: int
    n_fake: int


@dataclass(frozen=True)
class Sides:
    """The two sides of a comparison, as images and as features of them.

    Attributes:
        real_images: uint8 (n, height, width, channels), none of which anything was trained on.
        fake_images: uint8 (m, height, width, channels), generated (or real, for the floor).
        real, fake: their features, float (n, d) and (m, d).
        train: features (t, d) of the images that the generator learned from, if known.
        dataset: name of the dataset that the real images are of; empty if it has none.
    """

    real_images: np.ndarray
    fake_images: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    train: np.ndarray | None = None
    dataset: str = ""


@dataclass(frozen=True)
class Measure:
    """One measure, or several that share their work.

    Attributes:
        numbers: name -> what it is, in the order of tables.
        take: from both sides and a seed to every one of `numbers`.
        needs_train: whether it can only be taken with `Sides.train`.
        only: names of the datasets whose images it understands; all if empty.
    """

    numbers: Mapping[str, Number]
    take: Callable[[Sides, int], dict[str, Interval]]
    needs_train: bool = False
    only: tuple[str, ...] = ()

    def suits(self, sides: Sides) -> bool:
        """Whether it can be taken of these images."""
        known = not self.only or sides.dataset in self.only
        return known and (sides.train is not None or not self.needs_train)


MEASURES: Registry[Measure] = Registry("measure", "assay.subjects.generation.measures")
"""Name -> measure."""
