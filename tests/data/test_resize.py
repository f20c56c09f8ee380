"""`dataset.resize`: smaller images in every part, and nothing else changes."""

from __future__ import annotations

import numpy as np

from assay.data import describe, load, resolve
from assay.data.pictures import resized


def test_the_shape_is_known_before_and_is_that_of_what_is_loaded():
    spec = {"name": "digits", "resize": 4}
    assert describe(spec).image_shape == (4, 4, 1)
    small, whole = load(spec), load("digits")
    for part in ("train", "validation", "test"):
        got, was = getattr(small, part), getattr(whole, part)
        assert got.images.shape == (len(was), 4, 4, 1)
        assert got.images.dtype == np.uint8
        np.testing.assert_array_equal(got.targets, was.targets)


def test_nothing_changes_where_it_is_not_asked_for():
    assert "resize" not in resolve("digits")
    assert load({"name": "digits", "resize": 8}).fingerprint == load("digits").fingerprint


def test_pixels_are_permuted_after_they_are_resized():
    plain, mixed = (load({"name": "digits", "resize": 4, **more}) for more in ({}, {"permute": 7}))
    assert mixed.permutation is not None
    rows = plain.train.images.reshape(len(plain.train), -1)
    np.testing.assert_array_equal(
        mixed.train.images.reshape(len(rows), -1), rows[:, mixed.permutation]
    )


def test_a_plain_picture_stays_plain_in_every_channel_and_type():
    values = np.array([3, 200], np.uint8)
    for dtype in (np.uint8, np.float32, np.float64):
        images = np.broadcast_to(values, (2, 9, 5, 2)).astype(dtype)
        made = resized(images, 4)
        assert made.shape == (2, 4, 4, 2)
        assert made.dtype == dtype
        np.testing.assert_allclose(made, np.broadcast_to(values, made.shape), atol=1e-3)


def test_small_differences_of_large_numbers_are_kept():
    images = np.random.default_rng(0).integers(0, 17, (3, 9, 5, 2)).astype(float)
    np.testing.assert_allclose(resized(images + 1e9, 4) - 1e9, resized(images, 4), atol=1e-5)
