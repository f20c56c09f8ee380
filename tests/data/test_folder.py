"""The user's own pictures: any size and kind, and whatever may be wrong with them."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from assay import data
from assay.core.errors import DataError
from assay.data import pictures


def draw(path, size=(20, 10), color=(200, 30, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)


@pytest.fixture
def root(tmp_path):
    for i in range(10):
        draw(tmp_path / "set" / "cats" / f"{i}.png", (10 + i, 10), (i, 0, 0))
        draw(tmp_path / "set" / "dogs" / f"{i}.jpg", (8, 8), (i * 20, 200, 0))
    return tmp_path / "set"


def spec(root, **more):
    return {"name": "folder", "path": str(root), "size": [8, 8], **more}


def test_class_folders_become_a_dataset_and_what_was_done_is_said(root):
    (root / "dogs" / "readme.txt").write_text("not a picture")
    (root / ".hidden").mkdir()
    draw(root / "cats" / "copy.png", (10, 10), (0, 0, 0))
    dataset, info = data.load(spec(root)), data.describe(spec(root))
    assert dataset.class_names == info.class_names == ("cats", "dogs")
    parts = (dataset.train, dataset.validation, dataset.test)
    assert tuple(map(len, parts)) == (info.train, info.validation, info.test) == (15, 2, 4)
    assert info.image_shape == dataset.image_shape == (8, 8, 3)
    for part in parts:  # cats are red at most, dogs are green
        assert np.array_equal(part.images[:, 4, 4, 1] > 100, part.targets == 1)
    notes = "\n".join(dataset.notes)
    assert "11 of 21 pictures were resized to 8x8, 9 of them stretched" in notes
    assert "1 pictures are copies of others" in notes
    assert "1 other files or folders were left out (first: dogs/readme.txt)" in notes
    assert "4 pictures are held out" in notes


def test_names_that_are_not_utf_8_are_shown(root):
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    for i in range(8):
        draw(root / os.fsdecode(b"caf\xe9") / f"{i}.png", color=(i, 0, 200))
    (root / os.fsdecode(b"caf\xe9.txt")).write_text("left out")
    dataset = data.load(spec(root))
    assert r"caf\xe9" in dataset.class_names
    assert any(r"(first: caf\xe9.txt)" in note for note in dataset.notes)


def test_train_and_test_folders_are_kept(root, tmp_path):
    split = tmp_path / "split"
    (split / "test").mkdir(parents=True)
    root.rename(split / "train")
    draw(split / "test" / "dogs" / "x.png", (8, 8), (0, 255, 0))
    dataset, info = data.load(spec(split, grayscale=True)), data.describe(spec(split))
    assert dataset.test.targets.tolist() == [1]
    assert (len(dataset.train), len(dataset.validation), info.test) == (18, 2, 1)
    assert dataset.image_shape == (8, 8, 1)
    draw(split / "test" / "dgos" / "x.png")
    with pytest.raises(DataError, match=r"dgos: no such class .*; did you mean 'dogs'"):
        data.load(spec(split))


def test_the_folder_may_lie_in_the_data_folder(root):
    assert data.describe(spec(root.name), root.parent).test == 4
    with pytest.raises(DataError, match=r"there is no folder nowhere or .*nowhere"):
        data.load(spec("nowhere"), root.parent)


def test_classes_with_too_few_pictures_are_named(root):
    draw(root / "birds" / "only.png")
    for call in (data.load, data.describe):
        with pytest.raises(DataError, match=r"birds: 1 picture\(s\), a class needs at least 2"):
            call(spec(root))
    (root / "empty" / "inside").mkdir(parents=True)
    with pytest.raises(DataError, match=r"inside: 0 picture\(s\), a class needs at least 2"):
        data.load(spec(root / "empty"))


def test_a_folder_of_pictures_alone_is_a_set_without_classes(root):
    loaded = data.load(spec(root / "cats"))
    assert loaded.class_names == ()
    assert not loaded.train.targets.any()
    described = data.describe(spec(root / "cats"))
    assert (described.train, described.test) == (len(loaded.train), len(loaded.test))


def test_without_classes_a_broken_or_a_tiny_picture_is_an_error(root):
    draw(root / "cats" / "tiny.png", size=(5, 4))
    with pytest.raises(DataError, match=r"too small for dataset.size .*tiny\.png \(5x4 pixels\)"):
        data.load(spec(root / "cats"))
    (root / "cats" / "tiny.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"tiny\.png: unreadable picture"):
        data.load(spec(root / "cats"))


def test_every_unreadable_picture_is_named(root):
    whole = (root / "dogs" / "3.jpg").read_bytes()
    (root / "dogs" / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "cats" / "7.png").write_text("text")
    with pytest.raises(DataError) as caught:
        data.load(spec(root))
    assert "3.jpg: unreadable picture" in str(caught.value)
    assert "7.png: unreadable picture" in str(caught.value)


def test_decompression_bombs_are_refused(root, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 150)
    with pytest.raises(DataError, match=r"9\.png: 190 pixels, at most 150"):
        data.load(spec(root))
    monkeypatch.undo()
    draw(root / "cats" / "bomb.png", (9000, 9000), 0, "1")
    with pytest.raises(DataError, match=r"bomb\.png: 81,000,000 pixels"):
        data.load(spec(root))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"bomb\.png: more than"):
        data.load(spec(root))


def test_a_set_too_large_for_memory_is_refused_before_it_is_read(root, monkeypatch):
    monkeypatch.setattr("assay.data.folder.MAX_BYTES", 1000)
    with pytest.raises(DataError, match=r"20 pictures of 8x8 need .* smaller dataset\.size"):
        data.load(spec(root))


def test_pictures_of_other_modes_keep_their_meaning(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 4), 65_535, np.uint16)).save(path)  # 16 bits
    image, own = pictures.read_picture(path, (4, 4), grayscale=True)
    assert (image == 255).all()
    assert own == (4, 4)
    draw(path, (4, 4), (0, 0, 0, 0), "RGBA")  # transparent black shows what is behind it
    assert (pictures.read_picture(path, (4, 4), grayscale=False)[0] == 255).all()
    picture = Image.new("RGB", (6, 4))
    picture.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    picture.save(path, exif=exif)
    image, own = pictures.read_picture(path, (6, 4), grayscale=True)
    assert own == (6, 4)
    assert image[0, 3, 0] == 255
