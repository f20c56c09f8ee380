"""Near-duplicates: what the hash finds, what it leaves alone, and where such images go."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from assay import data
from assay.data.dataset import Dataset, Split
from assay.data.near_duplicates import (
    difference_hash,
    near_pairs,
    near_training,
    twin_notes,
    with_twin,
)
from assay.data.permutation import permute
from assay.data.splits import hold_out


def photos(count, side=48, seed=0):
    """Smooth random colour pictures, as varied as photos are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    images = [Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC) for x in coarse]
    return np.stack([np.asarray(image) for image in images])


def again(image, change):
    picture = Image.fromarray(image)
    if change == "compressed":
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=40)
        return np.asarray(Image.open(buffer))
    if change == "scaled":
        small = picture.resize((24, 24), Image.Resampling.BILINEAR)
        return np.asarray(small.resize(picture.size, Image.Resampling.BILINEAR))
    if change == "grey":
        return np.asarray(ImageOps.grayscale(picture).convert("RGB"))
    return np.asarray(picture.point(lambda v: 255 * (v / 255) ** 0.6))  # brighter


@pytest.mark.parametrize("change", ["compressed", "scaled", "grey", "brighter"])
def test_a_photo_changed_as_people_change_photos_is_found_again(change):
    images = photos(40)
    changed = np.stack([images[7], *(again(images[i], change) for i in (3, 20))])
    assert near_pairs(changed, images).tolist() == [[0, 7], [1, 3], [2, 20]]
    everything = np.concatenate([images, changed])
    assert near_pairs(everything).tolist() == [[3, 41], [7, 40], [20, 42]]
    assert np.flatnonzero(with_twin(everything)).tolist() == [3, 7, 20, 40, 41, 42]


def test_different_photos_and_drawings_are_left_alone():
    assert near_pairs(photos(300)).tolist() == []
    plain = np.zeros((6, 28, 28, 1), np.uint8)
    for i in range(6):  # strokes on an empty ground, one column apart at most
        plain[i, 5:23, 10 + i // 3 : 13 + i // 3] = 200 + i
    assert not difference_hash(plain).textured.any()
    assert near_pairs(plain).tolist() == []
    assert near_pairs(plain[[0, 1, 0, 0]]).tolist() == [[0, 2], [0, 3]]
    rows = np.random.default_rng(0).random((50, 1, 30, 1))  # tables are no pictures
    assert near_pairs(rows).tolist() == []


def test_floats_have_the_hash_of_their_bytes():
    images = photos(5)
    bytes_, floats = difference_hash(images), difference_hash(images.astype(np.float64) / 255 - 3)
    assert (bytes_.bits == floats.bits).mean() > 0.99
    assert floats.textured.all()


def test_what_has_a_twin_is_not_held_out_while_there_are_others():
    strata, kept_in = np.arange(100) % 2, np.arange(100) < 40
    train, test = hold_out(strata, 20, "x", kept_in=kept_in)
    assert sorted([*train, *test]) == list(range(100))
    assert not kept_in[test].any()
    assert abs((strata[test] == 0).sum() - 10) <= 3
    assert kept_in[hold_out(strata, 70, "x", kept_in=kept_in)[1]].sum() == 10
    for nothing in (np.zeros(100, bool), np.ones(100, bool)):  # then as ever
        plain, same = hold_out(strata, 20, "x"), hold_out(strata, 20, "x", kept_in=nothing)
        assert all(np.array_equal(a, b) for a, b in zip(plain, same, strict=True))
    assert twin_notes(np.zeros(9, bool), test[:0]) == []
    assert twin_notes(kept_in, test)[0].endswith("and none of them is in the test set")
    assert "10 of them are in the test set" in twin_notes(kept_in, np.arange(30, 100))[0]


def test_own_folders_and_arrays_have_no_test_image_that_is_trained_on(tmp_path):
    images = photos(60)
    copies = np.stack([again(image, "compressed") for image in images[:20]])
    everything, labels = np.concatenate([images, copies]), np.r_[np.arange(60), np.arange(20)] % 2
    for i, (image, label) in enumerate(zip(everything, labels, strict=True)):
        place = tmp_path / "own" / "ab"[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
    folder = {"name": "folder", "path": str(tmp_path / "own"), "size": [48, 48]}
    from assay.data.own import given_data

    for spec in (folder, given_data((everything, labels))):
        found = data.load(spec)
        assert len(found.test) == 16
        assert near_training(found) == 0
        said = "40 of 80 images are equal to another one or its near-duplicate, and none of them"
        assert any(note.startswith(said) for note in found.notes)


def test_permuted_images_have_the_duplicates_of_the_plain_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    framed = photos(90)
    framed[:, np.hypot(*(np.mgrid[:48, :48] - 23.5)) > 20] = 0  # the edge that all images share
    framed[70:75] = framed[:5]  # test images that occur in training
    found = {}
    for permutation in (None, np.random.default_rng(3).permutation(48 * 48)):
        shown = framed if permutation is None else permute(framed, permutation)
        parts = [Split(x, np.zeros(len(x), np.int64)) for x in np.split(shown, [50, 60])]
        known = {"class_names": (), "mean": np.zeros(3), "std": np.ones(3)}
        name = f"permuted {permutation is not None}"
        found[name] = near_training(
            Dataset({"name": "x"}, *parts, **known, fingerprint=name, permutation=permutation)
        )
    assert found == {"permuted False": 5, "permuted True": 5}


def test_official_parts_stay_and_what_they_share_is_counted(monkeypatch, tmp_path):
    images = photos(30)
    test = np.concatenate([images[20:], again(images[4], "grey")[None], images[[5]]])
    parts = (Split(x, np.zeros(len(x), np.int64)) for x in (images[:10], images[10:20], test))
    known = {"class_names": (), "mean": np.zeros(3), "std": np.ones(3)}
    dataset = Dataset({"name": "x"}, *parts, **known, fingerprint="feed")
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert near_training(dataset) == 2
    (kept,) = (tmp_path / "near-duplicates").iterdir()
    assert near_training(dataset) == 2
    kept.write_bytes(b"damaged")
    assert near_training(dataset) == 2


def test_test_images_that_validate_are_compared_with_training_images_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    images = photos(30)
    test = np.concatenate([images[20:], images[[5]]])
    parts = (Split(x, np.zeros(len(x), np.int64)) for x in (images[:10], test, test))
    known = {"class_names": (), "mean": np.zeros(3), "std": np.ones(3)}
    spec = {"name": "x", "validate_on_test": True}
    assert near_training(Dataset(spec, *parts, **known, fingerprint="feed")) == 1


def test_a_part_without_images_has_no_duplicates():
    some, none = np.ones((3, 20, 20, 1), np.uint8), np.ones((0, 20, 20, 1), np.uint8)
    for pair in ((none,), (none, some), (some, none)):
        assert near_pairs(*pair).shape == (0, 2)
