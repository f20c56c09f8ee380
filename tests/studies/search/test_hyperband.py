"""Rungs and brackets against numbers worked out by hand and printed in the paper."""

from __future__ import annotations

import math

import pytest

from assay.studies.search.hyperband import hyperband, promoted, successive_halving


def plain(brackets):
    return [[(r.trials, r.epochs) for r in b.rungs] for b in brackets]


def test_the_brackets_of_the_paper():
    """Table 1 of Li et al. 2018: R = 81, eta = 3."""
    assert plain(hyperband(81, 1, 3)) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def test_budgets_that_do_not_divide():
    # 10 / 3 = 3.33 -> 3, 10 / 9 = 1.11 -> 1
    assert plain(hyperband(10, 1, 3)) == [
        [(9, 1), (3, 3), (1, 10)],
        [(5, 3), (1, 10)],
        [(3, 10)],
    ]
    assert plain(hyperband(10, 4, 3)) == [[(1, 10)]]
    assert plain(hyperband(1)) == [[(1, 1)]]


def test_epochs_count_only_what_is_trained():
    # 9 trials of 1, 3 more of 2, 1 more of 7
    assert hyperband(10, 1, 3)[0].epochs == 9 * 1 + 3 * 2 + 1 * 7


def test_successive_halving_is_one_bracket():
    assert plain(successive_halving(27, 27)) == [[(27, 1), (9, 3), (3, 9), (1, 27)]]
    # eight trials allow one division by three, twice would leave none
    assert plain(successive_halving(8, 27)) == [[(8, 9), (2, 27)]]


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_rungs_rise_and_thin_out(eta: int):
    for bracket in hyperband(50, 2, eta):
        for before, after in zip(bracket.rungs, bracket.rungs[1:], strict=False):
            assert after.epochs > before.epochs >= 2
            assert after.trials <= before.trials / eta
        assert bracket.rungs[-1].epochs == 50


def test_the_best_are_promoted_and_never_a_diverged_one():
    values = {0: 0.5, 1: None, 2: 0.9, 3: 0.5, 4: math.nan, 5: 0.1}
    assert promoted(values, 2, True) == [0, 2]
    assert promoted(values, 2, False) == [0, 5]
    assert promoted(values, 6, True) == [0, 2, 3, 5]
    assert promoted(values, 0, True) == []
