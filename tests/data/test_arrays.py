"""Datasets made of arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import ConfigError, DataError
from assay.data.arrays import dataset_of, held_out
from assay.data.dataset import Split
from assay.data.loading import normalisation


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.3, 14.62, -123.456, 0.0])
def test_a_channel_that_never_changes_has_a_deviation_of_exactly_1(dtype, value):
    images = np.random.default_rng(0).random((200, 8, 8, 3)).astype(dtype)
    images[..., 2] = value
    mean, std = normalisation("standard", images)
    assert std[2] == 1
    assert mean[2] == images[0, 0, 0, 2]


@pytest.mark.parametrize(
    ("scale", "offset", "dtype"),
    [
        (1e-9, 0, np.float32),
        (1e-37, 0, np.float32),
        (1e37, 0, np.float32),
        (1, 1e6, np.float32),
        (1e-37, 0, np.float64),
        (1e250, 0, np.float64),
        (1e-3, 1e9, np.float64),
    ],
)
def test_values_of_any_size_are_normalised_alike(scale, offset, dtype):
    values = np.random.default_rng(0).integers(0, 17, (300, 4, 4, 1))
    images = (values * scale + offset).astype(dtype)
    mean, std = normalisation("standard", images)
    assert mean.dtype == std.dtype == dtype
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose((images - mean) / std, expected, atol=1e-2)


def test_a_deviation_always_has_a_reciprocal():
    images = np.zeros((2, 1, 1, 1), np.float32)
    images[0] = np.finfo(np.float32).smallest_subnormal
    mean, std = normalisation("standard", images)
    assert np.isfinite((images - mean) * (1 / std)).all()


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [
        (bool, np.float32),
        (np.uint8, np.uint8),
        (np.int8, np.float32),
        (np.uint16, np.float32),
        (np.float16, np.float32),
        (np.int64, np.float64),
    ],
)
def test_numbers_of_every_type_train(dtype, becomes):
    split = Split(np.arange(8).reshape(8, 1, 1, 1).astype(dtype), np.arange(8) % 2)
    made = dataset_of(split, split, ("a", "b"))
    for part in (made.train, made.validation, made.test):
        assert part.images.dtype == becomes
    assert made.std == pytest.approx(split.images.astype(float).std())


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.full((2, 1, 1, 1), np.nan), "training images hold 2 values that are NaN or infinite"),
        (
            np.array([1, np.inf]).reshape(2, 1, 1, 1),
            r"hold 1 value that is .*, first at \[1, 0, 0, 0\]",
        ),
        (np.ones((2, 1, 1, 1), complex), "must be real numbers, got an array of complex128"),
        (np.full((2, 1, 1, 1), "a"), "must be real numbers, got an array of <U1"),
        (np.ones((2, 3)), r"must be \(n, height, width, channels\).*got .* shape \(2, 3\)"),
        (np.ones((0, 1, 1, 1)), r"got an array of shape \(0, 1, 1, 1\)"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images, said):
    split = Split(images, np.zeros(len(images), np.int64))
    with pytest.raises(DataError, match=said):
        dataset_of(split, split, ("a", "b"))


def test_images_of_any_numbers_can_be_looked_at():
    from assay.data.arrays import displayable

    bytes_ = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(displayable(bytes_), bytes_)
    floats = np.array([[-1.0, 0.0], [0.5, 1.0]])[..., None]
    assert displayable(floats)[..., 0].tolist() == [[0, 128], [191, 255]]
    assert displayable(np.full((2, 2, 1), 7.5)).max() == 0
    assert displayable(np.array([-1e308, 1e308]).reshape(1, 2, 1)).ravel().tolist() == [0, 255]
    assert displayable(np.stack([bytes_[..., 0]] * 2, -1)).tolist() == [[[0], [85]], [[170], [255]]]
