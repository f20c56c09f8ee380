"""`{arrays: images.npy, labels: labels.npy}`: files, their identity, and where they are kept."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from assay import data
from assay.core.errors import ConfigError, DataError
from assay.data.own_cache import UNUSED_SECONDS

X = np.random.default_rng(0).integers(0, 256, (60, 6, 5)).astype(np.uint8)
Y = np.arange(60) % 3
SPEC = {"arrays": "images.npy", "labels": "labels.npy"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    np.save("images.npy", X)
    np.save("labels.npy", np.array(["newt", "cat", "dog"])[Y])
    return tmp_path


def test_files_become_a_dataset(here):
    dataset, info = data.load(SPEC), data.describe(SPEC)
    assert dataset.class_names == info.class_names == ("cat", "dog", "newt")
    parts = (dataset.train, dataset.validation, dataset.test)
    assert tuple(map(len, parts)) == (info.train, info.validation, info.test) == (43, 5, 12)
    assert dataset.image_shape == info.image_shape == (6, 5, 1)
    known = {image.tobytes(): ["newt", "cat", "dog"][y] for image, y in zip(X, Y, strict=True)}
    for part in parts:
        names = [dataset.class_names[y] for y in part.targets]
        assert [known[image.tobytes()] for image in part.images] == names
    assert np.bincount(dataset.test.targets).tolist() == [4, 4, 4]
    assert dataset.notes == (
        "images (60, 6, 5) of uint8 were interpreted as 6x5 pixels with 1 channel",
        "there are no test images: a fixed, stratified 12 images are held out",
    )


def test_the_keys_of_every_dataset_apply(here):
    plain = data.load({**SPEC, "normalize": "none", "train": 30, "validation": 10, "split_seed": 3})
    assert (len(plain.train), len(plain.validation), plain.std.tolist()) == (30, 10, [1])
    permuted = data.load({**plain.spec, "permute": 7})
    rows = plain.train.images.reshape(30, 30)[:, permuted.permutation]
    assert np.array_equal(permuted.train.images.reshape(30, 30), rows)
    folds = [data.load({**SPEC, "folds": 4, "fold": k}).validation for k in range(4)]
    assert sum(map(len, folds)) == 48


def test_the_content_is_the_identity_and_not_the_path(here):
    spec = data.resolve(SPEC)
    assert not {"arrays", "labels"} & set(spec)
    assert data.resolve(spec) == spec  # what runs hold is complete
    os.makedirs("moved")
    os.rename("images.npy", "moved/pictures.npy")
    assert data.resolve({**SPEC, "arrays": "moved/pictures.npy"}) == spec
    np.savez("all.npz", x=X[..., None].astype(np.int32), y=np.load("labels.npy"))
    assert data.resolve({"arrays": "all.npz"}) == spec
    other = X.copy()
    other[5, 3, 2] ^= 1
    np.save("moved/pictures.npy", other)
    changed = data.resolve({**SPEC, "arrays": "moved/pictures.npy"})
    assert changed["fingerprint"] != spec["fingerprint"]
    np.save("labels.npy", np.array(["new", "cat", "dog"])[Y])
    last = data.resolve({**SPEC, "arrays": "moved/pictures.npy"})
    assert len({spec["fingerprint"], changed["fingerprint"], last["fingerprint"]}) == 3


def test_folders_are_searched_in_order(here):
    for name, shift in (("study", 1), ("data", 2)):
        os.makedirs(name)
        np.save(f"{name}/images.npy", X + np.uint8(shift))
    folders = [here / "study", here / "data"]
    found = [data.resolve(SPEC, folders[i:])["fingerprint"] for i in range(3)]
    assert len(set(found)) == 3
    absolute = {"arrays": str(here / "images.npy"), "labels": str(here / "labels.npy")}
    assert data.resolve(absolute, folders)["fingerprint"] == found[2]


def test_members_of_archives(here):
    np.savez("all.npz", x_train=X, y_train=Y, x_test=X[:6], y_test=Y[:6], val=X)
    whole = data.load({"arrays": "all.npz"})
    assert len(whole.test) == 6
    assert whole.notes[0] == "all.npz has other arrays, which were ignored: val"
    named = {"arrays": "all.npz:val", "labels": "all.npz:y_train"}
    assert len(data.load(named).test) == 12
    np.savez("odd.npz", one=X, two=Y)
    with pytest.raises(ConfigError, match=r"odd.npz has the arrays one, two, expected one of: im"):
        data.resolve({"arrays": "odd.npz"})
    with pytest.raises(ConfigError, match=r"odd.npz: it has no array 'three'"):
        data.resolve({"arrays": "odd.npz:three"})


def test_arrays_without_labels_have_no_classes(here):
    dataset = data.load({"arrays": "images.npy"})
    assert dataset.class_names == ()
    assert not dataset.train.targets.any()


class Trap:
    def __reduce__(self):
        return (os.system, ("touch trapped",))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"arrays": "image.npy", "labels": "labels.npy"}, "did you mean 'images.npy'?"),
        ({"arrays": "dir.npy"}, "dataset.arrays: dir.npy is a folder, expected an array file"),
        ({"arrays": 5}, "dataset.arrays must be the path of a .npy or .npz file, got 5"),
        ({"arrays": "images.csv"}, "dataset.arrays: must be a .npy or .npz file, got 'images.csv'"),
        ({"arrays": "a\0.npy"}, "dataset.arrays: "),
        (
            {"arrays": "objects.npy"},
            "dataset.arrays: objects.npy: its header does not describe an arra",
        ),
        (
            {**SPEC, "labels": "objects.npy"},
            "dataset.labels: objects.npy: its header does not describe",
        ),
        ({**SPEC, "labels": "short.npy"}, "dataset.labels: the labels: 59 labels for 60 images"),
        ({**SPEC, "test_images": "images.npy"}, "dataset.test_labels: the test labels are missing"),
        ({**SPEC, "data_format": "last"}, "dataset.data_format: unknown order of axes 'last'"),
        ({**SPEC, "label": "labels.npy"}, "dataset.label: unknown setting of dataset arrays"),
        (
            {**SPEC, "fingerprint": "../x"},
            "dataset.fingerprint must be hexadecimal digits, got '../",
        ),
        ({"name": "arrays"}, "dataset.arrays: expected the path of a .npy or .npz file"),
        ({"arrays": "cut.npy"}, "dataset.arrays: cut.npy: its header says uint8 (60, 6, 5)"),
    ],
)
def test_what_is_wrong_with_files_is_said(here, spec, message):
    np.save("objects.npy", np.array([Trap()] * 60, object), allow_pickle=True)
    np.save("short.npy", Y[1:])
    os.mkdir("dir.npy")
    with open("cut.npy", "wb") as file:
        file.write((here / "images.npy").read_bytes()[:-1])
    with pytest.raises(ConfigError) as caught:
        data.resolve(spec)
    assert message in str(caught.value)
    assert not os.path.exists("trapped")


def test_what_is_kept_is_whole_or_made_again(here):
    spec = data.resolve(SPEC)
    folder = here / "cache" / "arrays" / spec["fingerprint"]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]
    kept = bytearray((folder / "images.npy").read_bytes())
    kept[-1] ^= 1
    (folder / "images.npy").write_bytes(kept)
    with pytest.raises(
        DataError, match=r"was damaged and has been removed; run the same command again"
    ):
        data.load(spec)
    with pytest.raises(
        DataError, match="are no longer in the cache folder; `assay data show STUDY"
    ):
        data.load(spec)
    assert np.array_equal(data.load(SPEC).test.images, data.load(spec).test.images)


def test_what_nobody_uses_is_removed(here):
    first = here / "cache" / "arrays" / data.resolve(SPEC)["fingerprint"]
    (first.parent / ".part-x").mkdir()
    long_ago = time.time() - UNUSED_SECONDS - 60
    for path in (first / "about.json", first.parent / ".part-x"):
        os.utime(path, (long_ago, long_ago))
    np.save("images.npy", X + np.uint8(1))
    second = data.resolve(SPEC)["fingerprint"]
    assert [p.name for p in first.parent.iterdir()] == [second]


def test_a_cache_that_cannot_be_written_is_said(here, monkeypatch):
    (here / "file").touch()
    monkeypatch.setenv("ASSAY_CACHE", str(here / "file"))
    with pytest.raises(
        ConfigError, match=r"arrays for the workers cannot be stored in .*ASSAY_CACHE"
    ):
        data.resolve(SPEC)
