"""The arithmetic of the dial, by its properties."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.statistics import estimate, metric_of
from assay.subjects.clocks import time

MINUTES = st.integers(0, 719_999).map(lambda n: n / 1000)
TURNS = st.integers(-3, 3)


@given(MINUTES, MINUTES, TURNS)
def test_distance_is_a_metric_that_ignores_whole_turns(a, b, turns):
    assert 0 <= time.distance(a, b) <= 360
    assert np.isclose(time.distance(a, b), time.distance(b, a))
    assert np.isclose(time.distance(a + 720 * turns, b), time.distance(a, b), atol=1e-9)
    assert time.distance(a, a) == 0


@given(MINUTES, MINUTES, MINUTES)
def test_distance_keeps_the_triangle(a, b, c):
    assert time.distance(a, c) <= time.distance(a, b) + time.distance(b, c) + 1e-9


@given(MINUTES, MINUTES)
def test_difference_leads_back(a, b):
    assert -360 <= time.difference(a, b) < 360
    assert time.distance(b + time.difference(a, b), a) < 1e-9


@given(st.integers(-10_000_000, 10_000_000).map(lambda n: n / 1000))
def test_wrap_stays_inside_and_on_the_spot(value):
    assert 0 <= time.wrap(value) < 720
    assert time.distance(time.wrap(value), value) < 1e-9


@given(st.integers(0, 719), st.integers(-20, 20).map(lambda n: n / 10))
def test_mean_turns_with_the_times(start, offset):
    times = np.array([start - 3, start, start + 3]) % 720 + offset
    assert time.distance(time.mean(times), start + offset) < 1e-6


def test_known_times():
    assert time.distance(time.minutes_of(11, 55), time.minutes_of(0, 5)) == 10
    assert time.minutes_of(12, 0) == 0
    assert time.hands(time.minutes_of(3, 30)) == (210 / 720, 0.5)
    assert [time.text(m) for m in (5, 239, 719.6, 60)] == ["12:05", "3:59", "12:00", "1:00"]


def test_flips_and_wraps():
    read = np.array([60, 65, 30, 719, 100])
    true = np.array([0, 0, 0, 1, 100])
    assert time.hour_flip(read, true).tolist() == [True, True, False, False, False]
    assert time.wrapped_error(read, true).tolist() == [False, False, False, True, False]


def test_an_interval_of_a_mean_error_ends_at_half_a_dial():
    found = estimate([5.0, 340.0, 20.0], bounds=metric_of("test_minutes").bounds)
    assert (found.low, found.high) == (0.0, 360.0)
    assert metric_of("median_minutes").maximum == 360
