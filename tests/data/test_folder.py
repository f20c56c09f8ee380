"""The user's own pictures: any size and kind, and whatever may be wrong with them."""

from __future__ import annotations

import os
import shutil
from pathlib import PureWindowsPath
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from assay import data
from assay.core.errors import ConfigError, DataError
from assay.data import pictures
from assay.data.catalog import ENTRIES
from assay.data.folder import Folder
from assay.data.unchanged import identified


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
    said = "2 of 21 images are equal to another one or its near-duplicate, and none of them is in"
    assert said in notes
    assert "1 other file or folder was left out (first: dogs/readme.txt)" in notes
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
    with pytest.raises(DataError, match=r"dgos: this class does not exist .*; did you mean 'dogs'"):
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


def parts(root, *names):
    """Folders of two classes with two pictures each, with these names."""
    for name in names:
        for i, kind in enumerate(("cat", "dog", "cat", "dog")):
            draw(root / name / kind / f"{i}.png", (8, 8), (60 * i, len(name), 0))
    return root


@pytest.mark.parametrize(
    ("names", "test", "said"),
    [
        (("train", "test"), 4, None),
        (("Train", "Test"), 4, None),
        (("TRAINING", "TESTING"), 4, None),
        (("train", "val"), 4, "there is no test folder: the pictures in val are the test set; "),
        (("Train", "Validation"), 4, "the pictures in Validation are the test set; "),
        (("train", "test", "valid"), 4, "the pictures in valid are not used: validation pictures"),
        (("train",), 1, "there is no test folder: a fixed, stratified 1 picture is held out"),
    ],
)
def test_folders_that_are_parts_are_understood(tmp_path, names, test, said):
    root = parts(tmp_path, *names)
    dataset, info = data.load(spec(root)), data.describe(spec(root))
    assert dataset.class_names == info.class_names == ("cat", "dog")
    assert len(dataset.test) == info.test == test
    notes = "\n".join(dataset.notes)
    assert said is None or said in notes
    assert ("left out" in notes) == ("valid" in names)


def test_what_lies_beside_the_parts_is_named(tmp_path):
    root = parts(tmp_path, "train", "test", "valid")
    draw(root / "emu" / "0.png")
    draw(root / "0.png")
    assert "3 other files or folders were left out (first: emu, valid, 0.png)" in "\n".join(
        data.load(spec(root)).notes
    )


def test_parts_that_do_not_fit_each_other_are_refused(tmp_path):
    parts(tmp_path / "alone", "test")
    with pytest.raises(DataError, match=r"alone/test: there is no train folder beside it"):
        data.load(spec(tmp_path / "alone"))
    parts(tmp_path / "mixed", "train")
    draw(tmp_path / "mixed" / "test" / "0.png")
    with pytest.raises(DataError, match=r"test holds pictures without classes, .*train class fold"):
        data.load(spec(tmp_path / "mixed"))
    draw(tmp_path / "one" / "cat" / "0.png")
    draw(tmp_path / "one" / "cat" / "1.png")
    with pytest.raises(DataError, match=r"one: 1 class folder\(s\) .*; pictures without classes"):
        data.load(spec(tmp_path / "one"))
    parts(tmp_path / "nested" / "a")
    draw(tmp_path / "nested" / "a" / "b" / "c" / "0.png")
    with pytest.raises(DataError, match=r"b: 0 picture\(s\) directly in it, a class needs"):
        data.load(spec(tmp_path / "nested" / "a"))


def test_all_classes_with_too_few_pictures_are_named(root):
    for i in range(7):
        (root / f"empty{i}").mkdir()
    with pytest.raises(DataError) as caught:
        data.describe(spec(root))
    assert str(caught.value).count(": 0 picture(s)") == 5
    first, *rest = str(caught.value).splitlines()
    assert first.startswith("a class needs at least 2 (kinds read: ")
    assert all(line.startswith("  ") for line in rest)
    assert "and 2 more" in rest[-1]


def test_a_class_that_a_part_lacks_is_named(root):
    draw(root / "emu" / "0.png", (8, 8), (0, 0, 1))
    draw(root / "emu" / "1.png", (8, 8), (0, 0, 2))
    notes = "\n".join(data.load(spec(root)).notes)
    assert "the test split has no picture of emu" in notes
    split = root.parent / "parts"
    split.mkdir()
    root.rename(split / "train")
    draw(split / "test" / "cats" / "0.png")
    (split / "test" / "emu").mkdir()
    notes = "\n".join(data.load(spec(split)).notes)
    assert "the test split has no picture of dogs, emu" in notes


def test_what_systems_leave_in_folders_is_no_picture(root):
    before = data.load(spec(root))
    (root / "__MACOSX").mkdir()
    for name in (".DS_Store", "Thumbs.db", "._0.png", "desktop.ini"):
        (root / "cats" / name).write_bytes(b"no picture")
    after = data.load(spec(root))
    assert after.fingerprint == before.fingerprint
    assert after.notes == before.notes


