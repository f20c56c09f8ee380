"""Weights that follow from the training images: the filters of whitening convolutions."""

from __future__ import annotations

import numpy as np

from assay.core.seeds import stream
from assay.data.dataset import FitData
from assay.networks.image_layers import Whitening
from assay.networks.network import Network

__all__ = ["FILTERS", "from_images", "whitening_filters"]

FILTERS = 2
"""Version of the images that the filters are computed of. Version 1 took the first ones."""

_IMAGES, _ROWS = 5_000, 500
"""Training images that the covariance is computed of, and how many of them at a time."""


def from_images(network: Network, data: FitData) -> dict[str, np.ndarray]:
    """The filters of a network's whitening by name, as `initial_weights` names and lays them out;
    empty for a network without.
    """
    found = {}
    for place in network.leaves():
        if isinstance(place.layer, Whitening):
            images = data.train.images
            # drawn: in a user's own data, the first ones may all be of one class
            drawn = stream(0, "whitening").permutation(len(images))[:_IMAGES]
            images = images[np.sort(drawn)]
            found[f"{place.name}.filters"] = whitening_filters(
                images, place.layer.kernel_size, place.layer.epsilon, data.mean, data.std
            )
    return found


def whitening_filters(
    images: np.ndarray,
    size: int,
    epsilon: float,
    mean: np.ndarray | float = 0.0,
    std: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Filters that whiten patches of images.

    Args:
        images: (n, h, w, c).
        size: side of the patches.
        epsilon: added to the eigenvalues of the patches' covariance.
        mean, std: of each channel, (c,), taken off and divided by first.

    Returns:
        float32 (size, size, c, 2 size^2 c): the eigenvectors, largest eigenvalue first, each
        divided by the root of its eigenvalue plus epsilon, then their negatives. Of each vector and
        its negative the one comes first whose largest number is positive.
    """
    n, h, w, c = images.shape
    dimensions = size * size * c
    total, products, count = np.zeros(dimensions), np.zeros((dimensions, dimensions)), 0
    for start in range(0, n, _ROWS):
        part = (images[start : start + _ROWS].astype(np.float64) - mean) / std
        rows, columns = h - size + 1, w - size + 1
        shifted = [part[:, i : i + rows, j : j + columns] for i in range(size) for j in range(size)]
        patches = np.concatenate(shifted, -1).reshape(-1, dimensions)
        total, products = total + patches.sum(0), products + patches.T @ patches
        count += len(patches)
    middle = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(middle, middle))
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], 0)
    filters = vectors * np.sign(largest) / np.sqrt(values.clip(0) + epsilon)
    both = np.concatenate([filters, -filters], 1)
    return both.reshape(size, size, c, 2 * dimensions).astype(np.float32)
