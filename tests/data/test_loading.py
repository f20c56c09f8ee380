"""Loaded datasets: their parts, their permutation, their statistics, their identity."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from assay import data
from assay.data.permutation import permute, pixel_permutation
from assay.data.specs import NORMALIZE


def rows(split):
    return {
        image.tobytes() + bytes([target])
        for image, target in zip(*vars(split).values(), strict=True)
    }


def test_digits_are_those_of_scikit_learn_which_is_not_imported_for_them():
    from sklearn.datasets import load_digits

    from assay.data.digits import _values

    for mine, theirs in zip(_values(), load_digits(return_X_y=True), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    script = "import sys, assay.data; assay.data.load('digits'); print('sklearn' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"


def test_digits_keep_their_values_and_no_image_is_in_two_parts():
    dataset = data.load("digits")
    assert dataset.image_shape == (8, 8, 1)
    images = np.concatenate([p.images for p in (dataset.train, dataset.validation, dataset.test)])
    assert images.dtype == np.uint8
    assert len(images) == 1797
    assert set(np.unique(images)) == {round(v * 255 / 16) for v in range(17)}
    parts = [rows(p) for p in (dataset.train, dataset.validation, dataset.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert np.ptp(np.bincount(dataset.test.targets)) <= 2
    assert "no official test set" in dataset.notes[0]


def test_the_test_set_is_the_same_whatever_a_study_asks_for():
    plain = data.load("digits")
    other = data.load({"name": "digits", "train": 200, "validation": 0.3, "split_seed": 9})
    assert np.array_equal(plain.test.images, other.test.images)
    assert not np.array_equal(plain.validation.images, other.validation.images)


def test_statistics_are_those_of_the_training_images_alone():
    dataset = data.load({"name": "digits", "train": 300})
    assert dataset.mean == pytest.approx(dataset.train.images.mean((0, 1, 2)), rel=1e-6)
    assert dataset.std == pytest.approx(dataset.train.images.std((0, 1, 2)), rel=1e-6)
    assert dataset.mean.dtype == dataset.std.dtype == np.float32


def test_a_permutation_is_one_for_all_images_and_can_be_undone():
    plain = data.load("digits")
    mixed = data.load({"name": "digits", "permute": 7})
    for part in ("train", "validation", "test"):
        before, after = getattr(plain, part), getattr(mixed, part)
        assert not np.array_equal(before.images, after.images)
        assert np.array_equal(data.restore(after.images, mixed.permutation), before.images)
        assert np.array_equal(before.targets, after.targets)
    again = data.load({"name": "digits", "permute": 7}).permutation
    other = data.load({"name": "digits", "permute": 8}).permutation
    assert np.array_equal(mixed.permutation, again)
    assert not np.array_equal(mixed.permutation, other)
    assert mixed.mean == pytest.approx(plain.mean)


def test_the_channels_of_a_pixel_stay_together():
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    permutation = pixel_permutation(0, 3, 4)
    moved = permute(images, permutation)
    for target, source in enumerate(permutation):
        expected = images[:, source // 4, source % 4]
        assert np.array_equal(moved[:, target // 4, target % 4], expected)


def test_the_fingerprint_is_that_of_the_content():
    prints = [
        data.load(spec).fingerprint
        for spec in (
            "digits",
            {"name": "digits", "split_seed": 1},
            {"name": "digits", "permute": 0},
        )
    ]
    assert len(set(prints)) == 3
    assert data.load("digits").fingerprint == prints[0]


def test_the_batch_plan_depends_on_seed_and_epoch():
    order = data.batch_order(3, 0, 100)
    assert sorted(order) == list(range(100))
    assert order.dtype == np.int64
    assert np.array_equal(order, data.batch_order(3, 0, 100))
    assert not np.array_equal(order, data.batch_order(3, 1, 100))
    assert not np.array_equal(order, data.batch_order(4, 0, 100))


MNIST = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.parametrize(
    ("name", "train", "test", "mean"),
    [
        ("mnist", MNIST, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], [33.318]),
        ("fashion-mnist", [6000] * 10, [1000] * 10, [72.940]),
        ("cifar10", [5000] * 10, [1000] * 10, [125.307, 122.950, 113.865]),
    ],
)
def test_the_real_files_hold_what_their_authors_say(real_data, name, train, test, mean):
    dataset = data.load({"name": name, "validation": 0}, real_data)
    assert np.bincount(dataset.train.targets).tolist() == train
    assert np.bincount(dataset.test.targets).tolist() == test
    assert dataset.mean == pytest.approx(mean, abs=1e-3)
    info = data.describe({"name": name, "validation": 0})
    assert (info.train, info.test) == (len(dataset.train), len(dataset.test))
    assert info.image_shape == dataset.image_shape
    assert data.find(name, real_data).is_dir()


@pytest.mark.parametrize("kind", NORMALIZE)
def test_networks_see_pixels_as_the_study_says(kind):
    spec = {"name": "digits", "normalize": kind}
    dataset, usual = data.load(spec), data.load("digits")
    assert ("normalize" in dataset.spec) == (kind != "standard")
    x = usual.train.images.astype(float)
    expected = {
        "standard": (x - x.mean()) / x.std(),
        "center": x - x.mean(),
        "unit": x / 255,
        "none": x,
    }[kind]
    np.testing.assert_allclose((x - dataset.mean) / dataset.std, expected, rtol=1e-4, atol=1e-4)


def test_a_dataset_validated_on_its_test_images_trains_on_all_others_and_says_so():
    plain = data.load("digits")
    tuned = data.load({"name": "digits", "validate_on_test": True})
    assert rows(tuned.train) == rows(plain.train) | rows(plain.validation)
    np.testing.assert_array_equal(tuned.validation.images, tuned.test.images)
    np.testing.assert_array_equal(tuned.test.images, plain.test.images)
    assert "read while tuning" in " ".join(tuned.notes)
    assert "read while tuning" not in " ".join(plain.notes)
    assert data.resolve(tuned.spec) == tuned.spec


def test_a_dataset_at_a_prompt_is_one_line():
    loaded = data.load({"name": "digits", "train": 100, "validation": 50})
    assert (
        repr(loaded)
        == "<Dataset digits: train=100, validation=50, test=360 images 8x8x1, 10 classes>"
    )
    assert repr(loaded.train) == "<Split: images (100, 8, 8, 1), targets (100,)>"
