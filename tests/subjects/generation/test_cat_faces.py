"""The file of cat faces: pictures end to end."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from assay import data
from assay.core.errors import DataError
from assay.subjects.generation.cat_faces import read_jpegs


def jpegs(path, sides, **arrays):
    """Grey pictures of these sizes, end to end; `arrays` replace what the file holds."""
    files = []
    for side in sides:
        buffer = io.BytesIO()
        Image.new("L", side, 90).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    content = {"jpeg": np.frombuffer(b"".join(files), np.uint8)}
    content["offsets"] = np.cumsum([0, *map(len, files)])
    np.savez(path, **(content | arrays))
    return path


def test_pictures_end_to_end_are_read_one_by_one(tmp_path):
    path = tmp_path / "a.npz"
    assert read_jpegs(jpegs(path, [(64, 64)] * 2)).tolist() == np.full((2, 64, 64, 3), 90).tolist()
    for wrong, message in (
        ({"offsets": np.array(7)}, r"offsets must be whole numbers .files \+ 1,., got int64 \(\)"),
        ({"offsets": np.zeros(0, int)}, r"got int64 \(0,\)"),
        ({"offsets": np.array([0.0, 9.0])}, "offsets must be whole numbers"),
        ({"offsets": np.array([0, 40, 20])}, "offsets must rise from 0 to the number of bytes"),
        ({"offsets": np.array([0, 9])}, "offsets must rise from 0 to the number of bytes"),
        ({"offsets": np.arange(20_000)}, "19,999 files, at most 15,747 are read"),
        ({"jpeg": np.zeros((3, 3), np.uint8)}, r"expected bytes, uint8 \(n,\), got uint8 \(3, 3\)"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read_jpegs(jpegs(path, [(64, 64)], **wrong))
        assert str(path) in str(caught.value)
    for side, message in (
        ((64, 32), "picture 1 is 64x32 pixels"),
        ((9_000, 9_000), "picture 1 is unreadable .9000x9000 pixels, expected a width of 64"),
    ):
        with pytest.raises(DataError, match=message):
            read_jpegs(jpegs(path, [(64, 64), side]))


def test_a_dataset_that_nobody_offers_says_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    with pytest.raises(DataError, match=r"there is no download address; put cats64\.npz into"):
        data.get("cat-faces")
