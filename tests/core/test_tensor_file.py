"""Files of named arrays: what went in comes out, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, "kind 1", {}, ARRAYS)
    with pytest.raises(TypeError):
        write_tensors(path, "kind 1", {"odd": object()}, ARRAYS)
    assert read_tensors(path, "kind 1")[1]["b"][0] == 7