def test_links_and_a_slash_at_the_end_change_nothing(root, tmp_path):
    before = data.load(spec(root))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "cats").symlink_to(root / "cats")
    (tmp_path / "linked" / "dogs").symlink_to(root / "dogs")
    (root / "cats" / "broken.png").symlink_to(root / "nowhere.png")
    for path in (f"{root}/", tmp_path / "linked"):
        dataset = data.load(spec(path))
        assert dataset.fingerprint == before.fingerprint
        assert "(first: cats/broken.png)" in dataset.notes[-2]


def test_names_that_are_no_text_are_shown_with_their_bytes(root):
    os.rename(root / "cats", os.fsencode(root) + b"/caf\xe9")
    (root / "dogs" / "a\x1b[31m\n.txt").write_text("")
    dataset = data.load(spec(root))
    assert dataset.class_names == data.describe(spec(root)).class_names == ("caf\\xe9", "dogs")
    assert "(first: dogs/a\\x1b[31m\\n.txt)" in "\n".join(dataset.notes)
    with open(os.fsencode(root) + b"/caf\xe9/b\xff.png", "wb") as file:
        file.write(b"no picture")
    with pytest.raises(DataError, match=r"caf\\xe9/b\\xff\.png: unreadable picture") as caught:
        data.check_files([spec(root)])
    assert str(caught.value).encode()


def test_unreadable_pictures_are_all_counted_or_left_out(root):
    for i in range(6):
        (root / "cats" / f"{i}.png").write_text("text")
    for call in (data.load, lambda s: data.check_files([s])):
        with pytest.raises(DataError) as caught:
            call(spec(root))
        said = str(caught.value)
        assert "6 of 20 pictures cannot be read (dataset.on_error: skip leaves such" in said
        assert said.count("unreadable picture") == 5
        assert said.endswith("\n  and 1 more")
    skipped = spec(root, on_error="skip")
    data.check_files([skipped])
    dataset = data.load(skipped)
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 14
    for part in (dataset.train, dataset.validation, dataset.test):
        assert np.array_equal(part.images[:, 4, 4, 1] > 100, part.targets == 1)
    assert "6 pictures that cannot be read were left out (first: " in "\n".join(dataset.notes)
    for i in range(6, 9):
        (root / "cats" / f"{i}.png").write_text("text")
    with pytest.raises(DataError, match=r"too few pictures can be read: cats \(1\); expected at"):
        data.check_files([skipped])


def test_what_is_done_about_errors_is_part_of_the_identity_only_when_given(root):
    assert "on_error" not in data.resolve(spec(root))
    assert data.resolve(spec(root, on_error="raise")) == data.resolve(spec(root))
    assert data.resolve(spec(root, on_error="skip"))["on_error"] == "skip"
    with pytest.raises(ConfigError, match=r"on_error: unknown choice 'skpi'; did you mean 'skip'"):
        data.resolve(spec(root, on_error="skpi"))


def test_pictures_are_checked_again_only_when_a_file_has_changed(root, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    read = []
    monkeypatch.setattr(Folder, "read", lambda *a, f=Folder.read: read.append(1) or f(*a))
    data.check_files([spec(root), spec(root)])
    data.check_files([spec(root)])
    assert len(read) == 1
    (root / "cats" / "3.png").write_text("changed")
    with pytest.raises(DataError, match=r"3\.png: unreadable"):
        data.check_files([spec(root)])


def test_pictures_have_the_same_names_on_windows(monkeypatch):
    """They are part of the identity of runs."""
    root = PureWindowsPath("C:/pictures")
    listing = SimpleNamespace(paths=[root / "cats" / "1.png"])
    layout = SimpleNamespace(train=listing, test=None)
    monkeypatch.setattr("assay.data.folder._root", lambda path, data_dir: root)
    monkeypatch.setattr("assay.data.folder.find_layout", lambda root: layout)
    assert list(ENTRIES["folder"].own_files({"path": "pictures"})) == ["cats/1.png"]


def test_other_pictures_under_the_same_names_are_other_data(root, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    first = identified(data.resolve(spec(root)))
    assert data.resolve(first) == first == identified(data.resolve(spec(root)))
    copy = tmp_path / "elsewhere"
    shutil.copytree(root, copy)
    moved = identified(data.resolve(spec(copy)))
    assert moved["fingerprint"] == first["fingerprint"]
    draw(root / "cats" / "3.png", (13, 10), (0, 0, 99))
    assert identified(data.resolve(spec(root)))["fingerprint"] != first["fingerprint"]
    for use in (data.load, lambda planned: data.check_files([planned])):
        with pytest.raises(DataError, match=r"files of dataset folder have changed since these"):
            use(first)
    assert len(data.load(moved).train)
