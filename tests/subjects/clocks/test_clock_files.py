"""Drawing clocks into files: what is asked for is bounded before anything is drawn."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from assay.core.errors import ConfigError, StoreError
from assay.subjects.clocks.app import train_reader
from assay.subjects.clocks.files import write_clocks


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 10**12}, {"size": 7}, {"size": 10**7}])
def test_numbers_are_bounded(tmp_path, wrong):
    expected = r"expected --n from 1 to 1,000,000 and --size from 8 to 2,048, got"
    with pytest.raises(ConfigError, match=expected):
        write_clocks(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_room_on_the_disk_is_looked_for_first(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_000))
    with pytest.raises(StoreError, match="5,760 bytes are needed, 5,000 are free"):
        write_clocks(tmp_path, n=10, size=24)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_in_the_middle_is_said(tmp_path, monkeypatch):
    save = np.save

    def full(stream, array, **options):
        if array.dtype == np.uint8:  # the labels, which come last
            raise OSError(28, "No space left on device")
        save(stream, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StoreError, match=r"cannot write .*: No space left on device"):
        write_clocks(tmp_path, n=10, size=24)
    assert not (tmp_path / "labels.npy").exists()


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_training_has_an_end(tmp_path, minutes):
    with pytest.raises(ConfigError, match=r"minutes must be in \(0, 100,000\]"):
        train_reader(minutes=minutes, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
