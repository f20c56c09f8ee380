"""Estimates: textbook values, coverage by simulation, and what is never averaged in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from assay.core.records import Record
from assay.statistics import (
    BadRuns,
    bad_runs,
    estimate,
    estimate_runs,
    find_bad_runs,
    paired_t,
    t_interval,
)


def run(seed, value, status="finished"):
    metrics = {} if value is None else {"test_accuracy": value}
    return Record(f"r{seed}", "t", seed, status, {}, {}, metrics)


def test_an_estimate_by_hand():
    # mean 3, variance (4+1+0+1+4)/4 = 2.5, t(4, 0.975) = 2.776445
    found = estimate([1.0, 2, 3, 4, 5])
    assert (found.n, found.mean, found.median, found.minimum, found.maximum) == (5, 3, 3, 1, 5)
    assert found.std == pytest.approx(2.5**0.5)
    assert found.half_width == pytest.approx(2.776445 * (2.5 / 5) ** 0.5, abs=1e-6)


def test_intervals_of_five_normal_runs_cover_the_mean_95_percent_of_the_time():
    values = np.random.default_rng(1).normal(0.9, 0.01, (20_000, 5))
    _, low, high = t_interval(values)
    assert 0.93 < np.mean((low <= 0.9) & (high >= 0.9)) < 0.97


@pytest.mark.parametrize(("level", "n"), [(0.9, 3), (0.99, 12)])
def test_intervals_agree_with_scipy(level, n):
    values = np.random.default_rng(n).normal(size=n)
    ends = stats.t.interval(level, n - 1, values.mean(), stats.sem(values))
    assert t_interval(values, level)[1:] == pytest.approx(ends)


def test_one_run_and_no_run_have_no_interval():
    one, none = estimate([0.5]), estimate([], diverged=2)
    assert one.mean == 0.5
    assert np.isnan([one.std, one.low, one.high]).all()
    assert none.n == 0
    assert none.diverged == 2
    assert np.isnan(none.mean)


def test_diverged_and_failed_runs_are_counted_and_not_averaged():
    runs = [run(0, 0.9), run(1, 0.8), run(2, 0.1, "diverged"), run(3, None, "failed")]
    found = estimate_runs([*runs, run(4, float("nan"))], "test_accuracy")
    assert (found.n, found.diverged, found.failed) == (2, 1, 2)
    assert found.mean == pytest.approx(0.85)


def test_an_interval_ends_where_the_metric_does():
    runs = [run(0, 0.999), run(1, 0.98), run(2, 0.999)]
    found = estimate_runs(runs, "test_accuracy")
    assert found.high == 1
    assert found.low < 0.98
    errors = [Record(str(s), "t", s, "finished", {}, {}, {"test_loss": v}) for s, v in
              enumerate((0.1, 0.2, 0.6))]  # fmt: skip
    assert estimate_runs(errors, "test_loss").low == 0


def test_a_bad_run_is_one_that_its_trial_and_the_study_do_not_expect():
    steady = [[0.90, 0.91, 0.92], [0.89, 0.90, 0.91]]
    low, high, number, *_ = find_bad_runs(np.array([*steady, [0.90, 0.40, 0.91]]))
    often = 1 - 0.1 ** (1 / 9)  # no bad run of 9 has this bound; one of 9 a larger one
    assert low < -0.5 * often
    assert (high, number) == (0, 1)
    for third in ([0.40, 0.60, 0.90], [0.4, 0.4, 0.41], [0.93, np.nan, np.nan]):
        assert find_bad_runs(np.array([*steady, third]))[2] == 0
    assert find_bad_runs(np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.9]]))[2] == 0  # no spread
    trials = {"a": [run(s, 0.9 + s / 100) for s in range(5)], "b": [run(0, 0.1)], "c": []}
    assert bad_runs(trials, "test_accuracy") == BadRuns()
    assert bad_runs({}, "test_accuracy") == BadRuns()
    trials["a"][2] = run(2, 0.1)
    assert bad_runs(trials, "test_accuracy").runs == 1


def test_an_interval_makes_room_for_bad_runs():
    values = [0.90, 0.91, 0.92, 0.91, 0.90]
    alone, careful = estimate(values), estimate(values, bad=BadRuns(low=-0.5, high=0.0, runs=1))
    assert careful.low == pytest.approx(alone.low - 0.5)
    assert careful.high == alone.high
    assert careful.mean == alone.mean


def test_a_sample_that_surely_varies_less_makes_less_room():
    values = np.array([0.90, 0.91, 0.92, 0.91, 0.90])
    # with 4 degrees of freedom, chi-squared is above 0.0908 with 99.9 %
    widest = values.std(ddof=1) * (4 / 0.0908) ** 0.5
    for spread, share in [(2 * widest, 0.5), (widest / 2, 1), (0, 1)]:
        bad = BadRuns(low=-0.5, high=0.2, runs=1, spread=spread)
        found = bad.among(values)
        assert (found.low, found.high) == pytest.approx((-0.5 * share, 0.2 * share), rel=1e-3)
        assert bad.among(values, values + 10 * widest * (values > 0.91)) == bad
        assert estimate(values).low - estimate(values, bad=bad).low == pytest.approx(-found.low)
    none = BadRuns(low=-0.5, high=0.2, runs=1, spread=1.0)
    for unknown in ([0.9, 0.9, 0.9], [0.9]):
        assert none.among(np.array(unknown)) == none


@pytest.mark.parametrize(
    ("deviations", "most", "least"),
    [((1,) * 10, 0.02, 0.9), ((0.05,) * 5 + (1,) * 5, 0.1, 0.7), ((0.2,) * 5 + (1,) * 5, 0.2, 0.7)],
)
def test_trials_that_vary_unequally_have_no_bad_runs_for_that(deviations, most, least):
    """Nor lose comparisons of those that vary little the power to find three deviations."""
    x = np.random.default_rng(0).normal(size=(2000, 10, 5)) * np.array(deviations)[:, None]
    found = find_bad_runs(x)
    assert np.mean(found.runs > 0) < most
    d = x[:, 1] - x[:, 0] + 3 * deviations[0]
    assert np.mean(paired_t(d, margin=found.among(d).margin).p < 0.05) > least


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("easy", [0.05, 0.2, 0.5])
def test_trials_of_an_easy_and_a_hard_dataset_have_no_bad_runs_for_that(easy, n):
    datasets, spreads = ["easy"] * 5 + ["hard"] * 5, np.array([easy] * 5 + [1] * 5)[:, None]
    x = np.random.default_rng(n).normal(size=(2000, 10, n)) * spreads
    assert np.mean(find_bad_runs(x, datasets).runs > 0) <= 0.05
    for trial in (0, -1):
        y = x.copy()
        y[:, trial, 1] -= 10 * spreads[trial]
        assert np.mean(find_bad_runs(y, datasets).runs > 0) >= (0.75 if n == 3 else 0.9), trial


def test_bad_runs_are_far_among_runs_of_their_dataset():
    rng = np.random.default_rng(0)
    trials = {}
    for name, spread in (("mnist", 0.001), ("cifar10", 0.02)):
        for k in range(4):
            values = rng.normal(0.9, spread, 5)
            trials[f"{name} {k}"] = [
                replace(run(s, v), config={"dataset": {"name": name}}) for s, v in enumerate(values)
            ]
    assert bad_runs(trials, "test_accuracy").runs == 0
    wrong = trials["mnist 0"][2]
    trials["mnist 0"][2] = replace(wrong, metrics={"test_accuracy": 0.88})
    assert bad_runs(trials, "test_accuracy").runs == 1
    trials["cifar10 0"] = [replace(r, config={}) for r in trials["cifar10 0"]]  # an imported trial
    assert bad_runs(trials, "test_accuracy").runs == 1


def test_a_bad_run_among_trials_that_vary_unequally_is_found():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 10, 5)) * np.array([0.05] * 5 + [1] * 5)[:, None]
    for trial, far, least in [(0, 3.0, 0.7), (7, 30.0, 0.95)]:
        y = x.copy()
        y[:, trial, 2] -= far
        assert np.mean(find_bad_runs(y).runs > 0) > least, trial


def test_room_is_made_for_skewness_that_all_trials_show_together():
    tail = np.array([[0.0, 0.1, 0.2, 0.4, 1.2]] * 3)
    d = tail[0] - tail[0].mean()
    skewness = (d**3).mean() / (d**2).mean() ** 1.5
    found = find_bad_runs(tail)
    assert found.skewness == pytest.approx(skewness)
    assert found.high == pytest.approx(1.25 * skewness * tail[0].std(ddof=1) / 5**0.5)
    assert (found.low, found.runs) == (0, 0)
    # of 5 normal values, the variance of skewness is 6 (5 - 2) / ((5 + 1) (5 + 3)) = 0.375
    assert found.chance == pytest.approx(2 * stats.norm.sf(skewness / (0.375 / 3) ** 0.5))
    below = find_bad_runs(-tail)
    assert (below.low, below.high) == (-found.high, 0)
    assert below.skewness == -found.skewness
    for few in (tail[:1], np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])):
        assert find_bad_runs(few) == (0, 0, 0, 0, 0, 1)
    mixed = np.array([*tail, [0.5, np.nan, np.nan, np.nan, np.nan], [1.0] * 5])
    assert find_bad_runs(mixed).skewness == pytest.approx(skewness)
