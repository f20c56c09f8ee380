"""Trials are called by their levels, and the answer says among what the best was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.reports import answers, results
from assay.reports.names import candidates_text, named, trial_names
from assay.reports.views import curves, run_values

LEVELS = ["glorot_uniform", "he_uniform", "zeros"]


@pytest.fixture
def one_factor(study):
    """The first three initializers of the study of factors, as a study of their own."""
    plan, records = study("factors")
    factor = "network.kernel_initializer"
    wanted = ["baseline", *(f"kernel_initializer = {level}" for level in LEVELS)]
    kept = [t for t in plan["trials"] if t["label"] in wanted]
    trials = [{**t, "levels": {factor: t["levels"][factor]}} for t in kept]
    ids = {t["trial_id"] for t in trials}
    small = {**plan, "trials": trials, "factors": {factor: LEVELS}, "comparisons": []}
    return small, [r for r in records if r.trial_id in ids]


def test_one_factor_names_its_levels_everywhere(one_factor):
    plan, records = one_factor
    assert list(trial_names(plan).values()) == LEVELS
    table = results(plan, records)
    assert [row["name"] for row in table.rows] == LEVELS
    assert table.rows[0]["trial"] == "baseline"  # for machines as ever
    first = table.texts()[0][0]
    assert first in ("glorot_uniform (baseline)", "glorot_uniform (best, baseline)")
    assert run_values(plan, records, "test_accuracy")[0]["name"] == "glorot_uniform (baseline)"
    assert curves(plan, records)[0]["name"] == "glorot_uniform (baseline)"
    assert [t["label"] for t in named(plan)["trials"]] == LEVELS
    assert named(plan)["baseline"] == "glorot_uniform"
    assert named(named(plan)) == named(plan)


def test_the_answer_names_the_level_and_what_it_was_chosen_among(one_factor):
    said = answers(*one_factor)["best"][0]["text"]
    assert "uniform is the best of 3 initializers by validation accuracy; it reaches" in said


def test_a_tie_by_validation_is_said(one_factor):
    plan, records = one_factor
    tied = [replace(r, metrics={**r.metrics, "val_accuracy": 0.5}) for r in records]
    said = answers(plan, tied)["best"][0]["text"]
    assert said.startswith(
        "glorot_uniform, he_uniform and zeros are tied for the best of 3 initializers by "
        "validation accuracy (50.00 %). glorot_uniform comes first in the study; it reaches "
    )


def test_a_baseline_of_several_factors_says_its_levels_and_given_labels_stay(study):
    plan, _ = study("factors")
    names = list(trial_names(plan).values())
    assert names[0].startswith("kernel_initializer = glorot_uniform, activation = relu, ")
    assert names[1] == "kernel_initializer = he_uniform"
    plan, _ = study("trouble")
    assert list(trial_names(plan).values()) == [t["label"] for t in plan["trials"]]


def test_candidates_have_a_word_of_their_own(study):
    plan, _ = study("tour")
    assert candidates_text(plan, plan["trials"], 4) == "4 combinations"
    assert candidates_text(plan, plan["trials"][:2], 2) == "2 networks"
    plan, _ = study("factors")
    assert candidates_text(plan, plan["trials"], 18) == "18 trials"
    one = {"factors": {"network.dropout": []}}
    trials = [{"levels": {"network.dropout": level}} for level in "012"]
    assert candidates_text(one, trials, 3) == "3 levels of dropout"
