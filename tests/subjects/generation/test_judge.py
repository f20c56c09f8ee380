"""Numbers of test pictures do not depend on their order, which may be that of their classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from assay.data.dataset import FitData, Split
from assay.subjects.generation import judge
from assay.subjects.generation.judge import Judge

DARK, BRIGHT = 0, 200


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch, few_resamples: None) -> Judge:
    """A judge of 600 dark and then 600 bright test pictures, whose distance is that of their
    lights."""

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a.mean((1, 2, 3)) - b.mean((1, 2, 3)))

    features = SimpleNamespace(distance=apart, transform=lambda images: images.reshape(-1, 16))
    monkeypatch.setattr(judge, "look", lambda fit, steps: features)
    lights = np.repeat(np.array([DARK, BRIGHT], np.uint8), 600)
    test = Split(np.full((1200, 4, 4, 1), lights[:, None, None, None]), lights // BRIGHT)
    few = Split(test.images[::100], test.targets[::100])
    fit = FitData("lights", few, few, np.zeros(1, np.float32), np.ones(1, np.float32))
    return Judge(fit, lambda: test, 0)


def test_the_floor_of_a_path_is_the_mean_distance_of_any_two_pictures(ordered: Judge) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 4, 1), np.uint8)
    # half of all pairs are of equal light: 100, with a standard error of 4.5 over 500 pairs
    assert ordered.paths(frames)["floor_path_length"] == pytest.approx(BRIGHT / 2, abs=15)


def test_reconstructions_are_of_pictures_of_all_places(ordered: Judge) -> None:
    places = ordered.tested
    assert len(np.unique(places)) == 1000
    assert 450 < np.sum(places >= 600) < 550
    dark = np.full((1000, 4, 4, 1), DARK, np.uint8)
    share = np.mean(places >= 600)
    found = ordered.reconstruction(dark)["reconstruction_error"]
    assert found == pytest.approx(np.sqrt(share) * BRIGHT / 255)
