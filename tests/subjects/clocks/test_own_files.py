"""Clocks: the user's own files and the rendered ones."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.errors import ConfigError, DataError
from assay.data import describe, load
from assay.data.catalog import ENTRIES


def write(folder, images=None, labels=None):
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (1440, 6, 7), np.uint8)
    if labels is None:
        minutes = np.arange(1440) // 2
        labels = np.stack([minutes // 60, minutes % 60], -1)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    return images, labels


def test_the_courses_files_are_used_as_they_are(tmp_path):
    images, labels = write(tmp_path)
    info, dataset = describe("clocks", tmp_path), load("clocks", tmp_path)
    assert info.image_shape == dataset.image_shape == (6, 7, 1)
    assert (info.train, info.validation, info.test) == (1037, 115, 288)
    parts = [dataset.train, dataset.validation, dataset.test]
    assert [len(p) for p in parts] == [1037, 115, 288]
    # every picture with its own label, none twice
    known = {image.tobytes(): tuple(label) for image, label in zip(images, labels, strict=True)}
    seen = [image.tobytes() for p in parts for image in p.images]
    assert len(set(seen)) == 1440
    for part in parts:
        for image, target in zip(part.images, part.targets, strict=True):
            assert known[image.tobytes()] == tuple(target)


def test_of_few_clocks_one_is_for_testing(tmp_path):
    write(tmp_path, np.zeros((2, 6, 7), np.uint8), np.array([[1, 0], [2, 0]]))
    raw = ENTRIES["clocks"].read({"name": "clocks"}, tmp_path)
    assert (len(raw.train), len(raw.test)) == (1, 1)
    survey = ENTRIES["clocks"].survey({"name": "clocks"}, tmp_path)
    assert (survey.train, survey.test) == (1, 1)


def test_rows_sorted_by_time_are_split_by_time(tmp_path):
    minutes = np.arange(7200) // 10
    write(tmp_path, np.zeros((7200, 4, 4), np.uint8), np.stack([minutes // 60, minutes % 60], -1))
    test = load("clocks", tmp_path).test.targets
    counts = np.bincount(60 * test[:, 0] + test[:, 1], minlength=720)
    assert counts.min() == counts.max() == 2


def test_hour_twelve_is_hour_zero(tmp_path):
    _, labels = write(tmp_path)
    write(tmp_path, labels=np.where(labels == [[0, -1]], [[12, 0]], labels))
    assert load("clocks", tmp_path).train.targets[:, 0].max() == 11


PLENTY = np.zeros((9, 4, 4), np.uint8)
TIMES = np.zeros((9, 2), int)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (PLENTY.astype(float), TIMES, r"images.npy: expected uint8 .*got float64 \(9, 4, 4\)"),
        (PLENTY[0], TIMES, r"images.npy: expected uint8 \(n, height, width\), got uint8 \(4, 4\)"),
        (PLENTY, TIMES[:, 0], r"labels.npy: expected whole numbers \(n, 2\).*\(9,\)"),
        (PLENTY, TIMES.astype(float), r"labels.npy: expected whole numbers"),
        (PLENTY, TIMES[:8], r"labels.npy: 8 labels for 9 images"),
        (PLENTY, TIMES + np.array([13, 0]), r"labels.npy: row 0 has hour 13, expected 0 to 12"),
        (PLENTY, TIMES + np.array([0, 60]), r"labels.npy: row 0 has minute 60, expected 0 to 59"),
        (PLENTY, TIMES - np.array([0, 1]), r"labels.npy: row 0 has minute -1"),
    ],
)
def test_wrong_files_are_named(tmp_path, images, labels, message):
    write(tmp_path, images, labels)
    with pytest.raises(DataError, match=message):
        load("clocks", tmp_path)


def test_pickled_arrays_are_refused(tmp_path):
    write(tmp_path)
    np.save(tmp_path / "labels.npy", np.array([{"hour": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"labels.npy: cannot be read as a .npy file of numbers"):
        load("clocks", tmp_path)


def test_damaged_headers_are_named(tmp_path):
    write(tmp_path)
    whole = (tmp_path / "images.npy").read_bytes()
    for old, new in (
        (b"'shape'", b"'whape"),
        (b"1440", b"True"),
        (b"|u1", b"|utrue"),
        (b"(", b"(("),
    ):
        (tmp_path / "images.npy").write_bytes(whole.replace(old, new, 1))
        with pytest.raises(
            DataError, match=r"images.npy: cannot be read as a .npy file of numbers"
        ):
            load("clocks", tmp_path)


def test_damaged_and_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"needs images.npy and labels.npy; looked in"):
        load("clocks", tmp_path)
    write(tmp_path)
    (tmp_path / "images.npy").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"images.npy: cannot be read"):
        load("clocks", tmp_path)
    (tmp_path / "images.npy").unlink()
    with pytest.raises(DataError, match=r"has labels.npy, but no images.npy"):
        load("clocks", tmp_path)


SMALL = {"name": "clocks-rendered", "size": 24, "train": 40, "validation": 20, "test": 30}


def test_rendered_clocks_are_drawn_only_where_asked_for():
    dataset = load(SMALL)
    assert dataset.image_shape == (24, 24, 1)
    assert [len(p) for p in (dataset.train, dataset.validation, dataset.test)] == [40, 20, 30]
    assert dataset.train.targets.shape == (40, 5)
    larger = load(SMALL | {"train": 60})
    rows = {tuple(t) for t in larger.train.targets}
    assert all(tuple(t) in rows for t in dataset.train.targets)
    assert load(SMALL).fingerprint == dataset.fingerprint
    assert load(SMALL | {"seed": 1}).fingerprint != dataset.fingerprint
    assert load(SMALL | {"style": "any"}).fingerprint != dataset.fingerprint


def test_there_can_be_more_clocks_for_each_time():
    few = {"name": "clocks-rendered", "size": 24, "train": None, "validation": 720, "test": 30}
    dataset = load(few | {"per_time": 2})
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (720, 720, 30)
    hour, minute = dataset.train.targets[:, 0], dataset.train.targets[:, 1]
    assert len({*(60 * hour + minute)}) == 720


def test_fresh_clocks_are_others_in_every_epoch_and_the_same_again():
    assert load(SMALL).fresh is None
    fresh = load(SMALL | {"fresh": True}).fresh
    assert fresh is not None
    first, second, again = fresh(0), fresh(1), fresh(0)
    assert len(first) == 40
    assert (first.images == again.images).all()
    assert (first.images != second.images).any()


def test_fresh_clocks_can_have_more_glare_and_a_dataset_without_it_stays_itself():
    usual, asked = (load(SMALL | {"fresh": True, "glare": g}) for g in (0.0, 0.5))
    assert "glare" not in usual.spec
    assert asked.spec["glare"] == 0.5
    assert (usual.test.images[:] == asked.test.images[:]).all()
    assert asked.fresh is not None
    assert usual.fresh is not None
    times = [np.sort(d.fresh(0).targets[:, 0]) for d in (usual, asked)]
    assert (times[0] == times[1]).all()
    assert (asked.fresh(0).images != usual.fresh(0).images).any()


def test_fresh_clocks_can_look_like_photos_with_the_directions_seen_in_them():
    usual, asked = (load(SMALL | {"fresh": True, "photo_like": s}) for s in (0.0, 1.0))
    assert "photo_like" not in usual.spec
    assert (usual.test.images[:] == asked.test.images[:]).all()
    assert asked.fresh is not None
    assert usual.fresh is not None
    plain, photos, again = usual.fresh(0), asked.fresh(0), asked.fresh(0)
    assert (photos.images == again.images).all()
    assert (photos.images != plain.images).any((1, 2, 3)).all()
    assert (photos.targets[:, :2] == plain.targets[:, :2]).all()
    moved = (photos.targets[:, 2:] - plain.targets[:, 2:]) % 1
    assert np.allclose(np.abs((moved - moved[:, :1] + 0.5) % 1 - 0.5), 0, atol=1e-5)
    assert 0 < (moved[:, 0] > 0).mean() < 0.7  # a third of them is rotated
    hidden = load(SMALL | {"fresh": True, "photo_like": 1.0, "angles": False})
    assert hidden.fresh is not None
    assert (hidden.fresh(0).images == photos.images).all()


def test_angles_can_be_hidden():
    assert load(SMALL | {"angles": False}).train.targets.shape == (40, 2)


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match=r"dataset.style: unknown style of clocks 'cours'"):
        load(SMALL | {"style": "cours"})
    with pytest.raises(ConfigError, match=r"dataset.size must be a whole number from 24 to 512"):
        load(SMALL | {"size": 3})
    with pytest.raises(ConfigError, match=r"dataset.fresh must be true or false, got 3"):
        load(SMALL | {"fresh": 3})
    with pytest.raises(
        ConfigError, match=r"dataset.per_time must be a whole number from 1 to 1000, got 0"
    ):
        load(SMALL | {"per_time": 0})
    with pytest.raises(ConfigError, match=r"dataset.glare must be a share from 0 to 1, got 2"):
        load(SMALL | {"fresh": True, "glare": 2})
    with pytest.raises(ConfigError, match=r"dataset.glare .* needs dataset.fresh: true"):
        load(SMALL | {"glare": 0.5})
    with pytest.raises(ConfigError, match=r"dataset.photo_like .* needs dataset.fresh: true"):
        load(SMALL | {"photo_like": 0.5})
