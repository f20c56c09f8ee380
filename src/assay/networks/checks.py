"""Checks of weights against a network description, before the network is built."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from assay.core.errors import NetworkError, unknown_name
from assay.networks.layers import MaxPool2D
from assay.networks.network import Network, weight_shapes

__all__ = ["LARGEST", "check_weights", "widest"]

LARGEST = 1 << 24
"""Maximum size of a feature map for one image, in a network from a file."""


def widest(network: Network) -> int:
    """Return the size of the largest feature map for one image, with the padding of pools."""
    sizes = [math.prod(network.input_shape)]
    for place in network.leaves():
        sizes.append(math.prod(place.output_shape))
        if isinstance(place.layer, MaxPool2D):
            height, width, channels = place.input_shape
            room = place.layer.pool_size
            sizes.append((height + room) * (width + room) * channels)
    return max(sizes)


def check_weights(network: Network, weights: Mapping[str, np.ndarray]) -> None:
    """Check that these are the weights of this network, and finite.

    A small description may need any amount of memory; weights of the right shapes, and maps of
    limited size, limit it.

    Raises:
        NetworkError: they are not, or the network is too large; the message names the tensor.
    """
    shapes = weight_shapes(network)
    for name, shape in shapes.items():
        if name not in weights:
            raise NetworkError(f"tensor {name!r} is missing, the network needs one of {shape}")
        found = weights[name]
        if found.shape != shape:
            raise NetworkError(f"tensor {name!r} is {found.shape}, the network needs {shape}")
        if found.dtype.kind != "f":
            raise NetworkError(f"tensor {name!r} is {found.dtype}, expected floating-point numbers")
        if not np.isfinite(found).all():
            raise NetworkError(f"tensor {name!r} contains numbers that are not finite")
        if name.endswith(".moving_variance") and found.min() < 0:
            raise NetworkError(f"tensor {name!r} contains negative variances")
    for name in weights:
        if name not in shapes:
            raise NetworkError(unknown_name("tensor", name, shapes))
    if (size := widest(network)) > LARGEST:
        raise NetworkError(
            f"one image becomes {size:,} numbers in a layer of the network, the limit is "
            f"{LARGEST:,}"
        )
