"""The reader that comes with assay, as a new user has it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from assay.core.digests import check_seal
from assay.subjects.clocks.app import find_reader
from assay.subjects.clocks.reading.reader import Reader
from assay.subjects.clocks.render import render
from assay.subjects.clocks.time import distance


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return find_reader(store=tmp_path_factory.mktemp("empty"))


def test_it_is_small():
    path = files("assay.subjects.clocks") / "readers" / "any.safetensors"
    assert Path(str(path)).stat().st_size < 5_000_000


def test_it_bears_its_checksum():
    path = files("assay.subjects.clocks") / "readers" / "any.safetensors"
    check_seal(path.read_bytes())


def test_it_reads_clocks_that_it_never_saw(shipped: Reader):
    """92 of 100 on average over 3,600 others; 60 drawn now vary by 3.5 in 100."""
    times = np.arange(0, 720, 12)
    images = render(times, style="any", seed=2026).images
    sights = [shipped.read(image[..., None]) for image in images]
    apart = distance(np.array([s.minutes for s in sights]), times)
    assert (apart <= 1).mean() > 0.8
    assert any(s.certainty > 0.9 for s in sights)


def test_colours_of_equal_brightness_are_told_apart(shipped: Reader):
    """A red dial with hands of a green that is as bright."""
    image = render(np.array([250]), style="any", seed=4).images[0].astype(float) / 255
    flat = np.stack([np.zeros_like(image), np.zeros_like(image), np.zeros_like(image)], -1)
    flat[..., 0] = 0.2 + 0.7 * image  # what the red glass shows
    flat[..., 1] = (0.6 - 0.299 * flat[..., 0]) / 0.587  # grey says 0.6 everywhere
    picture = (flat.clip(0, 1) * 255).round().astype(np.uint8)
    plain = shipped.read((image[..., None] * 255).round().astype(np.uint8))
    assert plain.minutes == 250
    assert shipped.read(picture).minutes == 250


def test_noise_is_no_clock(shipped: Reader):
    noise = np.random.default_rng(0).integers(0, 256, (20, 150, 150, 1), np.uint8)
    assert not any(shipped.read(picture).readable for picture in noise)
