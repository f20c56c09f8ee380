"""Weights beside the network that they are said to be of."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import NetworkError
from assay.networks.checks import check_weights, widest
from assay.networks.families import FAMILIES, build_network
from assay.networks.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, Residual
from assay.networks.network import Network, initial_weights, weight_shapes

SINGLE = [name for name in FAMILIES if not (FAMILIES[name].made or FAMILIES[name].network)]


@pytest.mark.parametrize("family", SINGLE)
def test_shapes_are_known_before_weights_are_drawn(family):
    network = build_network(family, (48, 48, 1), {"class": 10})
    weights = initial_weights(network, 0)
    assert weight_shapes(network) == {name: array.shape for name, array in weights.items()}
    check_weights(network, weights)


def test_maps_are_bounded_for_one_image():
    layers = (Residual((Conv2D(7, 3), BatchNorm())), MaxPool2D(2), Flatten())
    network = Network((8, 6, 3), layers, (("class", (Dense(2),)),))
    assert widest(network) == 8 * 6 * 7 * 10 * 8 // 48  # what the pool may put round its 8x6x7
    pool = MaxPool2D(100_000, 1, "same")
    wide = Network((8, 6, 3), (pool, Flatten()), (("class", (Dense(2),)),))
    with pytest.raises(NetworkError, match=r"one image becomes 30,\d+,\d+,\d+ numbers in a layer"):
        check_weights(wide, initial_weights(wide, 0))


def test_a_network_of_any_size_is_refused_by_its_weights():
    network = Network((8, 8, 1), (Flatten(), Dense(10**14)), (("class", (Dense(2),)),))
    with pytest.raises(NetworkError, match=r"'trunk.1.kernel' is \(64, 1\), the network needs"):
        check_weights(network, {"trunk.1.kernel": np.zeros((64, 1), np.float32)})
