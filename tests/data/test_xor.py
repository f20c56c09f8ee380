"""The dataset xor: its corners, its classes, its noise."""

from __future__ import annotations

import numpy as np

from assay.data import load


def test_without_noise_it_is_the_table_of_xor():
    data = load({"name": "xor", "noise": 0})
    for part in (data.train, data.validation, data.test):
        points = part.images.reshape(-1, 2)
        assert set(map(tuple, points.tolist())) == {(-1, -1), (-1, 1), (1, -1), (1, 1)}
        np.testing.assert_array_equal(part.targets, points[:, 0] * points[:, 1] < 0)


def test_noise_has_the_deviation_that_is_asked_for():
    test = load({"name": "xor", "noise": 0.1}).test
    points = test.images.reshape(-1, 2)
    noise = points - np.sign(points)  # ten deviations away from the other sign
    assert abs(noise.std() - 0.1) < 0.01
    assert abs(noise.mean()) < 0.01
    assert np.bincount(test.targets).tolist() == [500, 500]
