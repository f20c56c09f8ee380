"""Error rates and coverage over simulated studies with fixed seeds; `./scripts/bench intervals`
simulates more of them, and compares the methods that were tried."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from assay.statistics import (
    ALPHA,
    chance_to_show,
    compare_outcomes,
    detectable,
    holm,
    holm_confidence,
    importances,
    look_levels,
    looks,
    paired_t,
    repeats_needed,
    share_interval,
)
from assay.statistics.divergence import Outcome

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from importances import PLAN, search
from intervals import NOISE, TRIALS, coverage, family_wise_error
from verdicts import wrong_verdicts

STUDIES = 2000
SLACK = 3 * (0.05 * 0.95 / STUDIES) ** 0.5


def studies(noise, n):
    return NOISE[noise](np.random.default_rng(n), (STUDIES, TRIALS, n))


@pytest.mark.parametrize("design", ["one at a time", "factorial"])
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(
    "noise",
    ["normal", "lognormal", "bad runs", "bad runs, steady baseline", "lognormal, steady baseline"],
)
def test_equal_trials_are_called_different_in_at_most_5_percent_of_the_studies(noise, n, design):
    assert family_wise_error(studies(noise, n), design) <= 0.05 + SLACK


def test_a_paired_t_test_alone_does_not_hold_that():
    x = studies("bad runs, steady baseline", 5)
    assert family_wise_error(x, "one at a time", "paired t") > 0.25
    assert (
        family_wise_error(studies("bad runs, steady baseline", 10), "one at a time", "paired t")
        > 0.5
    )


@pytest.mark.parametrize(
    ("n", "share", "levels"),
    [(2, 0.5, 1), (2, 0.3, 3), (3, 0.5, 3), (5, 0.2, 1), (10, 0.2, 1), (10, 0.3, 1)],
)
def test_sides_that_diverge_equally_often_are_called_different_in_at_most_5_percent(
    n, share, levels
):
    rng, studies = np.random.default_rng(7), 1500
    seeds, called = range(n), 0
    for _ in range(studies):
        worst, sides = 0.9 + 0.01 * rng.normal(size=n).min(), []
        for _ in range(1 + levels):
            values, lost = 0.9 + 0.01 * rng.normal(size=n), rng.random(n) < share
            worst = min([worst, *values[~lost]])
            sides.append((values, lost))
        base, *others = (
            Outcome(*[dict(zip(seeds, np.where(lost, bad, values), strict=True))
                      for bad in (worst, 0.0)], diverged=int(lost.sum()))
            for values, lost in sides
        )  # fmt: skip
        p = [compare_outcomes(other, base, metric="test_accuracy").p for other in others]
        called += (holm(np.array(p)) < ALPHA).any()
    assert called / studies <= 0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5


@pytest.mark.parametrize(("n", "sure"), [(2, False), (3, True), (5, True)])
def test_a_side_that_diverged_is_as_surely_worse_as_that_is_rare(n, sure):
    values = dict(enumerate(0.9 + 0.01 * np.random.default_rng(0).normal(size=n)))
    lost = Outcome(*[dict.fromkeys(values, bad) for bad in (min(values.values()), 0.0)], diverged=n)
    found = compare_outcomes(lost, Outcome(values, values), metric="test_accuracy")
    assert found.p == pytest.approx(2 / 4**n)
    assert (found.high < 0) == (found.p < ALPHA) == sure


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_of_a_mean_hold_it_95_percent_of_the_time_or_more(n):
    normal = coverage(studies("normal", n))
    assert 0.95 - SLACK <= normal <= 0.96 + SLACK
    for noise in ("lognormal", "bad runs", "bad runs, steady baseline"):
        x = studies(noise, n)
        # few runs of a skewed distribution often do not show that it is skewed
        least = 0.91 if (noise, n) == ("lognormal", 3) else 0.94
        assert coverage(x) >= least, noise
        assert coverage(x, allow=False) < 0.89


def test_the_interval_of_a_decision_leaves_out_zero_where_the_test_calls_a_difference():
    rng = np.random.default_rng(5)
    d = rng.normal(rng.choice([0.0, 1.5, 4.0], (STUDIES, 6, 1)), 1, (STUDIES, 6, 5))
    p = paired_t(d).p
    levels = holm_confidence(p)
    made = [paired_t(d[i, j], levels[i, j]) for i in range(300) for j in range(6)]
    apart = [t.low > 0 or t.high < 0 for t in made]
    called = holm(p)[:300] < ALPHA
    assert apart == called.ravel().tolist()
    assert 200 < called.sum() < 1600
    assert levels.min() == pytest.approx(0.95)
    assert levels.max() == pytest.approx(1 - 0.05 / 6)


def test_of_the_intervals_beside_called_differences_at_most_5_percent_miss():
    rng = np.random.default_rng(6)
    true = rng.choice([0.0, 1.0, 4.0], (STUDIES, 6, 1))
    d = rng.normal(true, 1, (STUDIES, 6, 5))
    p = paired_t(d).p
    called = holm(p) < ALPHA
    half = np.vectorize(lambda level: _quantile(level, 4))(holm_confidence(p))
    half *= d.std(-1, ddof=1) / 5**0.5
    missed = np.abs(d.mean(-1) - true[..., 0]) > half
    share = (missed & called).sum(-1) / np.maximum(called.sum(-1), 1)
    assert share.mean() <= 0.05


def _quantile(level, freedom):
    from scipy.special import stdtrit

    return stdtrit(freedom, (1 + level) / 2)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_of_p_better_holds_it_at_least_95_percent_of_the_time(n):
    for true in (0.5, 0.7, 0.9):
        wins = np.random.default_rng(n).binomial(n, true, 4000)
        ends = {w: share_interval(w / n, n) for w in range(n + 1)}
        held = [ends[w][0] <= true <= ends[w][1] for w in wins]
        assert np.mean(held) >= 0.945


@pytest.mark.parametrize("noise", ["normal", "lognormal", "bad runs", "unequal spreads"])
def test_looking_again_and_again_errs_at_most_5_percent_of_the_time(noise):
    x = NOISE[noise](np.random.default_rng(4), (3000, 2, 30))
    assert wrong_verdicts(x) <= 0.05 + 3 * (0.05 * 0.95 / 3000) ** 0.5
    assert noise != "normal" or wrong_verdicts(x, corrected=False) > 0.15


def test_importances_of_a_simulated_search_name_what_matters():
    found = importances(PLAN, search(60, np.random.default_rng(0)), resamples=2)
    assert [row["parameter"] for row in found] == ["a", "b", "c"]
    assert found[-1]["fanova"].value < 0.2


def test_the_levels_of_one_look_and_of_many():
    assert look_levels([7], 0.05) == pytest.approx([0.05])
    # Pocock's constant for five equal looks is 2.413, a level of 0.0158 each; the spending function
    # comes near it
    assert look_levels([1, 2, 3, 4, 5], 0.05) == pytest.approx([0.0158] * 5, rel=0.15)
    assert looks(3) == [3]
    assert looks(12) == [4, 5, 6, 8, 10, 12]


def test_power_is_what_simulation_finds():
    d = np.random.default_rng(0).normal(1.5, 1, (20_000, 5))
    assert chance_to_show(1.5, 1, 5) == pytest.approx((paired_t(d).p < 0.05).mean(), abs=0.01)
    size = detectable(5, 2.0, 0.01)
    assert chance_to_show(size, 2.0, 5, 0.01) == pytest.approx(0.8)
    n = repeats_needed(0.5, 1.0)
    assert chance_to_show(0.5, 1, n - 1) < 0.8 <= chance_to_show(0.5, 1, n)
    assert repeats_needed(1e-6, 1.0) is None
    assert detectable(1, 1.0) == np.inf
    for n in (5, 6):  # equal differences are tested by their signs: 0.0625 and 0.03125
        assert chance_to_show(0.01, 0, n) == (paired_t(np.full(n, 0.01)).p <= 0.05) == (n == 6)
    assert repeats_needed(0.01, 0.0) == 6
    assert detectable(5, 0.0) == np.inf
    assert detectable(6, 0.0) == 0


@pytest.mark.parametrize("n", [2, 3, 5, 30, 1000])
@pytest.mark.parametrize("level", [0.05, 0.005, 0.00005])
def test_power_of_few_runs_and_large_differences(n, level):
    critical = stats.t.isf(level / 2, n - 1)
    for difference in (0.01, 1.0, 3.0, 10.0, 14.0, 30.0, 100.0):
        shift = difference * n**0.5
        known = stats.nct.sf(critical, n - 1, shift) + stats.nct.sf(critical, n - 1, -shift)
        assert chance_to_show(difference, 1.0, n, level) == pytest.approx(known, abs=1e-6)
    size = detectable(n, 1.0, level)
    assert chance_to_show(size, 1.0, n, level) == pytest.approx(0.8)
    assert repeats_needed(1.0001 * size, 1.0, level) == n
