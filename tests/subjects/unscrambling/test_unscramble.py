"""Pixels put back in order on small drawn images, and clear answers where there is no order."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import assay.subjects.unscrambling.solver.pipeline as pipeline
from assay import data
from assay.core.errors import ConfigError, DataError
from assay.subjects.unscrambling import restoring
from assay.subjects.unscrambling.solver.annealing import energy
from assay.subjects.unscrambling.solver.similarity import partial_correlation, standardised
from assay.subjects.unscrambling.truth import quality


def unscramble(x, shape=None, seed=0):
    """With a tenth of the usual steps: these pictures are small."""
    return pipeline.unscramble(x, shape, seed, effort=0.1)


def blobs(n=1500, height=10, width=10, channels=1, seed=0):
    """Smooth random pictures, uint8 (n, height, width, channels)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    x = np.zeros((n, height, width, channels))
    for _ in range(12):
        r, c = rng.uniform(-2, height + 2, n), rng.uniform(-2, width + 2, n)
        bump = np.exp(-((rows - r[:, None, None]) ** 2 + (columns - c[:, None, None]) ** 2) / 3.0)
        x += bump[..., None] * rng.normal(size=(n, 1, 1, channels))
    x -= x.min()
    return (255 * x / x.max()).astype(np.uint8)


def test_a_channel_that_never_varies_says_nothing():
    x = blobs().reshape(1500, -1, 1)
    constant = np.full_like(x, 200)
    z = standardised(np.concatenate([x, constant], 2))
    assert np.isfinite(z).all()
    assert not z.reshape(len(x), 2, -1)[:, 1].any()


def shuffled(images, seed=1):
    """The images with all pixels permuted, and the true cell of each pixel."""
    flat = images.reshape(len(images), -1, images.shape[-1])
    order = np.random.default_rng(seed).permutation(flat.shape[1])
    return flat[:, order], order


@pytest.mark.parametrize(("height", "width", "channels"), [(10, 10, 1), (8, 12, 3)])
def test_smooth_pictures_are_put_together_again(height, width, channels):
    images = blobs(height=height, width=width, channels=channels)
    x, truth = shuffled(images)
    found = unscramble(x, (height, width))
    score = quality(found.cells, truth, np.full(len(truth), 99.0), (height, width))
    assert score.neighbours == score.in_place == 1
    assert found.found
    assert found.contrast > 3
    assert sorted(found.cells) == list(range(height * width))
    # symmetries aside, what is restored are the pictures
    restored = found.apply(x).reshape(len(x), height, width, channels)
    turned = [restored, restored[:, ::-1], restored[:, :, ::-1], restored[:, ::-1, ::-1]]
    turned += [t.transpose(0, 2, 1, 3) for t in turned if height == width]
    assert any(np.array_equal(t, images) for t in turned)


def test_equal_seed_equal_estimate_and_the_truth_is_out_of_reach():
    x, _ = shuffled(blobs())
    again, other = unscramble(x, seed=0), unscramble(x, seed=1)
    assert np.array_equal(unscramble(x, seed=0).cells, again.cells)
    assert other.null_energy != again.null_energy
    for path in Path(pipeline.__file__).parent.glob("*.py"):
        names = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert not any("truth" in str(n) or "permutation" in str(n) for n in names), path.name


def test_what_never_varies_is_set_aside():
    images = blobs()
    images[:, :, :2] = 7
    x, _ = shuffled(images)
    found = unscramble(x)
    assert found.known.sum() == 80
    assert sorted(found.cells) == list(range(100))


@pytest.mark.parametrize("images", [2000, 60])
def test_noise_has_no_structure(images):
    x = np.random.default_rng(0).integers(0, 256, (images, 100), dtype=np.uint8)
    found = unscramble(x)
    assert not found.found
    assert 0.8 < found.contrast < pipeline.CONTRAST


