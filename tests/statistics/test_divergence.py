"""Diverged runs in comparisons: the values that they count as, and the price of choosing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import runs

from assay.statistics.compare import compare
from assay.statistics.divergence import Outcome, compare_outcomes, outcomes


def found(metric, lost=(0,)):
    """The outcome of a trial with values 0.2 to 0.4 and diverged runs, among values 0.1 to 0.6."""
    trials = {
        "a": runs("a", [0.3, 0.2, 0.3, 0.4, 0.3], status=dict.fromkeys(lost, "diverged")),
        "b": runs("b", [0.5, 0.1, 0.5, 0.6, 0.5]),
    }
    named = {
        name: [replace(r, metrics={metric: r.metrics["test_accuracy"]}) for r in mine]
        for name, mine in trials.items()
    }
    return outcomes(named, metric)["a"]


@pytest.mark.parametrize(
    ("metric", "mild", "harsh"),
    [
        ("test_accuracy", 0.1, 0.0),  # the worst run, and the end of the range
        ("test_loss", 0.6, 0.6 + 10 * (0.6 - 0.1)),  # without an end, far beyond the worst run
    ],
)
def test_a_diverged_run_counts_as_the_worst_there_is_and_as_the_worst_possible(metric, mild, harsh):
    a = found(metric)
    assert (a.mild[0], a.harsh[0]) == (pytest.approx(mild), pytest.approx(harsh))
    assert {seed: a.mild[seed] for seed in a.mild if seed} == {1: 0.2, 2: 0.3, 3: 0.4, 4: 0.3}
    assert (a.diverged, a.left_out) == (1, 0)


def test_where_nothing_says_what_is_worse_diverged_runs_are_left_out():
    a = found("test_of_no_direction", lost=(0, 3))
    assert a.mild == a.harsh == {1: 0.2, 2: 0.3, 4: 0.3}
    assert (a.diverged, a.left_out) == (0, 2)


def test_the_choice_of_the_smaller_of_two_p_doubles_it():
    better = {0: 0.91, 1: 0.93, 2: 0.92, 3: 0.94, 4: 0.92}
    worse = {0: 0.80, 1: 0.88, 2: 0.84, 3: 0.90, 4: 0.83}
    extreme = {**worse, 0: 0.0}  # one value so far away hides the others
    a, b = Outcome(worse, extreme, diverged=1), Outcome(better, better)
    both = compare_outcomes(a, b, metric="test_accuracy")
    alone = compare(worse, better, confidence=0.975)
    assert both.p == pytest.approx(2 * alone.p)
    assert (both.low, both.high) == (alone.low, alone.high)
    assert both.p < compare(extreme, better).p
