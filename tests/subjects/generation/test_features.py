"""Features learned from drawn pictures notice what is wrong with others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import assay.subjects.generation.encoder as encoder
from assay.core.errors import DataError
from assay.subjects.generation.features import Features, FeatureSettings
from assay.subjects.generation.measures import frechet_distance

QUICK = FeatureSettings(widths=(8, 16, 32), steps=40, pairs=32)


def drawn(n=256, size=24, channels=3, seed=0, kinds=4):
    """Bars, crosses, discs and rings of random place and colour, uint8 (n, size, size, c)."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(kinds, size=n)
    centre = rng.uniform(0.4 * size, 0.6 * size, (2, n, 1, 1))
    r, c = np.mgrid[:size, :size][:, None] - centre
    radius = np.hypot(r, c) / size
    shapes = [abs(c) < 2, (abs(r) < 2) | (abs(c) < 2), radius < 0.3, abs(radius - 0.3) < 0.08]
    shape = np.choose(kind[:, None, None], shapes[:kinds])
    light = rng.uniform(120, 220, (n, 1, 1, channels))
    x = np.where(shape[..., None], light, 255 - light) + rng.normal(0, 5, (n, size, size, channels))
    return np.clip(x, 0, 255).astype(np.uint8)


def spoiled(images, how, strength, seed=7):
    x = images.astype(float)
    if how == "blur":
        x = gaussian_filter(x, (0, strength, strength, 0))
    if how == "noise":
        x += np.random.default_rng(seed).normal(0, strength, x.shape)
    if how == "colour":
        x += strength * np.array([1, 0, -1])
    return np.clip(x, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def features():
    return Features.fit(drawn(), settings=QUICK, cache=False)


@pytest.mark.parametrize(
    ("how", "strengths"),
    [("blur", (0.4, 0.8, 1.6)), ("noise", (8, 20, 50)), ("colour", (8, 20, 50))],
)
def test_every_degradation_raises_the_distance(features, how, strengths):
    real, fake = (features.transform(drawn(seed=s)) for s in (1, 2))
    found = [frechet_distance(real, fake)]
    for strength in strengths:
        worse = features.transform(spoiled(drawn(seed=2), how, strength))
        found.append(frechet_distance(real, worse))
    assert (np.diff(found) > 0).all(), found
    assert found[-1] > 4 * found[0], found


def test_dropped_modes_raise_the_distance(features):
    real = features.transform(drawn(400, seed=1))
    found = [
        frechet_distance(real, features.transform(drawn(seed=2, kinds=k))) for k in (4, 3, 2, 1)
    ]
    assert (np.diff(found) > 0).all(), found


def test_features_are_standardised_and_obey_their_seed(features):
    images = drawn()
    found = features.transform(images)
    assert found.dtype == np.float32
    assert found.shape == (256, 8 + 16 + 32 + 8)
    assert found.mean(0) == pytest.approx(np.zeros(64), abs=1e-3)
    assert found.std(0) == pytest.approx(np.ones(64), abs=1e-3)
    state = torch.random.get_rng_state()
    again = Features.fit(images, settings=QUICK, cache=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(again.transform(images), found)
    other = Features.fit(images, seed=1, settings=QUICK, cache=False)
    assert np.abs(other.transform(images) - found).max() > 0.1
    # one picture alone has the features that it has among others
    assert features.transform(images[3:4])[0] == pytest.approx(found[3], abs=1e-4)
    assert features.distance(images[:9], images[:9]) == pytest.approx(np.zeros(9), abs=1e-6)
    assert (features.distance(images[:9], drawn(9, seed=3)) > 0.1).all()


def test_the_cache_knows_its_images_and_survives_damage(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    settings = FeatureSettings(widths=(4, 8), steps=3, pairs=8)
    images = drawn(40, size=16)
    made = Features.fit(images, settings=settings)
    (kept,) = (tmp_path / "features").glob("*.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "learn", lambda *a, **k: pytest.fail("learned again"))
        found = Features.fit(images, settings=settings)
    assert np.array_equal(found.transform(images), made.transform(images))
    assert found.about == made.about
    kept.write_bytes(kept.read_bytes()[:100])
    repaired = Features.fit(images, settings=settings)
    assert np.array_equal(repaired.transform(images), made.transform(images))
    images[0, 0, 0, 0] ^= 1
    Features.fit(images, settings=settings)
    Features.fit(images, seed=1, settings=settings)
    assert len(list((tmp_path / "features").glob("*.safetensors"))) == 3


@pytest.mark.parametrize("shape", [(16, 24, 1), (64, 48, 3)])
def test_other_shapes_grey_constant_and_equal_pictures(shape):
    settings = FeatureSettings(widths=(4, 8), steps=3, pairs=8)
    images = np.zeros((32, *shape), np.uint8)
    found = Features.fit(images, settings=settings, cache=False).transform(images)
    assert found.shape == (32, 16)
    assert not found.any()


def test_wrong_pictures_and_files_are_refused_in_words(features, tmp_path):
    with pytest.raises(DataError, match=r"float64 array of shape \(3, 3\), expected uint8 images"):
        Features.fit(np.zeros((3, 3)))
    with pytest.raises(DataError, match="images: 5 images, expected at least 32"):
        Features.fit(drawn(5))
    with pytest.raises(DataError, match="12x12 pixels, expected at least 16x16"):
        Features.fit(drawn(40, size=12))
    with pytest.raises(DataError, match=r"expected \(24, 24, 3\), that of the images that the"):
        features.transform(drawn(5, size=16))
    with pytest.raises(DataError, match="there is no such file"):
        Features.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a file of features"):
        Features.load(tmp_path / "bad.safetensors")
