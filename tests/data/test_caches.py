"""What is decoded or estimated once is kept with a digest; a damaged cache is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.data import cifar10, near_duplicates
from assay.data.catalog import ENTRIES
from assay.data.storage import fitted_once, keep_arrays, kept_arrays


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


def test_what_is_fitted_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "file" / "cache"))  # which cannot be made
    fitted = fitted_once("whitened", "1", np.zeros((2, 3)), lambda: {"mean": np.ones(3)})
    assert fitted["mean"].tolist() == [1, 1, 1]
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(OSError, match="of the fit itself"):
        fitted_once("whitened", "1", np.zeros((2, 3)), fails)
    assert not list(tmp_path.glob("whitened/*.safetensors"))


def fails() -> dict[str, np.ndarray]:
    raise OSError("of the fit itself")


def test_a_full_disk_leaves_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(stream: Any, array: np.ndarray, **options: Any) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setattr(np, "save", full)
    near_duplicates._remember("name", np.arange(3))
    assert list((tmp_path / "near-duplicates").iterdir()) == []


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
