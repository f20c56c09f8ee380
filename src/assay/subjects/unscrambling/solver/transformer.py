"""The estimate as a scikit-learn transformer."""

from __future__ import annotations

import numpy as np

from assay.core.errors import ConfigError
from assay.subjects.unscrambling.solver.pipeline import Restoration, unscramble

__all__ = ["Unscrambler"]


class Unscrambler:
    """Learns the positions of the pixels from training images, then puts any images in order.

    Example:
        >>> restored = Unscrambler(shape=(28, 28)).fit(train).transform(test)  # doctest: +SKIP

    Args:
        shape: (height, width); the square when the number of pixels is one.
        seed: equal seeds give equal estimates.
        effort: share of the usual annealing steps.

    Attributes:
        restoration_: what `fit` found.
    """

    def __init__(self, shape: tuple[int, int] | None = None, seed: int = 0, effort: float = 1.0):
        self.shape, self.seed, self.effort = shape, seed, effort

    def fit(self, x: np.ndarray, y: object = None) -> Unscrambler:
        """Estimate from images (images, pixels), as `unscramble` takes them."""
        self.restoration_: Restoration = unscramble(x, self.shape, self.seed, self.effort)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """The images in order; raises ConfigError when they have another number of pixels."""
        pixels = len(self.restoration_.cells)
        if x.ndim < 2 or int(np.prod(x.shape[1:])) % pixels:
            raise ConfigError(f"expected images of {pixels} pixels, got an array {x.shape}")
        return self.restoration_.apply(x)

    def fit_transform(self, x: np.ndarray, y: object = None) -> np.ndarray:
        """`fit` and `transform` of the same images."""
        return self.fit(x, y).transform(x)
