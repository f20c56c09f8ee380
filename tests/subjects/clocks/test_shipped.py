"""The readers that come with assay, as a new user has them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from assay.core.digests import check_seal
from assay.subjects.clocks.app import STYLES, find_readers
from assay.subjects.clocks.reading.ensemble import Ensemble
from assay.subjects.clocks.reading.reader import Reader
from assay.subjects.clocks.render import render
from assay.subjects.clocks.render.photo_like import photo_like
from assay.subjects.clocks.time import distance


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    found = find_readers(store=tmp_path_factory.mktemp("empty"))
    assert isinstance(found, Ensemble)
    assert found.style == "any and course"
    return found


def test_they_are_small_and_bear_their_checksums():
    sizes = []
    for style in STYLES:
        path = files("assay.subjects.clocks") / "readers" / f"{style}.safetensors"
        check_seal(path.read_bytes())
        sizes.append(Path(str(path)).stat().st_size)
    assert sum(sizes) < 10_000_000


def test_a_reader_of_ones_own_or_one_that_is_named_reads_alone(tmp_path: Path):
    named = find_readers("course", tmp_path)
    assert isinstance(named, Reader)
    assert named.about["style"] == "course"
    (tmp_path / "readers").mkdir()
    named.save(tmp_path / "readers" / "any.safetensors")
    own = find_readers(store=tmp_path)
    assert isinstance(own, Reader)
    assert own.about["style"] == "course"


def test_it_reads_clocks_that_it_never_saw(shipped: Ensemble):
    """95 of 100 on average over 1,080 others; 60 drawn now vary by 2.8 in 100."""
    times = np.arange(0, 720, 12)
    images = render(times, style="any", seed=2026).images
    sights = [shipped.read(image[..., None]) for image in images]
    apart = distance(np.array([s.minutes for s in sights]), times)
    assert (apart <= 1).mean() > 0.85
    assert any(s.certainty > 0.9 for s in sights)


def test_photos_upside_down_are_read_and_the_sets_of_times_hold_the_true_one(shipped: Ensemble):
    """Of 60 such clocks of the course 59 were read within a minute; their sets held as many."""
    times = np.arange(5, 720, 12)
    drawn = render(times, style="course", seed=2027).images[..., None]
    images, _ = photo_like(drawn, np.random.default_rng(0), turn=True)
    sights = [shipped.read(image) for image in images]
    apart = distance(np.array([s.minutes for s in sights]), times)
    assert (apart <= 1).mean() > 0.9
    held = [
        any((t - first) % 720 <= (last - first) % 720 for first, last in sight.possible)
        for sight, t in zip(sights, times, strict=True)
    ]
    assert np.mean(held) > 0.85
    sure = np.array([s.certainty > 0.9 for s in sights])
    assert (apart[sure] <= 1).mean() > 0.9


def test_colours_of_equal_brightness_are_told_apart(shipped: Ensemble):
    """A red dial with hands of a green that is as bright."""
    image = render(np.array([250]), style="any", seed=4).images[0].astype(float) / 255
    flat = np.stack([np.zeros_like(image), np.zeros_like(image), np.zeros_like(image)], -1)
    flat[..., 0] = 0.2 + 0.7 * image  # what the red glass shows
    flat[..., 1] = (0.6 - 0.299 * flat[..., 0]) / 0.587  # grey says 0.6 everywhere
    picture = (flat.clip(0, 1) * 255).round().astype(np.uint8)
    plain = shipped.read((image[..., None] * 255).round().astype(np.uint8))
    assert plain.minutes == 250
    assert shipped.read(picture).minutes == 250


def test_noise_is_no_clock(shipped: Ensemble):
    noise = np.random.default_rng(0).integers(0, 256, (20, 150, 150, 1), np.uint8)
    assert not any(shipped.read(picture).readable for picture in noise)
