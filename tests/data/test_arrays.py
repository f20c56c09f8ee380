"""Datasets made of arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import ConfigError, DataError
from assay.data.arrays import dataset_of, held_out
from assay.data.dataset import Split


def numbered(count: int) -> Split:
    """Images that are their own number; three of four are of class 0."""
    images = np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1)
    return Split(images, (np.arange(count) % 4 == 3).astype(np.int64))


def test_held_out_samples_are_stratified_and_follow_the_seed():
    data = numbered(80)
    train, validation = held_out(data, 0.2, seed=1)
    assert (len(train), len(validation)) == (64, 16)
    assert sorted(np.concatenate([train.images, validation.images]).ravel()) == list(range(80))
    assert validation.targets.sum() == 4
    for split in (train, validation):
        np.testing.assert_array_equal(split.images.ravel().astype(int) % 4 == 3, split.targets)
    np.testing.assert_array_equal(held_out(data, 0.2, seed=1)[1].images, validation.images)
    assert not np.array_equal(held_out(data, 0.2, seed=2)[1].images, validation.images)
    with pytest.raises(DataError, match="validation takes 2 of n_samples=2"):
        held_out(numbered(2), 0.9, seed=0)


def test_statistics_of_bytes_and_of_floats_are_those_of_numpy():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 3, 2, 2)).astype(np.uint8)
    for array in (images, images.astype(np.float32), images / 1e3 + 1e3):
        split = Split(array, np.zeros(300, np.int64))
        made = dataset_of(split, split, ("a", "b"))
        np.testing.assert_allclose(made.mean, array.mean((0, 1, 2)), rtol=1e-5)
        np.testing.assert_allclose(made.std, array.std((0, 1, 2)), rtol=1e-5)
    with pytest.raises(ConfigError, match="'standart'; did you mean 'standard'"):
        dataset_of(split, split, ("a", "b"), "standart")
