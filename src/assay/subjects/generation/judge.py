"""Evaluation of generated pictures: compares features of generated and real pictures.

The feature network is only fitted to the training part. Pictures are compared with the validation
part at every evaluation and with the test part once, at the end. Final numbers have a floor: the
same numbers of the validation pictures, which were not used for training either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from assay.core.seeds import stream
from assay.data.dataset import FitData, ReadTest, Split
from assay.subjects.generation.features import Features, FeatureSettings
from assay.subjects.generation.measures import (
    Interval,
    Sides,
    frechet_distance,
    measure_sides,
    nearest,
    path_lengths,
    reconstruction_error,
    variety,
)
from assay.subjects.generation.measures.intervals import mean_interval

__all__ = ["AT_EVALUATIONS", "FITTED", "Judge", "look"]

AT_EVALUATIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "distance": frechet_distance,
    "variety": variety,
}
"""Metric -> function of real and generated features (n, d), for fast metrics."""

NAMES = {"frechet_distance": "distance"}
"""Number of a measure -> its metric, if that has another name."""

MOST = 1_000
"""Maximum number of real, and of generated, pictures to compare."""

FITTED = 5_000
"""Maximum number of training pictures for the feature network."""


def look(data: FitData, steps: int, seed: int = 0) -> Features:
    """Return the feature network of a dataset, from the cache or fitted now.

    Args:
        data: the network is fitted to its training part.
        steps: updates.
        seed: seed of the network.
    """
    images = _some(data.train, FITTED)
    return Features.fit(images, seed, settings=FeatureSettings(steps=steps))


class Judge:
    """Measures generated pictures, uint8 (n, h, w, c), against the parts of a dataset.

    Args:
        fit: training part, and validation part for evaluations.
        read_test: returns the test part, which only `test`, `paths` and `reconstruction` use.
        steps: number of updates of the feature network.

    Raises:
        DataError: the dataset's pictures are too few, too small or not bytes.
    """

    def __init__(self, fit: FitData, read_test: ReadTest, steps: int):
        self._fit, self._read_test = fit, read_test
        self.features = look(fit, steps)
        self._others = _some(fit.validation, MOST)
        self._validation = self.features.transform(self._others)

    @property
    def count(self) -> int:
        """Number of generated pictures for `validation` and `test`, as many as for the floor."""
        return len(self._others)

    @cached_property
    def _train(self) -> np.ndarray:
        """Return the features of all training pictures."""
        return self.features.transform(self._fit.train.images)

    @cached_property
    def tested(self) -> np.ndarray:
        """Positions of the test pictures that are compared, in ascending order."""
        return _chosen(len(self._read_test()), MOST)

    @cached_property
    def _test(self) -> np.ndarray:
        """Return these test pictures, which are only used at the end."""
        return self._read_test().images[self.tested]

    def validation(self, images: np.ndarray) -> dict[str, float]:
        """Compare with the validation part."""
        made = self.features.transform(images)
        return {name: f(self._validation, made) for name, f in AT_EVALUATIONS.items()}

    def test(self, images: np.ndarray) -> dict[str, float]:
        """Compute every measure against the test part.

        Returns:
            NAME, and with it "low_NAME" and "high_NAME", the ends of its bootstrap interval over
            pictures, and "floor_NAME", the same of real pictures; each only if it is finite.
        """
        real = self.features.transform(self._test)
        sides, floor = (
            Sides(self._test, shown, real, vectors, self._train, self._fit.name)
            for shown, vectors in (
                (images, self.features.transform(images)),
                (self._others, self._validation),
            )
        )
        metrics = {}
        for name, found in measure_sides(sides, floor).items():
            metrics |= _metrics(NAMES.get(name, name), found.fake, found.floor.value)
        return metrics

    def paths(self, frames: np.ndarray) -> dict[str, float]:
        """Measure interpolations (paths, steps, h, w, c) in the features, as `test` returns it.

        "floor_path_length" is the mean distance of two test pictures, the minimum length of a path
        between real pictures. They are paired at random, because test pictures may be in the order
        of their classes.
        """
        found = path_lengths(frames, self.features.distance)
        half = len(self._test) // 2
        pairs = stream(0, "pairs").permutation(len(self._test))[: 2 * half].reshape(2, half)
        apart = self.features.distance(*self._test[pairs])
        numbers = {
            "path_length": (found.length, float(apart.mean())),
            "path_detour": (found.detour, 1.0),
            "path_step": (found.largest_step, 1 / (frames.shape[1] - 1)),
        }
        metrics = {}
        for name, (values, floor) in numbers.items():
            finite = values[np.isfinite(values)]
            if len(finite):  # none, if all pictures are equal
                metrics |= _metrics(name, mean_interval(finite), floor)
        return metrics

    def reconstruction(self, images: np.ndarray) -> dict[str, float]:
        """Compare reconstructions with the pictures at `tested`: the root of the mean squared
        error, with intensities from 0 to 1; as `test` returns it, without a floor."""
        found = reconstruction_error(self._test, images).interval()
        roots = Interval(*(float(np.sqrt(x)) for x in (found.value, found.low, found.high)))
        return _metrics("reconstruction_error", roots)

    def nearest(self, images: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions int32 (n, k) of the training pictures nearest to these in the features, nearest
        first, and the distances float32 (n, k); k is brought down to their number."""
        near, apart = nearest(
            self._train, self.features.transform(images), min(k, len(self._train))
        )
        return near.astype(np.int32), apart.astype(np.float32)


def _metrics(name: str, interval: Interval, floor: float = np.nan) -> dict[str, float]:
    found = {
        name: interval.value,
        f"low_{name}": interval.low,
        f"high_{name}": interval.high,
        f"floor_{name}": floor,
    }
    return {key: float(value) for key, value in found.items() if np.isfinite(value)}


def _some(split: Split, most: int) -> np.ndarray:
    """The pictures of a split, or a fixed choice where there are more than `most`."""
    return split.images[_chosen(len(split), most)]


def _chosen(count: int, most: int) -> np.ndarray:
    return np.sort(stream(0, "judged").permutation(count)[:most])