def test_clear_answers():
    x = np.zeros((50, 100), np.uint8)
    with pytest.raises(
        DataError, match="too few pixels vary from image to image: 0 of 100 in 50 images"
    ):
        unscramble(x)
    with pytest.raises(ConfigError, match="90 pixels do not form a square"):
        unscramble(np.zeros((50, 90)))
    with pytest.raises(ConfigError, match="shape 9x9 has 81 pixels, images 100"):
        unscramble(x, (9, 9))
    with pytest.raises(DataError, match="expected numbers"):
        unscramble(np.array([["a", "b"]]))
    with pytest.raises(DataError, match="not finite"):
        unscramble(np.full((5, 100), np.nan))


def test_partial_correlation_by_hand():
    # a chain a - b - c: given b, a and c have nothing to do with each other
    rng = np.random.default_rng(0)
    b = rng.normal(size=20_000)
    a, c = b + rng.normal(size=b.size), b + rng.normal(size=b.size)
    p = partial_correlation(np.stack([a, b, c], 1).astype(np.float32) / 1.4, 1e-6)
    assert np.array_equal(p, p.T)
    assert abs(p[0, 2]) < 0.02
    assert p[0, 1] > 0.4
    z = standardised(blobs(200).reshape(200, 100, 1))
    np.testing.assert_allclose(z.std(0), 1, atol=1e-3)


def test_energy_and_quality_by_hand():
    p = np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0]], float)
    assert energy(p, np.array([0, 1, 2]), (1, 3)) == 5  # 0-1 and 1-2
    assert energy(p, np.array([0, 3, 1]), (2, 2)) == 2 + 4  # 2 lies between 0 and 1
    truth = np.arange(12)
    exact = quality(truth, truth, np.full(12, 9.0), (3, 4))
    assert (exact.neighbours, exact.in_place, exact.informative) == (1, 1, 12)
    mirrored = quality(truth.reshape(3, 4)[:, ::-1].ravel(), truth, np.full(12, 9.0), (3, 4))
    assert mirrored.in_place == 1
    rolled = quality((truth + 4) % 12, truth, np.full(12, 9.0), (3, 4))
    assert rolled.in_place < rolled.in_place_shifted == pytest.approx(8 / 12)


def test_a_dataset_is_restored_once_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setattr(restoring, "unscramble", unscramble)
    spec = {"name": "digits", "permute": 3, "restore": True}
    first = data.load(spec)
    files = sorted(p.name for p in (tmp_path / "restored").iterdir() if p.suffix == ".safetensors")
    assert len(files) == 1
    monkeypatch.setattr("assay.subjects.unscrambling.restoring.unscramble", lambda train: 1 / 0)
    again = data.load(spec)
    assert np.array_equal(first.test.images, again.test.images)
    assert any("estimated from 1,293 training images" in note for note in first.notes)
    plain = data.load("digits")
    back = data.restore(first.test.images, first.permutation)
    assert np.array_equal(back, plain.test.images)


def test_a_damaged_estimate_of_the_order_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    made: list[int] = []

    class Found:
        order, contrast = np.arange(4), 99.0

    def unscramble(train: np.ndarray) -> Found:
        made.append(1)
        return Found()

    monkeypatch.setattr(restoring, "unscramble", unscramble)
    train = np.zeros((2, 2, 2, 1), np.uint8)
    for times in (1, 1):
        order, contrast = restoring.restored_order(train)
        assert (order.tolist(), contrast, len(made)) == ([0, 1, 2, 3], 99.0, times)
    (path,) = (tmp_path / "restored").glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert restoring.restored_order(train)[1] == 99.0
    assert len(made) == 2


@pytest.mark.parametrize("shape", [(), (5,), (0, 4), (4, 0), (0, 2, 2, 1), (3, 0, 2, 1), (2,) * 5])
def test_arrays_that_hold_no_images_are_refused(shape):
    with pytest.raises(DataError, match=r"cannot unscramble an array \(.*expected numbers"):
        pipeline.unscramble(np.zeros(shape))
