"""Intervals over test images."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.seeds import stream
from assay.statistics import image_interval


def test_the_interval_of_one_run_is_that_of_a_share():
    """900 of 1,000 right: 0.9 ± 1.96 sqrt(0.9 x 0.1 / 1000) = ± 0.0186."""
    right = np.arange(1000)[None] < 900
    found = image_interval(right)
    assert found.value == 0.9
    assert found.low == pytest.approx(0.9 - 0.0186, abs=0.001)
    assert found.high == pytest.approx(0.9 + 0.0186, abs=0.001)
    assert image_interval(right) == found


def test_equal_trials_differ_by_nothing_whatever_the_images():
    right = stream(0, "right").random((3, 500)) < 0.8
    found = image_interval(right, right)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_images_are_compared_one_by_one():
    """Both fail on the same hard images: the difference is known far better than each of them."""
    hard = stream(1, "hard").random(2000) < 0.3
    a, b = ~hard[None], ~hard[None].copy()
    b[0, :20] = False
    alone, together = image_interval(a), image_interval(a, b)
    assert together.half_width < alone.half_width / 2
    assert together.low > 0


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_it_covers_what_it_says(share: float):
    """Fixed networks on 600 test sets of 400 images each: the true share lies in 95 % of them."""
    rng = stream(2, "cover")
    found = [
        image_interval(rng.random((1, 400)) < share, resamples=999, seed=i) for i in range(600)
    ]
    held = np.mean([one.low <= share <= one.high for one in found])
    assert 0.925 <= held <= 0.97


def test_too_few_images_have_no_interval():
    assert np.isnan(image_interval(np.ones((3, 1))).low)
