"""Files of named arrays: what went in comes out, and nothing else is taken for one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save

from assay.core.tensor_file import read_tensors, write_tensors

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([7], np.int64)}


def test_what_went_in_comes_out(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, "kind 1", {"size": 3}, ARRAYS)
    about, arrays = read_tensors(path, "kind 1")
    assert about == {"size": 3}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError):
        read_tensors(path, "kind 1")
    write_tensors(path, "kind 2", {}, ARRAYS)
    with pytest.raises(ValueError, match="it is 'kind 2', expected 'kind 1'"):
        read_tensors(path, "kind 1")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="header"):
        read_tensors(path, "kind 2")


def test_no_flipped_bit_goes_unseen(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, "kind 1", {"size": 3}, ARRAYS)
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in (0, 5):
            content = bytearray(whole)
            content[position] ^= 1 << bit
            path.write_bytes(content)
            try:
                about, arrays = read_tensors(path, "kind 1")
            except ValueError:
                continue
            # what is left: the name of the digest itself, without which a file is an older one
            assert about == {"size": 3}
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(arrays[name], array)


def test_files_from_before_they_had_digests_are_read(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(save(ARRAYS, {"assay": '{"format": "kind 1", "size": 3}'}))
    about, arrays = read_tensors(path, "kind 1")
    assert about == {"size": 3}
    np.testing.assert_array_equal(arrays["a"], ARRAYS["a"])


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "its header does not name its format"),
        ({"assay": "3"}, "it is 3, expected 'kind 1'"),
        ({"assay": "{}"}, "it is None, expected 'kind 1'"),
        ({"assay": "{"}, "Expecting property name"),
        ({"assay": "[" * 100_000}, "recursion"),
    ],
)
def test_what_a_file_says_of_itself_is_checked(tmp_path, metadata, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(save(ARRAYS, metadata))
    with pytest.raises(ValueError, match=message):
        read_tensors(path, "kind 1")


def test_types_that_numpy_lacks_are_named(tmp_path):
    path = tmp_path / "x.safetensors"
    about = {"assay": '{"format": "kind 1"}'}
    header = json.dumps(
        {"__metadata__": about, "a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    with pytest.raises(ValueError, match="tensor 'a' is BF16, expected one of BOOL, U8"):
        read_tensors(path, "kind 1")
    with pytest.raises(ValueError, match=r"directory|device"):
        read_tensors(tmp_path, "kind 1")


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, "kind 1", {}, ARRAYS)
    with pytest.raises(TypeError):
        write_tensors(path, "kind 1", {"odd": object()}, ARRAYS)
    assert read_tensors(path, "kind 1")[1]["b"][0] == 7
