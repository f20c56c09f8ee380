"""Files that are missing, damaged or not what they claim to be are named."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from assay import data
from assay.core.errors import DataError
from assay.data import cifar10, storage
from assay.data.catalog import ENTRIES, File
from assay.data.cifar10 import BATCHES, read_archive, read_strips
from assay.data.formats import read_idx
from assay.data.idx import read_pair


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_DATA", raising=False)


def write_idx(path, array, magic=None):
    header = struct.pack(">I", magic or 0x800 + array.ndim)
    header += struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))
    return path


def test_idx_files_come_back_as_they_were_written(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(read_idx(write_idx(tmp_path / "a.gz", array), 3), array)


def test_damaged_idx_files_are_named(tmp_path):
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path = write_idx(tmp_path / "a.gz", array)
    whole = path.read_bytes()
    path.write_bytes(whole[:-12])
    with pytest.raises(DataError, match=r"a\.gz: damaged or truncated gzip"):
        read_idx(path, 3)
    path.write_bytes(b"not gzip at all")
    with pytest.raises(DataError, match=r"a\.gz: damaged or truncated gzip"):
        read_idx(path, 3)
    write_idx(path, array, magic=2049)
    with pytest.raises(DataError, match="wrong magic number 2049, expected 2051"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-1]))
    with pytest.raises(DataError, match=r"promises 60 bytes .* found only 59"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(gzip.decompress(whole) + b"x"))
    with pytest.raises(DataError, match=r"promises 60 bytes .* found more"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(b"\x00\x00"))
    with pytest.raises(DataError, match="ends inside its header"):
        read_idx(path, 3)
    with pytest.raises(DataError, match=r"absent\.gz: cannot be read"):
        read_idx(tmp_path / "absent.gz", 3)


def test_an_idx_header_asks_for_no_memory_that_the_file_cannot_fill(tmp_path):
    header = struct.pack(">4I", 0x803, 5, 14_997, 4_294_591_797)
    (tmp_path / "a").write_bytes(header)
    with pytest.raises(DataError, match=r"a: header promises 322,\d.* found no more than 16"):
        read_idx(tmp_path / "a", 3)
    (tmp_path / "a.gz").write_bytes(gzip.compress(header))
    with pytest.raises(DataError, match=r"a\.gz: header promises 322,.* found no more than \d+"):
        read_idx(tmp_path / "a.gz", 3)
    (tmp_path / "b").write_bytes(struct.pack(">2I", 0x801, 300 << 20))
    with open(tmp_path / "b", "ab") as file:
        file.truncate(8 + (300 << 20))  # takes no room on the disk
    with pytest.raises(DataError, match=r"b: header promises 314,572,800 .* at most 268,435,456"):
        read_idx(tmp_path / "b", 1)
    (tmp_path / "b").write_bytes(struct.pack(">2I", 0x801, 0))
    with pytest.raises(DataError, match=r"b: header promises 0 bytes .* expected at least one"):
        read_idx(tmp_path / "b", 1)


def test_images_and_labels_must_belong_together(tmp_path):
    images = write_idx(tmp_path / "i.gz", np.zeros((3, 2, 2), np.uint8))
    labels = write_idx(tmp_path / "l.gz", np.zeros(4, np.uint8))
    with pytest.raises(DataError, match=r"has 3 images, .* 4 labels"):
        read_pair(images, labels, 10)
    write_idx(labels, np.array([0, 1, 10], np.uint8))
    with pytest.raises(DataError, match=r"label 10, expected 0\.\.9"):
        read_pair(images, labels, 10)


def test_a_missing_dataset_says_where_it_was_looked_for_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "env"))
    with pytest.raises(DataError) as caught:
        data.load("mnist", tmp_path / "given")
    words = str(caught.value)
    for folder in ("given/mnist", "given", "env/mnist", "env", "cache/data/mnist"):
        assert str(tmp_path / folder) in words
    assert words.endswith("assay data get mnist")
    assert data.find("mnist", tmp_path) is None


def test_what_is_missing_or_damaged_in_a_folder_is_named(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    file = ENTRIES["fashion-mnist"].sources[0].files[3]
    (folder / file.name).write_bytes(bytes(file.bytes))
    with pytest.raises(DataError, match=r"has 1 of its files, but no train-images-idx3-ubyte\.gz"):
        data.load("fashion-mnist", tmp_path)
    for other in ENTRIES["fashion-mnist"].sources[0].files[:3]:
        (folder / other.name).write_bytes(b"short")
    with pytest.raises(DataError, match=r"5 bytes, expected 26,421,880 \(truncated"):
        data.load("fashion-mnist", tmp_path)


def test_files_of_a_dataset_with_equal_file_names_are_not_mistaken(tmp_path):
    for file in ENTRIES["mnist"].sources[0].files:
        with open(tmp_path / file.name, "wb") as stream:
            stream.truncate(file.bytes)  # the sizes of MNIST's files, directly in the folder
    with pytest.raises(DataError, match="'fashion-mnist' was not found"):
        data.load("fashion-mnist", tmp_path)
    with pytest.raises(DataError, match="wrong checksum"):
        data.load("mnist", tmp_path)


def test_a_file_is_hashed_once_until_it_changes(monkeypatch, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"hello")
    file = File("a.bin", 5, storage.sha256(path))
    hashed = []
    genuine = storage.sha256
    monkeypatch.setattr(storage, "sha256", lambda p: hashed.append(p) or genuine(p))
    storage.verify(path, file)
    storage.verify(path, file)
    assert len(hashed) == 1
    path.write_bytes(b"hellO")
    with pytest.raises(DataError, match="wrong checksum"):
        storage.verify(path, file)


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def batches(images=2):
    """Batch b, image i: label b, red i, green 100, blue 200."""
    return {
        f"cifar-10-batches-bin/{name}.bin": b"".join(
            bytes([b]) + bytes([i]) * 1024 + bytes([100]) * 1024 + bytes([200]) * 1024
            for i in range(images)
        )
        for b, name in enumerate(BATCHES)
    }


def test_the_binary_archive_is_read_in_memory_whatever_its_members_are_called(tmp_path):
    members = {"../escaped.bin": b"x", "/absolute.bin": b"y", **batches()}
    images, labels = read_archive(archive(tmp_path / "a.tar.gz", members), batch=2)
    assert images.shape == (12, 32, 32, 3)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert images[3, 31, 0].tolist() == [1, 100, 200]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz"]


def test_a_damaged_archive_is_named(tmp_path):
    path = archive(tmp_path / "a.tar.gz", batches())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.tar\.gz: damaged or truncated"):
        read_archive(path, batch=2)
    members = batches()
    del members["cifar-10-batches-bin/test_batch.bin"]
    with pytest.raises(DataError, match=r"has no cifar-10-batches-bin/test_batch\.bin"):
        read_archive(archive(path, members), batch=2)
    members["cifar-10-batches-bin/test_batch.bin"] = b"short"
    with pytest.raises(DataError, match=r"test_batch\.bin has 5 bytes, expected 6,146"):
        read_archive(archive(path, members), batch=2)


def test_members_of_an_archive_are_not_as_long_as_they_claim(monkeypatch, tmp_path):
    path = tmp_path / "a.tar.gz"
    tar = gzip.decompress(archive(path, {"readme.txt": b"x" * 600, **batches()}).read_bytes())
    size = b"\x80" + (1 << 60).to_bytes(11, "big")  # of the first member, whatever comes after it
    header = bytearray(tar[:512])
    header[124:136], header[148:156] = size, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(gzip.compress(bytes(header) + tar[512:]))
    with pytest.raises(DataError, match=r"damaged or truncated archive .it ends inside a member"):
        read_archive(path, batch=2)
    path.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(DataError, match="damaged or truncated archive"):
        read_archive(path, batch=2)
    monkeypatch.setattr(cifar10, "_MARGIN", 10_000)
    with pytest.raises(DataError, match="more than 83,752 bytes unpacked"):
        read_archive(archive(path, {"bomb": bytes(200_000), **batches()}), batch=2)


def strips(path, images, labels, content=None):
    buffer = io.BytesIO()
    Image.fromarray(images.reshape(-1, 32, 3)).save(buffer, "WEBP", lossless=True)
    webp = np.frombuffer(content or buffer.getvalue(), np.uint8)
    np.savez(path, webp=webp, offsets=np.array([0, len(webp)]), labels=np.array(labels, np.uint8))
    return path


def test_webp_strips_are_lossless_and_their_defects_named(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    read, labels = read_strips([strips(tmp_path / "a.npz", images, [4, 5, 6])])
    assert np.array_equal(read, images)
    assert labels.tolist() == [4, 5, 6]
    with pytest.raises(DataError, match="3 images, 2 labels"):
        read_strips([strips(tmp_path / "a.npz", images, [4, 5])])
    for labels in ([[4, 5, 6]], [4, 5, 6, 7]):
        with pytest.raises(
            DataError, match=r"labels must be uint8 .n,.*\(1, 3\)|3 images, 4 labels"
        ):
            read_strips([strips(tmp_path / "a.npz", images, labels)])
    with pytest.raises(DataError, match="unreadable picture strip"):
        read_strips([strips(tmp_path / "a.npz", images, [4], content=b"RIFFnonsense")])
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"a\.npz: not a readable file"):
        read_strips([tmp_path / "a.npz"])


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", webp=np.array([{}]), offsets=np.zeros(1), labels=np.zeros(1))
    with pytest.raises(DataError, match="not a readable file"):
        read_strips([tmp_path / "a.npz"])


def test_an_array_that_does_not_fit_on_the_disk_leaves_nothing(monkeypatch, tmp_path):
    def full(stream, array, allow_pickle):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        storage.save_array(tmp_path / "a.npy", np.zeros(3))
    assert list(tmp_path.iterdir()) == []
