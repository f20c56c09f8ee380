"""ZCA whitening of a dataset."""

from __future__ import annotations

import numpy as np
import pytest

from assay import data
from assay.core.errors import ConfigError
from assay.data.zca import ZCA, whitener

SPEC = {"name": "digits", "train": 1000}


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(float)


def test_pixels_of_training_images_are_uncorrelated():
    mean, matrix = whitener(data.load(SPEC).train.images, 1e-9)
    white = (flat(data.load(SPEC).train.images) - mean) @ matrix
    covariance = np.cov(white.T, bias=True)
    vary = np.diag(covariance) > 0.5  # three pixels are always black
    assert vary.sum() > 55
    np.testing.assert_allclose(covariance[vary][:, vary], np.eye(vary.sum()), atol=0.02)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_small_differences_of_large_numbers_are_kept():
    near = data.load(SPEC).train.images[:300].astype(float)
    white = [
        ZCA.fit({"zca_whitening": 0.1}, images, None).apply(images) for images in (near, near + 1e9)
    ]
    np.testing.assert_allclose(*white, atol=1e-4)


def test_it_is_fitted_on_training_images_alone_and_applied_to_all():
    plain, white = data.load(SPEC), data.load({**SPEC, "zca_whitening": 0.1})
    mean, matrix = whitener(plain.train.images, 0.1)
    for part in ("train", "validation", "test"):
        images, own = getattr(white, part).images, getattr(plain, part).images
        assert images.dtype == np.float32
        assert images.shape == own.shape
        np.testing.assert_allclose(flat(images), (flat(own) - mean) @ matrix, atol=1e-3)
    assert white.fingerprint != plain.fingerprint
    default = data.load({**SPEC, "zca_whitening": True})
    np.testing.assert_array_equal(default.test.images, white.test.images)


def test_permuted_images_are_whitened_to_the_same_values():
    plain, mixed = (
        data.load({**SPEC, "zca_whitening": True, "permute": seed}) for seed in (None, 7)
    )
    restored = data.restore(mixed.test.images, mixed.permutation)
    np.testing.assert_allclose(restored, plain.test.images, atol=1e-3)


def test_it_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    images = data.load({**SPEC, "train": 900}).train.images
    first = whitener(images, 0.2)
    monkeypatch.setattr("assay.data.zca._fitted", None)
    for kept, made in zip(whitener(images, 0.2), first, strict=True):
        np.testing.assert_array_equal(kept, made)


def test_images_that_are_all_alike():
    images = np.full((5, 2, 2, 1), 7, np.uint8)
    mean, matrix = whitener(images, 0.1)
    assert mean.tolist() == [7] * 4
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("value", ["yes", 0, -1, 1e-300, float("nan")])
def test_errors_say_what_is_expected(value: object):
    with pytest.raises(ConfigError, match=r"dataset\.zca_whitening.*true, or epsilon, a number"):
        data.resolve({**SPEC, "zca_whitening": value})


def test_off_is_not_part_of_the_identity():
    assert data.resolve({**SPEC, "zca_whitening": False}) == data.resolve(SPEC)
