"""Two trials beside each other: the table of `assay compare`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.reports import compare_trials
from assay.statistics import by_trial


def test_two_trials_are_compared_metric_by_metric(study):
    plan, records = study("tour")
    runs = by_trial(records)
    cnn, mlp = (runs[plan["trials"][i]["trial_id"]] for i in (1, 0))
    table = compare_trials(cnn, mlp, ("CNN", "MLP"))
    main = table.rows[0]
    assert (main["metric"], main["n"], main["paired"]) == ("test_accuracy", 5, True)
    assert main["p_adjusted"] >= main["p"]
    assert main["p_better"] == 1
    assert table.headers[1:3] == ["CNN", "MLP"]
    assert compare_trials([], []).rows == ()


def test_a_difference_of_two_trials_ends_where_the_metric_does(study):
    plan, records = study("tour")
    runs = by_trial(records)
    two = [[r for r in runs[trial["trial_id"]] if r.seed < 2] for trial in plan["trials"][:2]]
    # differences of 0 and -0.6 have a wide interval
    values = [r.metrics["test_accuracy"] - 0.6 * far for far, r in enumerate(two[1])]
    worse = [replace(r, metrics={"test_accuracy": v}) for r, v in zip(two[0], values, strict=True)]
    main = compare_trials(worse, two[1]).rows[0]
    assert (main["metric"], main["n"]) == ("test_accuracy", 2)
    assert (main["low"], main["high"]) == (-1, 1)


def test_a_note_is_said_once_with_the_metrics_that_it_is_about(study):
    plan, records = study("tour")
    runs = by_trial(records)
    a, b = (runs[plan["trials"][i]["trial_id"]] for i in (0, 1))
    b = [
        replace(r, metrics={**r.metrics, "val_loss": other.metrics["val_loss"] + 1})
        for other, r in zip(a, b, strict=True)
    ]
    alike = "Validation loss: the difference is the same in every pair"
    assert compare_trials(a, b).notes[:1] == (alike,)
    notes = compare_trials(a, b[:3]).notes
    assert notes[:2] in ((alike, "unpaired runs left out: 2"), ("unpaired runs left out: 2", alike))


def test_means_of_two_trials_make_the_room_that_their_difference_does(study):
    plan, records = study("tour")
    two = [
        [
            replace(r, metrics={"test_accuracy": 0.9 + 0.001 * (r.seed % 5) - far * (r.seed == 3)})
            for r in by_trial(records)[trial["trial_id"]]
        ]
        for trial, far in zip(plan["trials"][:2], (0.0, 0.4), strict=True)
    ]
    (main,) = compare_trials(*two).rows
    margin = main["margin"]
    assert margin > 0.1
    half = 2.776445 * main["a_std"] / 5**0.5
    assert main["a_low"] == pytest.approx(main["a"] - half - margin, abs=1e-6)


def test_a_trial_that_diverged_is_worse_than_one_that_did_not(study):
    plan, records = study("tour")
    runs = by_trial(records)[plan["trials"][0]["trial_id"]]
    lost = [replace(run, status="diverged", metrics={}) for run in runs]
    (main, *_), (again, *_) = (
        compare_trials(*sides).rows for sides in ((lost, runs), (runs, lost))
    )
    assert (main["metric"], main["verdict"]) == ("test_accuracy", "worse")
    assert again["verdict"] == "better"
    assert compare_trials(lost, lost).rows == ()
