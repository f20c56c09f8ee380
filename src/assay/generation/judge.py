"""The judge of generated pictures: it looks at them with one network and compares with real ones.

What is measured stands in two tables, so that a new measure is one line: a function of real and
generated features, (n, d) each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.core.seeds import stream
from assay.data.dataset import Dataset, Split
from assay.generation.distance import feature_distance, variety
from assay.generation.looking import Features, features_of

__all__ = ["AT_EVALUATIONS", "AT_THE_END", "Judge"]

Measure = Callable[[np.ndarray, np.ndarray], float]

AT_EVALUATIONS: dict[str, Measure] = {"distance": feature_distance, "variety": variety}
"""Measured at every evaluation against validation pictures, at the end against test pictures."""

AT_THE_END: dict[str, Measure] = {}
"""Measured once, against test pictures; for what takes long."""

MOST = 2_000
"""Real pictures, and generated ones, that are compared at most."""


class Judge:
    """Measures generated pictures against the validation part, and at the end the test part.

    Args:
        dataset: its training part teaches the network that looks; its test part is only looked at
            by `test`.
        updates: of that network.
    """

    def __init__(self, dataset: Dataset, updates: int, threads: int = 0):
        self._dataset = dataset
        self.features: Features = features_of(dataset.fit_data, dataset.fingerprint, updates)
        self._validation = self.features(_some(dataset.validation))

    @property
    def count(self) -> int:
        """How many pictures an evaluation wants."""
        return len(self._validation)

    @property
    def test_count(self) -> int:
        """How many pictures the end of a run wants."""
        return min(len(self._dataset.test), MOST)

    def validation(self, images: np.ndarray) -> dict[str, float]:
        """Measure pictures, uint8 (n, h, w, c), against the validation part."""
        made = self.features(images)
        return {name: f(self._validation, made) for name, f in AT_EVALUATIONS.items()}

    def test(self, images: np.ndarray) -> dict[str, float]:
        """Measure pictures against the test part.

        "floor_NAME" is the same measure of as many training pictures: what a perfect generator
        would have.
        """
        real, made = self.features(_some(self._dataset.test)), self.features(images)
        train = self._dataset.train
        order = stream(0, "floor").permutation(len(train))[: len(made)]
        others = self.features(train.images[np.sort(order)])
        found = {name: f(real, made) for name, f in (AT_EVALUATIONS | AT_THE_END).items()}
        floors = {f"floor_{n}": f(real, others) for n, f in (AT_EVALUATIONS | AT_THE_END).items()}
        return found | floors


def _some(split: Split) -> np.ndarray:
    """The pictures of a split, or a fixed choice where there are very many."""
    if len(split) <= MOST:
        return split.images
    return split.images[np.sort(stream(0, "judged").permutation(len(split))[:MOST])]
