"""What is decoded or estimated once is kept with a digest; a damaged cache is made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.data import cifar10
from assay.data.catalog import ENTRIES
from assay.data.storage import keep_arrays, kept_arrays


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_arrays_are_kept_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "new" / "a.safetensors"
    assert kept_arrays(path) is None
    keep_arrays(path, {"a": np.arange(6).reshape(2, 3).T})
    kept = kept_arrays(path)
    assert kept is not None
    assert kept["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    for place in range(len(path.read_bytes())):
        flip(path, place)
        assert kept_arrays(path) is None
        flip(path, place)
    (tmp_path / "file").write_text("")
    keep_arrays(tmp_path / "file" / "a", {})  # no room: it costs time only
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_damaged_decoded_images_are_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    images, labels = np.ones((3, 2, 2, 3), np.uint8), np.arange(3, dtype=np.uint8)
    read: list[int] = []

    def decode() -> tuple[np.ndarray, np.ndarray]:
        read.append(1)
        return images, labels

    def again() -> int:
        found = cifar10._kept(ENTRIES["cifar10"].sources[0], decode)
        assert all(map(np.array_equal, found, (images, labels)))
        return len(read)

    assert [again(), again()] == [1, 1]
    (path,) = (tmp_path / "decoded").iterdir()
    flip(path, -1)
    assert [again(), again()] == [2, 2]
