"""ZCA whitening, which makes all pixels of the training images uncorrelated."""

from __future__ import annotations

import numpy as np

from assay.core.config import Entry, Option
from assay.core.records import Spec
from assay.data.storage import fitted_once
from assay.data.transforms import FittedTransform

__all__ = ["ZCA", "ZcaWhitening", "whitener"]

EPSILON = 0.1
"""Usual addition to the variance of each principal component, in mean variances."""

LEAST = 1e-14
"""Smallest addition: components that vary less are rounding errors of float32."""

RECIPE = "2"
"""Version of the computation, part of the key in the cache."""

_BLOCK = 2_000
"""Images that are converted to floats at a time."""


def _read(entry: Entry) -> bool | float:
    if isinstance(entry.value, bool):
        return entry.value
    return entry.number(LEAST, noun="true, or epsilon, a number")


class ZcaWhitening:
    """`dataset.zca_whitening`: multiply each image by the inverse square root of the covariance.

    Of all matrices that whiten, ZCA's changes the images least. It needs no knowledge of which
    pixels are neighbours: permuted images are whitened to the same values, permuted.

    References:
        A. Bell and T. Sejnowski, "The 'Independent Components' of Natural Scenes are Edge
        Filters", 1997. A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
        2009.
    """

    usual = False
    option = Option(
        _read,
        False,
        "Make the pixels uncorrelated (ZCA, fitted on the training images). The number is the "
        "epsilon added to the variance of each principal component, in mean variances.",
        {"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": LEAST}]},
        f"true (epsilon {EPSILON}) or a number >= {LEAST}",
        True,
    )

    def check(self, spec: Spec) -> str:
        """Nothing conflicts."""
        return ""

    def fit(self, spec: Spec, train: np.ndarray, permutation: np.ndarray | None) -> FittedTransform:
        """Fit on the training images; see `whitener`."""
        told = spec["zca_whitening"]
        mean, matrix = whitener(train, EPSILON if told is True else float(told))

        def apply(images: np.ndarray) -> np.ndarray:
            flat = images.reshape(len(images), -1)
            white = np.empty(flat.shape, np.float32)
            for start in range(0, len(flat), _BLOCK):
                block = slice(start, start + _BLOCK)
                centred = (flat[block] - mean).astype(np.float32, copy=False)
                np.matmul(centred, matrix, out=white[block])
            return white.reshape(images.shape)

        return FittedTransform(apply, permutation)


ZCA = ZcaWhitening()


def whitener(train: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the matrix that whiten images, cached by the training images.

    Args:
        train: training images (n, height, width, channels).
        epsilon: added to the variance of each principal component, in mean variances; it keeps
            components that hardly vary, which are mostly noise, from being amplified.

    Returns:
        The mean of each of the d = height * width * channels pixels, float32 (d,), float64 for
        float64 images, and a symmetric matrix, float32 (d, d): `(image - mean) @ matrix` is white.
    """
    pixels = train.reshape(len(train), -1)
    kept = fitted_once("whitened", f"{RECIPE} {epsilon} ", train, lambda: _fitted(pixels, epsilon))
    return kept["mean"], kept["matrix"]


def _fitted(pixels: np.ndarray, epsilon: float) -> dict[str, np.ndarray]:
    mean = pixels.mean(0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(pixels), _BLOCK):
        block = (pixels[start : start + _BLOCK] - mean).astype(np.float32)
        covariance += block.T @ block
    covariance /= len(pixels)
    usual = np.trace(covariance) / len(mean) or 1.0
    variances, directions = np.linalg.eigh(covariance)
    matrix = (directions / np.sqrt(np.maximum(variances, 0) + epsilon * usual)) @ directions.T
    kind = np.result_type(pixels, np.float32)  # float64 images lose a difference if rounded first
    return {"mean": mean.astype(kind), "matrix": matrix.astype(np.float32)}
