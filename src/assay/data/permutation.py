"""A fixed permutation of all pixels, which destroys the spatial structure of images."""

from __future__ import annotations

import numpy as np

from assay.core.seeds import stream

__all__ = ["permute", "pixel_permutation", "restore"]


def pixel_permutation(seed: int, height: int, width: int) -> np.ndarray:
    """Return the source position of each pixel, int64 (height * width,)."""
    return stream(seed, "permutation").permutation(height * width)


def permute(images: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Permute the pixels of every image in the same way; the channels of a pixel stay together.

    Args:
        images: (n, height, width, channels).
        permutation: (height * width,), source position of each pixel.
    """
    pixels = images.reshape(len(images), len(permutation), -1)
    return np.take(pixels, permutation, axis=1).reshape(images.shape)


def restore(images: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Undo `permute`."""
    return permute(images, np.argsort(permutation))
