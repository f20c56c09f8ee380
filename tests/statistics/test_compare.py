"""Comparisons: textbook tests, Holm by hand, error rates by simulation, sides without spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.statistics import (
    BadRuns,
    Comparison,
    compare,
    holm,
    paired_t,
    share_interval,
    verdict_of,
    welch_t,
)

# "Student" 1908: extra hours of sleep of ten patients with two soporifics
SLEEP_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def seeds(values):
    return dict(enumerate(np.asarray(values, dtype=float).tolist()))


def test_the_sleep_data_of_student():
    paired = paired_t(SLEEP_2 - SLEEP_1)
    assert paired.difference == pytest.approx(1.58)
    assert paired.p == pytest.approx(0.002833, abs=1e-6)
    assert (paired.low, paired.high) == pytest.approx((0.7001142, 2.4598858))
    welch = welch_t(SLEEP_2, SLEEP_1)
    assert welch.p == pytest.approx(0.07939, abs=1e-5)
    assert (welch.low, welch.high) == pytest.approx((-0.2054832, 3.3654832))


def test_welch_agrees_with_scipy_for_unequal_sizes():
    a, b = np.random.default_rng(0).normal(0, 1, 7), np.random.default_rng(1).normal(1, 3, 4)
    assert welch_t(a, b).p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_five_pairs_can_reach_a_level_that_five_signs_cannot():
    assert paired_t(np.array([0.9, 1.0, 1.1, 1.0, 1.05])).p < 0.001 < 0.0625


def test_holm_by_hand():
    # sorted .01 .02 .03 .04 times 4 3 2 1 is .04 .06 .06 .04, made monotone
    assert holm(np.array([0.03, 0.01, 0.04, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1, 1])
    # a comparison that could not be tested still counts
    assert holm(np.array([np.nan, 0.01])) == pytest.approx([np.nan, 0.02], nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p):
    raw, adjusted = np.array(p), holm(np.array(p))
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(p), 1) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_equal_levels_of_a_whole_study_are_called_different_at_most_5_percent_of_the_time():
    rng = np.random.default_rng(7)
    studies, levels, n = 10_000, 9, 5
    baseline = rng.normal(size=(studies, 1, n))
    p = paired_t(rng.normal(size=(studies, levels, n)) - baseline).p
    single = np.mean(p < 0.05)
    study = np.mean((holm(p) < 0.05).any(-1))
    assert 0.045 < single < 0.055
    assert study < 0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5
    assert np.mean((p < 0.05).any(-1)) > 0.15  # without the correction it would not hold


def test_pairing_by_seed_finds_what_the_spread_between_seeds_hides():
    luck = np.random.default_rng(3).normal(0, 0.05, 5)
    a, b = seeds(0.9 + luck + [0.001, -0.001, 0, 0.001, 0]), seeds(0.89 + luck)
    paired = compare(a, b)
    unpaired = compare(a, {seed + 100: value for seed, value in b.items()})
    assert paired.paired
    assert paired.test == "paired t"
    assert paired.p < 0.001
    assert not unpaired.paired
    assert unpaired.test == "Welch"
    assert unpaired.p > 0.05
    assert unpaired.difference == pytest.approx(paired.difference)


def test_runs_without_a_partner_are_left_out_and_said_so():
    found = compare(seeds([0.9, 0.8, 0.7, 0.6]), {0: 0.8, 1: 0.75, 2: 0.5})
    assert (found.n, found.difference) == (3, pytest.approx((0.1 + 0.05 + 0.2) / 3))
    assert "unpaired runs left out: 1" in found.note


@pytest.mark.parametrize(
    ("difference", "test", "p"),
    [(0.0, "sign", 1.0), (0.01, "sign", 0.0625), (-0.3, "sign", 0.0625), (1e6, "sign", 0.0625)],
)
def test_differences_without_spread(difference, test, p):
    b = np.array([0.3, 0.7, 0.55, 0.61, 0.42])
    found = compare(seeds(b + difference), seeds(b))
    assert (found.test, found.p) == (test, pytest.approx(p))
    ends = (min(difference, 0), max(difference, 0))  # five equal signs do not reach 0.05
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-9)
    assert found.p_better.value == {0.0: 0.5, 0.01: 1.0, -0.3: 0.0, 1e6: 1.0}[difference]
    assert "same in every pair" in found.note


def test_two_constant_sides_that_are_not_paired():
    a = dict.fromkeys(range(3), 0.1)
    same = compare(a, {seed + 9: 0.1 for seed in range(3)})
    other = compare(a, {seed + 9: 0.2 for seed in range(3)})
    assert (same.p, same.difference) == (1, 0)
    # of the 20 ways to deal six values, two are as extreme
    assert (other.test, other.p) == ("permutation", pytest.approx(0.1))
    assert other.least_p == other.p
    # sums of the same numbers in another order differ by rounding
    large = [1e6 + 0.1, 1e6 + 0.1 + 1e-9, 1e6 + 0.1]
    rounded = compare(seeds(large), {seed + 9: 2e6 for seed in range(3)})
    assert (rounded.test, rounded.p) == ("permutation", pytest.approx(0.1))


def test_equal_unpaired_runs_are_equivalent_where_so_many_could_show_a_difference():
    def of(value, n, first):
        return dict.fromkeys(range(first, first + n), value)

    for n, m in ((3, 3), (4, 4), (2, 8), (2, 7)):  # 2 of 20, 70, 45 and 36 ways to deal them
        same = compare(of(0.9, n, 0), of(0.9, m, 100))
        apart = compare(of(0.8, n, 0), of(0.9, m, 100))
        verdicts = [verdict_of("test_accuracy", c, c.p, 0.01) for c in (same, apart)]
        clear = (n, m) in ((4, 4), (2, 8))
        known = ["equivalent", "worse"] if clear else ["no significant difference"] * 2
        assert verdicts == known, (n, m)


def test_one_run_has_no_interval_and_none_no_difference():
    one = compare({0: 0.9}, {0: 0.8})
    assert one.difference == pytest.approx(0.1)
    assert np.isnan([one.low, one.high, one.p]).all()
    assert one.note == "one run, no interval"
    assert compare({0: 0.9}, {}).n == 0


def test_p_better_counts_wins_with_ties_half_in_the_metric_s_direction():
    a, b = seeds([3.0, 1.0, 2.0, 5.0]), seeds([2.0, 2.0, 2.0, 1.0])
    assert compare(a, b).p_better.value == pytest.approx(2.5 / 4)
    assert compare(a, b, higher_is_better=False).p_better.value == pytest.approx(1.5 / 4)
    far = {seed + 50: value for seed, value in b.items()}
    # by hand: 3 beats all, 1 ties one, 2 beats one and ties three, 5 beats all
    found = compare(a, far)
    assert found.p_better.value == pytest.approx((4 + 0.5 + 2.5 + 4) / 16)
    # 16 pairs of 8 runs are as certain as 4 independent ones
    assert (found.p_better.low, found.p_better.high) == share_interval(11 / 16, 4)


def test_the_spread_of_a_difference_is_that_of_pairs_or_of_both_sides():
    a, b = seeds([3.0, 1.0, 2.0, 6.0]), seeds([2.0, 2.0, 2.5, 1.0])
    assert compare(a, b).std == pytest.approx(np.std([1, -1, -0.5, 5], ddof=1))
    far = {seed + 50: value for seed, value in b.items()}
    sides = [np.var(list(x.values()), ddof=1) for x in (a, b)]
    assert compare(a, far).std == pytest.approx(sum(sides) ** 0.5)


@pytest.mark.parametrize(
    ("n", "m", "shared", "paired"),
    [
        (1, 5, 1, True),
        (2, 5, 1, False),
        (3, 5, 1, False),
        (3, 5, 2, True),
        (4, 5, 2, True),
        (6, 6, 2, False),
    ],
)
def test_runs_are_paired_if_half_of_them_and_two_have_a_partner(n, m, shared, paired):
    a = {seed: 0.9 + seed / 100 for seed in range(n)}
    b = {seed + n - shared: 0.8 + seed / 90 for seed in range(m)}
    found = compare(a, b)
    assert (found.paired, found.n) == (paired, shared if paired else min(n, m))


def test_p_better_interval_and_its_threshold():
    rng = np.random.default_rng(0)
    b = rng.normal(size=40)
    clear, slight = compare(seeds(b + 1), seeds(b)), compare(seeds(rng.normal(size=40)), seeds(b))
    better = compare(seeds(b + rng.normal(0.8, 1, 40)), seeds(b))
    assert clear.meaningful
    assert better.meaningful
    assert not slight.meaningful
    wins = np.where(np.arange(200) < 120, 1.0, -1.0)  # surely more than half, surely not 3 in 4
    often = compare(seeds(b[:1] + wins), seeds(np.zeros(200) + b[:1]))
    assert often.p_better.low > 0.5
    assert not often.meaningful
    assert better.p_better.low < better.p_better.value < better.p_better.high


def test_the_interval_of_a_share_by_hand():
    # none of n: 1 - 0.025 ** (1 / n); symmetric
    low, high = share_interval(0.0, 5)
    assert (low, high) == (0, pytest.approx(1 - 0.025**0.2))
    assert share_interval(1.0, 5) == (pytest.approx(0.025**0.2), 1)
    assert share_interval(0.5, 5) == pytest.approx(
        (share_interval(0.4, 5)[0], share_interval(0.6, 5)[1])
    )
    assert np.isnan(share_interval(1.0, 1)).all()


def test_a_bad_run_elsewhere_in_the_study_makes_a_comparison_careful():
    a, b = seeds([0.91, 0.92, 0.91, 0.93, 0.92]), seeds([0.90, 0.90, 0.90, 0.91, 0.90])
    sure, careful = compare(a, b), compare(a, b, bad=BadRuns(low=-0.01, high=0.0, runs=1))
    assert sure.p < 0.01 < 0.05 < careful.p
    assert careful.difference == sure.difference
    assert careful.low < 0 < sure.low
    assert careful.low == pytest.approx(sure.low - 0.01)
    assert careful.high == pytest.approx(sure.high + 0.01)  # the other side may go badly, too


def test_the_margin_keeps_interval_and_test_together():
    rng = np.random.default_rng(2)
    d = rng.normal(1, 1, (2000, 5))
    a, b = rng.normal(1, 1, (2000, 5)), rng.normal(0, 3, (2000, 4))
    for t in (paired_t(d, 0.95, 0.3), welch_t(a, b, 0.95, 0.3)):
        assert ((t.p < 0.05) == ((t.low > 0) | (t.high < 0))).all()
        assert 0 < (t.p < 0.05).mean() < 0.9


@pytest.mark.parametrize(("n", "family", "verdict"), [
    (2, 1, "no significant difference"),
    (5, 1, "no significant difference"),
    (6, 1, "equivalent"),
    (6, 2, "no significant difference"),
    (7, 2, "equivalent"),
])  # fmt: skip
def test_a_few_differences_that_are_the_same_show_no_equivalence(n, family, verdict):
    # nor do so many show a difference: p of their signs is 2 ** (1 - n)
    same = dict.fromkeys(range(n), 0.9)
    found = compare(same, same, confidence=1 - 0.05 / family)
    assert verdict_of("test_accuracy", found, 1.0, 0.01, 1 - 0.05 / family) == verdict
    apart = compare({s: v + s / 1e6 for s, v in same.items()}, same)
    assert verdict_of("test_accuracy", apart, 0.5, 0.01) == "equivalent"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.004, 0.003, "equivalent"),
        (-0.05, 0.001, "no significant difference"),
        (-0.001, 0.05, "no significant difference"),
        (-0.01, 0.001, "no significant difference"),
    ],
)
def test_the_whole_interval_of_equivalent_levels_lies_within_what_does_not_matter(
    low, high, verdict
):
    found = Comparison(5, True, "paired t", (low + high) / 2, low, high, 0.2)
    assert verdict_of("test_accuracy", found, 0.2, equivalence=0.01) == verdict
