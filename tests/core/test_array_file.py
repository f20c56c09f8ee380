"""Arrays in files: what NumPy wrote is read, and no header is believed."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from assay.core.array_file import array_names, map_array, read_arrays

GRID = np.arange(6, dtype=np.int32).reshape(2, 3)


@pytest.mark.parametrize(
    "array",
    [
        GRID,
        np.asfortranarray(GRID),
        GRID.astype(">f8"),
        GRID.astype(np.float16),
        GRID > 2,
        np.uint8(7),
        np.empty((0, 4)),
        np.arange(3),
    ],
)
def test_what_numpy_wrote_comes_back(tmp_path, array):
    array = np.asarray(array)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array, y=GRID)
    np.savez_compressed(tmp_path / "b.npz", x=array)
    found = [map_array(tmp_path / "a.npy"), *read_arrays(tmp_path / "b.npz", "x")]
    found += read_arrays(tmp_path / "a.npz", "y", "x")[1:]
    for again in found:
        assert (again.dtype, again.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(again, array)
    for version in ((2, 0), (3, 0)):
        with open(tmp_path / "a.npy", "wb") as file:
            np.lib.format.write_array(file, array, version)
        np.testing.assert_array_equal(map_array(tmp_path / "a.npy"), array)


def test_text_is_read_where_it_is_asked_for(tmp_path):
    words, raw = np.array(["dog", "café"]), np.array([b"dog", b"cat"])
    np.savez(tmp_path / "a.npz", words=words, raw=raw)
    np.save(tmp_path / "a.npy", words)
    assert array_names(tmp_path / "a.npz") == ["words", "raw"]
    assert map_array(tmp_path / "a.npy", text=True).tolist() == words.tolist()
    found = read_arrays(tmp_path / "a.npz", "words", "raw", text=True)
    assert [a.tolist() for a in found] == [words.tolist(), raw.tolist()]
    with pytest.raises(ValueError, match="its header does not describe an array of numbers"):
        map_array(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="its header does not describe an array of numbers"):
        map_array(tmp_path / "b.npy", text=True)
    with pytest.raises(ValueError, match="not a zip file"):
        array_names(tmp_path / "a.npy")


def npy(header: str, content: bytes = bytes(24), length: int | None = None) -> bytes:
    said = len(header) if length is None else length
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", said) + header.encode("latin1") + content


HEADER = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it does not start like a .npy file"),
        (b"\x93NUMPY\x04\x00", "version 4.0 of .npy is unknown"),
        (npy(HEADER, length=60_000), "its header has 60,000 bytes, at most 10,000 are read"),
        (npy(HEADER, b"", length=900), "it ends inside its header"),
        (npy(HEADER.replace("'shape'", "6")), "its header does not describe an array of numbers"),
        (npy(HEADER.replace("2", "True")), "its header does not describe an array of numbers"),
        (npy(HEADER.replace("(2", "((2")), "its header does not describe an array of numbers"),
        (npy(HEADER.replace("<i4", "|O")), "its header does not describe an array of numbers"),
        (npy(HEADER.replace("<i4", "<U4")), "its header does not describe an array of numbers"),
        (npy(HEADER.replace("2", "-2")), "its header does not describe an array of numbers"),
        (npy("(" * 9000), "its header does not describe an array of numbers"),
        (npy("{" + " " * 9000), "its header does not describe an array of numbers"),
        (npy(HEADER, bytes(23)), r"its header says int32 \(2, 3\), 24 bytes, but 23 follow"),
        (npy(HEADER, bytes(25)), r"its header says int32 \(2, 3\), 24 bytes, but 25 follow"),
        (npy(HEADER.replace("2", "9" * 19)), "bytes, but 24 follow"),
        (npy(HEADER.replace("2", f"0, {'9' * 19}")), "no array has the shape"),
        (npy(HEADER.replace("2", "1, " * 40 + "2")), "no array has the shape"),
    ],
)
def test_no_header_is_believed(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        map_array(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValueError, match=message):
        read_arrays(tmp_path / "a.npz", "x")


def test_a_small_archive_does_not_unpack_to_a_large_array(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(3_000_000, np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 5_000
    with pytest.raises(ValueError, match="array 'x' has 3,000,000 bytes, at most 1,000,000"):
        read_arrays(tmp_path / "a.npz", "x", most=1_000_000)


def test_damaged_archives_are_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=GRID)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="it has no array 'y'"):
        read_arrays(path, "y")
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "nowhere.npz", "x")
    at = whole.index(GRID.tobytes())
    for content, message in (
        (whole[:at] + b"\x01" + whole[at + 1 :], "Bad CRC-32"),
        (whole[:40], "not a zip file"),
        (b"", "not a zip file"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_arrays(path, "x")
    content = io.BytesIO()
    np.save(content, GRID)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", content.getvalue())
    with pytest.raises(ValueError, match="array 'x' is compressed by method 14"):
        read_arrays(path, "x")
