"""How far images travel between two points of the latent space, and how evenly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.core.errors import DataError
from assay.subjects.generation.measures.measure import Number

__all__ = ["NUMBERS", "Distance", "PathLengths", "path_lengths"]

NUMBERS = {
    "path_length": Number("Length of interpolations", "floor"),
    "path_detour": Number("Length divided by the distance between the ends", "lower"),
    "path_step": Number("Largest step as a fraction of the length", "lower"),
}
"""What a run is judged by; there is one side only, so they are no `Measure`."""

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From two arrays of n images to n distances."""


@dataclass(frozen=True)
class PathLengths:
    """What `path_lengths` found; arrays (paths,).

    Attributes:
        length: sum of the distances from each image to the next.
        direct: distance between both ends.
        largest_step: the largest of the steps as a share of `length`: 1 / (steps - 1) for an even
            path, near 1 where one image jumps into another. NaN for a path of no length.
    """

    length: np.ndarray
    direct: np.ndarray
    largest_step: np.ndarray

    @property
    def detour(self) -> np.ndarray:
        """`length` divided by `direct`, (paths,): 1 for a straight path if the distance is a
        metric; NaN where both ends are equal."""
        return _ratio(self.length, self.direct)


def path_lengths(frames: np.ndarray, distance: Distance) -> PathLengths:
    """Measure interpolations.

    With two frames a path, at t and t + ε, `length` / ε² is the path length of the paper, where
    the distance is a squared one.

    Args:
        frames: images (paths, steps, height, width, channels), steps >= 2.
        distance: distance of images (n, height, width, channels) pair by pair, (n,); for example
            between `Features` of them.

    Raises:
        DataError: `frames` has another shape, or `distance` does not give one number a pair.

    References:
        T. Karras et al., "A Style-Based Generator Architecture for Generative Adversarial
        Networks", 2019 (perceptual path length).
    """
    frames = np.asarray(frames)
    if frames.ndim != 5 or not len(frames) or frames.shape[1] < 2:
        raise DataError(
            f"frames: shape {frames.shape}, expected (paths, steps, height, width, channels) with "
            "at least one path and two steps"
        )
    paths, steps = frames.shape[:2]
    shape = frames.shape[2:]
    first, second = frames[:, :-1].reshape(-1, *shape), frames[:, 1:].reshape(-1, *shape)
    walked = _asked(distance, first, second).reshape(paths, steps - 1)
    direct = _asked(distance, frames[:, 0], frames[:, -1])
    length = walked.sum(1)
    return PathLengths(length, direct, _ratio(walked.max(1), length))


def _asked(distance: Distance, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = np.asarray(distance(first, second), np.float64)
    if found.shape != (len(first),):
        raise DataError(
            f"distance: gave shape {found.shape} for {len(first)} pairs, expected ({len(first)},)"
        )
    return found


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(len(b), np.nan), where=b > 0)
