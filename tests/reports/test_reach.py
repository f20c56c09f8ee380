"""Axes: what fails or has a wide interval is marked at the edge and squeezes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assay.reports.comparisons import difference_text
from assay.reports.curve_figures import curve_reach, fitting
from assay.reports.forest import draw_effects, effect_reach
from assay.reports.reach import Reach, Spread, reach
from assay.statistics import Comparison, effects


def spreads(*middles):
    return [Spread(m, [m - 0.1, m + 0.1]) for m in middles]


def test_one_failure_is_left_outside():
    found = reach(spreads(97.0, 97.5, 96.8, 9.0))
    assert found.outside == {3}
    assert 96 < found.low < 96.7
    assert 97.6 < found.high < 98.5
    assert found.beyond(9.0) == -1
    assert not found.complete


@pytest.mark.parametrize("middles", [(97.0, 9.0), (45.0, 46.0, 34.0, 10.0), (97.0, 97.1), (1.0,)])
def test_what_can_be_seen_together_is_shown_together(middles):
    found = reach(spreads(*middles))
    assert not found.outside
    assert found.low < min(middles) <= max(middles) < found.high


def test_half_of_the_values_are_no_failure():
    assert not reach(spreads(97.0, 97.1, 9.0, 9.1)).outside


def test_an_interval_reaches_as_far_again_as_the_values():
    found = reach(
        [Spread(40.0, [39.0, 41.0], [-60.0, 140.0]), Spread(44.0, [43.0, 45.0], [42.5, 45.5])]
    )
    assert found.cut
    assert found.low > 39 - 7
    assert found.high < 45 + 7
    alone = reach([Spread(40.0, [], [-60.0, 140.0])], (0.0, 100.0))
    assert not alone.cut
    assert alone.low < 1 < 99 < alone.high


def test_the_narrowest_interval_is_seen_whole():
    found = reach([Spread(-0.1, (), [-5.4, 5.2]), Spread(-10.3, (), [-45.6, 25.0])], always=(0.0,))
    assert not found.outside
    assert found.low < -10.3
    assert found.low > -45
    assert found.high > 5.2


def test_no_interval_is_cut_where_the_axis_has_almost_room():
    ends = [(9.7, -100.0, 100.0), (-51.2, -100.0, 100.0), (-63.5, -100.0, 12.9)]
    found = reach([Spread(middle, (), [low, high]) for middle, low, high in ends], always=(0.0,))
    assert not found.cut
    assert found.low < -100 < 100 < found.high


def test_nothing_at_all_has_an_axis():
    assert reach([Spread(math.nan)]) == Reach()
    assert reach([Spread(2.0)]).low < 2.0 < reach([Spread(2.0)]).high
    assert reach([Spread(0.0)]).low < 0.0


def test_zero_stays_on_the_axis_of_differences_and_a_failure_has_its_number(study):
    plan, records = study("factors")
    first, *more = effects(plan, records, "test_accuracy")
    found = effect_reach([first, *more])
    assert found.low < 0 < found.high
    small = [
        replace(
            first,
            level=level,
            comparison=Comparison(5, True, difference=d, low=d - 0.001, high=d + 0.001),
        )
        for level, d in (("a", 0.004), ("b", -0.003), ("zeros", -0.88))
    ]
    assert effect_reach(small).outside == {2}
    figure = draw_effects(small)
    said = [t.get_text() for t in figure.axes[0].texts]
    assert "−88.00" in said


def test_an_interval_without_zero_does_not_seem_to_end_there(study):
    plan, records = study("factors")
    first, *_ = effects(plan, records, "test_accuracy")
    near = Comparison(5, True, difference=0.01, low=0.0001, high=0.0199)
    assert difference_text(near, "test_accuracy") == "+1.00 (0.01 to 1.99)"
    figure = draw_effects([replace(first, comparison=near)])
    assert any("+1.00  [0.01, 1.99]" in t.get_text() for t in figure.axes[0].texts)
    far = replace(near, low=-0.0001)
    assert difference_text(far, "test_accuracy") == "+1.0 (0.0 to 2.0)"


def panel(*finals, half=0.001):
    def series(final):
        mean = final * (1 - 0.2 * np.exp(-np.arange(20) / 2.0))
        n = np.full(20, 2)
        return {"x": np.arange(20), "mean": mean, "low": mean - half, "high": mean + half, "n": n}

    lines = [{"curve": {"series": {"val_accuracy": series(f)}, "axis": "epoch"}} for f in finals]
    return {"title": "", "lines": lines}


def test_curves_leave_out_a_level_that_fails_and_bands_that_fill_the_axes():
    assert curve_reach(panel(0.97, 0.96, 0.95, 0.1), "accuracy").outside == {3}
    assert not curve_reach(panel(0.97, 0.6), "accuracy").outside
    assert fitting(panel(0.97, 0.96), "accuracy")
    assert not fitting(panel(0.97, 0.96, half=0.4), "accuracy")
