"""Searches that propose a configuration twice, and what diverges in them."""

from __future__ import annotations

import math

import pytest

from assay.core.records import Record, mean_metric
from assay.reports.search_views import ranked, search_table
from assay.statistics import best_so_far, finished_trials, search_trials

BRACKETS = [
    {"rungs": [{"trials": 2, "epochs": 1}, {"trials": 1, "epochs": 3}]},
    {"rungs": [{"trials": 1, "epochs": 3}]},
]


def record(run, value, status="finished"):
    metrics = {"val_accuracy": value}
    timing = {"train": 10.0, "images_per_second": 100.0}
    return Record(run, "t", 0, status, {}, {}, metrics, timing=timing)


def trial(number, *rungs, same_as=None):
    """Rungs are (epochs, wave, *runs)."""
    return {
        "number": number,
        "label": f"#{number}",
        "values": {"a": number},
        "shown": {},
        "group": 0,
        "same_as": same_as,
        "rungs": [{"epochs": e, "wave": w, "runs": runs} for e, w, *runs in rungs],
    }


def plan(*trials, brackets=()):
    about = {"objective": "val_accuracy", "higher_is_better": True, "brackets": list(brackets)}
    return {"study": "s", "search": {**about, "trials": list(trials)}}


def test_a_configuration_stopped_in_one_bracket_may_win_in_another():
    searched = plan(
        trial(0, (1, 0, "x1")),
        trial(1, (1, 0, "y1"), (3, 1, "y3")),
        trial(2, (3, 2, "x3"), same_as=0),
        trial(3, (3, 2, "x3"), same_as=0),
        brackets=BRACKETS,
    )
    records = [record("x1", 0.4), record("y1", 0.5), record("y3", 0.6), record("x3", 0.9)]
    trials = search_trials(searched, records)
    assert [t.label for t in finished_trials(trials)] == ["#1", "#2"]
    assert [t.label for t in ranked(searched, trials)] == ["#2", "#1"]
    # every run is charged once
    assert [sum(s.seconds for s in t.steps) for t in trials] == [10, 20, 10, 0]
    assert best_so_far(trials, True)[-1]["seconds"] == 40


def test_the_best_so_far_had_its_complete_budget():
    """A value at a rung is drawn, but text and tables name no trial the best by it."""
    searched = plan(trial(0, (1, 0, "a1"), (3, 1, "a3")), trial(1, (1, 0, "b1")), brackets=BRACKETS)
    records = [record("a1", 0.95), record("a3", 0.8), record("b1", 0.9)]
    course = best_so_far(search_trials(searched, records), True)
    assert [(e["value"], e["whole"]) for e in course] == [(0.95, 0), (0.9, 0), (0.8, 1)]
    assert [e["best"] for e in course[:2]] == pytest.approx([math.nan] * 2, nan_ok=True)
    assert course[-1]["best"] == pytest.approx(0.8)


def test_what_diverges_costs_time_and_has_no_value():
    searched = plan(
        trial(0, (None, 0, "a")), trial(1, (None, 0, "b1", "b2")), trial(2, (None, 0, "c"))
    )
    records = [
        record("a", math.nan, "diverged"),
        record("b1", 0.99),
        record("b2", math.nan, "diverged"),
        record("c", 0.9),
    ]
    (entry,) = best_so_far(search_trials(searched, records), True)
    assert entry["best"] == entry["value"] == pytest.approx(0.9)
    assert (entry["trials"], entry["seconds"], entry["images"]) == (3, 40, 4000)


def test_of_two_that_were_completed_the_first_stands_for_both_as_in_the_search():
    searched = plan(
        trial(0, (3, 0, "x3")),
        trial(1, (1, 0, "x1"), (3, 1, "x3"), same_as=0),
        brackets=BRACKETS,
    )
    trials = search_trials(searched, [record("x1", 0.4), record("x3", 0.9)])
    assert [t.label for t in finished_trials(trials)] == ["#0"]


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (record("b", math.nan), "failed"),
        (record("b", math.inf), "failed"),
        (record("b", math.nan, "diverged"), "diverged"),
        (record("b", math.nan, "failed"), "failed"),
        (None, "missing"),
    ],
)
def test_a_trial_has_one_value_wherever_it_is_asked(second, state):
    runs = [record("a", 0.8), second]
    assert math.isnan(mean_metric(runs, "val_accuracy"))  # by which the search itself compares
    searched = plan(trial(0, (None, 0, "a", "b")))
    (found,) = search_trials(searched, [run for run in runs if run])
    assert found.state == state
    assert math.isnan(found.value)
    assert math.isnan(found.steps[-1].value)
    assert not finished_trials([found])
    assert not best_so_far([found], True)


def test_the_value_of_a_trial_is_the_mean_over_its_runs():
    runs = [record("a", 0.8), record("b", 0.6)]
    (found,) = search_trials(plan(trial(0, (None, 0, "a", "b"))), runs)
    assert found.value == found.steps[-1].value == mean_metric(runs, "val_accuracy") == 0.7


@pytest.mark.parametrize("folds", [None, 2])
def test_folds_are_no_independent_runs_and_the_table_says_so(folds):
    searched = plan(trial(0, (3, 0, "a", "b")))
    searched["search"] |= {"space": [], "chosen": [], "folds": folds}
    records = [record("a", 0.8), record("b", 0.9)]
    trials = search_trials(searched, records)
    (note,) = [n for n in search_table({**searched, "trials": []}, trials).notes if "±" in n]
    assert note.startswith("± is half of the 95 % t-interval of the mean over n repeats")
    assert ("folds share training images" in note) == (folds is not None)
