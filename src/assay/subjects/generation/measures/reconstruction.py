"""How well an autoencoder gives back the images that it was shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.errors import DataError
from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_images
from assay.subjects.generation.measures.intervals import mean_interval
from assay.subjects.generation.measures.measure import Number

__all__ = ["NUMBERS", "Reconstruction", "reconstruction_error"]

NUMBERS = {"reconstruction_error": Number("Reconstruction error", "lower")}
"""What a run of an autoencoder is judged by."""


@dataclass(frozen=True)
class Reconstruction:
    """Errors of each image, (n,), with intensities from 0 to 1.

    Attributes:
        squared: mean squared error over pixels and channels.
        absolute: mean absolute error.
    """

    squared: np.ndarray
    absolute: np.ndarray

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the mean squared error, in dB; infinite without error."""
        error = float(self.squared.mean())
        return float("inf") if error == 0 else -10 * float(np.log10(error))

    def interval(self, seed: int = 0) -> Interval:
        """The mean squared error with its bootstrap interval over images."""
        return mean_interval(self.squared, seed=seed)


def reconstruction_error(images: np.ndarray, reconstructions: np.ndarray) -> Reconstruction:
    """Compare images with their reconstructions, uint8 (n, height, width, 1 or 3), one by one.

    Raises:
        DataError: the arrays are not such images, or differ in shape.
    """
    images = checked_images(images, "images")
    reconstructions = checked_images(reconstructions, "reconstructions")
    if images.shape != reconstructions.shape:
        raise DataError(
            f"reconstructions: shape {reconstructions.shape}, expected {images.shape}, "
            "that of the images"
        )
    squared, absolute = np.empty(len(images)), np.empty(len(images))
    for i, (image, back) in enumerate(zip(images, reconstructions, strict=True)):
        apart = (image.astype(np.float32) - back) / 255
        squared[i], absolute[i] = np.square(apart).mean(), np.abs(apart).mean()
    return Reconstruction(squared, absolute)
