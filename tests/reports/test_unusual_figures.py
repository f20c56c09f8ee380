"""Captions and notes that hold for usual studies only say something else of the others."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from assay.reports import effects_table
from assay.reports.class_figures import class_plot
from assay.reports.class_tables import class_tables
from assay.reports.image_intervals import images_table
from assay.reports.picture_figures import mistake_plot
from assay.reports.search_figures import omitted
from assay.reports.search_views import search_sentences
from assay.reports.sections import curves_plot, effects_plot, runs_plot
from assay.statistics import SearchTrial, effects, estimate, why_no_best
from assay.statistics.searches import Step

METRIC = "test_accuracy"


def changed(plan, section, **settings):
    """The plan with other settings of its trials."""
    plan = copy.deepcopy(plan)
    for trial in plan["trials"]:
        trial["config"][section].update(settings)
    return plan


def first_runs(records):
    return [r for r in records if r.seed == 0]


def test_single_runs_have_no_interval_in_a_caption(study, images):
    plan, records = study("tour")
    for runs, several in ((records, True), (first_runs(records), False)):
        found = effects(plan, runs, METRIC)
        captions = [
            effects_plot(plan, METRIC, found).caption,
            curves_plot(plan, runs).caption,
            class_plot(plan, runs, images).caption,
            *class_tables(plan, runs, images)[0].notes,
        ]
        assert [("interval" in text) for text in captions] == [several] * 4
        assert ("Filled: significant" in captions[0]) == several


@pytest.mark.parametrize("tuned", [False, True])
def test_test_images_that_validate_are_used(study, tuned):
    plan, records = study("tour")
    plan = changed(plan, "dataset", validate_on_test=tuned)
    curves = [
        replace(r, curves={**r.curves, "test_loss": r.curves["val_loss"]}) for r in records[:10]
    ]
    drawn = curves_plot(plan, curves).caption
    assert "The study requests the test curve (dashed)" in drawn
    assert ("it is not used for selection" in drawn) == (not tuned)
    said = runs_plot(plan, records, METRIC).caption
    assert ("The best trial is chosen by validation, not by these values." in said) == (not tuned)


def test_no_best_trial_is_spoken_of_where_there_is_none(study):
    plan, records = study("tour")
    blind = [
        replace(r, metrics={k: v for k, v in r.metrics.items() if not k.startswith("val_")})
        for r in records
    ]
    plan = {**plan, "metric": "accuracy"}
    assert "best" not in runs_plot(plan, blind, METRIC).caption
    assert why_no_best(plan, blind) == "no run has a validation accuracy"
    assert why_no_best(plan, []) == "no run has finished"
    assert why_no_best({**plan, "metric": "oddness"}, blind) == (
        "it is unknown whether a higher oddness is better"
    )


def test_a_run_that_validation_did_not_choose_is_not_said_to_be_its_best(study, images):
    plan, records = study("tour")
    mine = [r for r in records if r.trial_id == plan["trials"][0]["trial_id"]]
    names = [str(i) for i in range(10)]
    for metric, chosen in (("accuracy", True), ("oddness", False)):
        asked = {**plan, "metric": metric}
        plot = mistake_plot(asked, "MLP", mine, images, names)
        assert ("the run with the best validation result" in plot.caption) == chosen
        assert "(seed " in plot.caption


def test_trials_on_other_test_images_are_not_compared_image_by_image(study):
    plan, records = study("tour")
    second = plan["trials"][1]["trial_id"]
    others = [
        r
        if r.trial_id != second
        else replace(
            r,
            predictions={k: np.roll(v, 1) for k, v in r.predictions.items()},
        )
        for r in records
    ]
    assert images_table(plan, records).rows[1]["against"] == "plain, MLP"
    assert images_table(plan, others).rows[1]["against"] == ""


def test_unpaired_comparisons_are_explained(study):
    plan, records = study("tour")
    second = plan["trials"][1]["trial_id"]
    apart = [replace(r, seed=r.seed + 10) if r.trial_id == second else r for r in records]
    said = "Unpaired: too few runs have a common seed, so Welch's t-test is used."
    assert said in effects_table(plan, apart).notes
    assert said not in effects_table(plan, records).notes


def test_an_axis_omits_only_what_it_omits():
    assert omitted(np.array([0.1, 0.9, 0.91, 0.92, 0.93]), METRIC)
    assert not omitted(np.array([0.9, 0.9, 0.9, 0.91, 0.92]), METRIC)


@pytest.mark.parametrize(
    ("stopped", "said"),
    [(0.5, "The best validation accuracy is 90.00 %"),
     (0.95, "The best validation accuracy of the trials with the whole budget is 90.00 %")],
)  # fmt: skip
def test_a_stopped_trial_with_a_better_value_is_not_denied(stopped, said):
    def trial(number, value, state):
        step = Step(3, number, estimate([value]), 10, 1.0, value)
        return SearchTrial(number, f"#{number}", {}, {}, 0, None, (step,), state)

    search = {
        "planned": 2, "sampler": "random", "objective": "val_accuracy", "higher_is_better": True,
        "space": [], "chosen": [], "trials": [],
    }  # fmt: skip
    trials = [trial(0, 0.9, "complete"), trial(1, stopped, "stopped")]
    assert any(t.startswith(said) for t in search_sentences({"search": search}, trials))


def test_the_caption_of_classes_says_where_their_axis_starts(study, images):
    plan, records = study("tour")
    for shift, starts in ((0, True), (1, False)):  # all right, from 90 %; all wrong, from 0
        runs = [
            replace(
                r,
                predictions={
                    **r.predictions,
                    "test_predicted": (r.predictions["test_target"] + shift) % 10,
                },
            )
            for r in records
        ]
        assert ("does not start at 0" in class_plot(plan, runs, images).caption) == starts
