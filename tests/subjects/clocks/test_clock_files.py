"""Drawing clocks into files: what is asked for is bounded before anything is drawn."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

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


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_training_has_an_end(tmp_path, minutes):
    with pytest.raises(ConfigError, match=r"minutes must be in \(0, 100,000\]"):
        train_reader(minutes=minutes, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
