"""What a user names is a regular file, or it is said at once: a pipe is never waited for. What
assay writes is whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.apps.sklearn import AssayClassifier
from assay.core import plugins
from assay.core.array_file import map_array, read_arrays
from assay.core.files import open_file, write_whole, written_whole
from assay.core.tensor_file import read_tensors
from assay.data.cifar10 import read_archive
from assay.data.formats import read_idx
from assay.data.pictures import open_photo, open_picture
from assay.data.storage import sha256

READERS: dict[str, Callable[[Path], Any]] = {
    "file": open_file,
    "npy": map_array,
    "npz": lambda path: read_arrays(path, "x"),
    "tensors": lambda path: read_tensors(path, "assay clock reader 1"),
    "classifier": AssayClassifier.load,
    "picture": open_picture,
    "photo": lambda path: open_photo(path, 100),
    "idx": lambda path: read_idx(path, 3),
    "archive": lambda path: read_archive(path, 1),
    "checksum": sha256,
    "plugin": lambda path: plugins.load(str(path)),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_not_waited_for(reader: str, tmp_path: Path):
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    with pytest.raises((OSError, ValueError), match="it is not a regular file"):
        READERS[reader](pipe)


def test_a_file_is_read_and_a_missing_one_is_missing(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"here")
    with open_file(tmp_path / "a") as stream:
        assert stream.read() == b"here"
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "b")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "new" / "file.bin"
    write_whole(path, b"first")
    with written_whole(path) as part:
        part.write_bytes(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    full = OSError(28, "the disk is full")
    with suppress(OSError), written_whole(path, ".png") as part:
        assert part.name.endswith(".png")
        part.write_bytes(b"thi")
        raise full
    assert full.filename == str(path)
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    long = tmp_path / ("n" * 250)  # the temporary name is longer than a name can be
    with pytest.raises(OSError, match="too long") as caught:
        write_whole(long, b"")
    assert caught.value.filename == str(long)
