"""The first sentences of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.core.records import Record
from assay.reports.answers import answers, opening
from assay.reports.results import results
from assay.statistics import detectable, effects


def found(factor: str, *levels: str) -> tuple[dict[str, Any], list[Record], list[Any]]:
    """A study of one factor whose later levels are each worse than the first by 20 points."""
    plan: dict[str, Any] = {
        "study": "s",
        "design": "one_at_a_time",
        "factors": {factor: list(levels)},
        "trials": [
            {"label": level, "trial_id": level, "levels": {factor: level}, "config": {}, "runs": []}
            for level in levels
        ],
        "comparisons": [
            {"factor": factor, "level": level, "against": levels[0], "a": level, "b": levels[0]}
            for level in levels[1:]
        ],
    }
    records = []
    for place, level in enumerate(levels):
        rng = np.random.default_rng(place)
        for seed in range(5):
            value = (0.9 if not place else 0.7) + 0.005 * rng.standard_normal()
            metrics = {"test_accuracy": value, "val_accuracy": value}
            run = f"{level}-{seed}"
            records.append(Record(run, level, seed, "finished", {}, {}, metrics))
    return plan, records, effects(plan, records, "test_accuracy")


@pytest.mark.parametrize(
    ("factor", "levels", "said"),
    [
        ("training.learning_rate", ("0.1", "0.01"), "learning_rate = 0.01 is worse than 0.1 by "),
        ("network.hidden", ("[64]", "[8]"), "hidden = [8] is worse than [64] by "),
        ("network.batch_norm", ("true", "false"), "batch_norm = false is worse than true by "),
        ("trial", ("a", "b"), "b is worse than a by "),
    ],
)
def test_a_level_that_says_nothing_by_itself_has_the_name_of_its_factor(factor, levels, said):
    assert opening(*found(factor, *levels))[1].startswith(said)


def test_the_reader_is_told_where_the_other_comparisons_are():
    plan, records, effects = found("network.activation", "relu", "tanh", "elu")
    told = opening(plan, records, effects, where="below")[-1]
    assert told == (
        "2 of 2 comparisons are significant after Holm's correction; all of them are below."
    )
    assert opening(plan, records, effects)[-1].endswith("after Holm's correction.")


def test_data_without_a_finished_run_are_said_to_have_none():
    plan, records, effects = found("dataset.name", "mnist", "digits")
    for trial in plan["trials"]:
        trial["config"] = {"dataset": {"name": trial["trial_id"]}}
    half = [record for record in records if record.trial_id == "mnist"]
    assert "No run on digits has finished." in opening(plan, half, effects)
    blind = [Record(r.run_id, r.trial_id, r.seed, r.status, {}, {}, {}) for r in records]
    assert "no run has a validation accuracy" in opening(plan, blind, effects)[0]


def test_a_trial_that_is_passed_over_for_runs_that_did_not_finish_is_named():
    plan, records, _ = found("network.activation", "relu", "tanh", "elu")
    lost = [
        replace(r, status="diverged", metrics={}) if r.run_id == "relu-3" else r for r in records
    ]
    said = answers(plan, lost)["best"][0]["text"]
    assert said.startswith("tanh is the best of 2 activations of which every run finished, by ")
    note = "relu has a better mean on validation, but only of the runs that finished."
    assert said.endswith(f" {note}")
    assert note in results(plan, lost).notes
    whole = answers(plan, records)["best"][0]["text"]
    assert whole.startswith("relu is the best of 3 activations by validation accuracy; it reaches ")
    assert note not in results(plan, records).notes


def test_the_opening_says_that_a_difference_is_one_of_diverged_runs():
    plan, records, _ = found("network.activation", "relu", "tanh", "elu")
    lost = [
        replace(r, status="diverged", metrics={}) if r.trial_id == "elu" else r for r in records
    ]
    said = opening(plan, lost, effects(plan, lost))[-2]
    assert said.startswith("elu is worse than relu by ")
    assert said.endswith("; 5 runs of elu diverged, counted as the worst.")


def test_what_was_not_tested_is_not_called_insignificant():
    plan, records, _ = found("network.activation", "relu", "tanh", "elu")
    single = [r for r in records if r.seed == 0]
    said = opening(plan, single, effects(plan, single))
    assert said[-1] == "None of 2 comparisons could be tested."


def power_text(spreads, n=5, metric="test_accuracy", margin=0.0):
    """What is said of the power of comparisons with these standard deviations."""
    plan, records, effects = found("network.activation", "relu", *map(str, range(len(spreads))))
    made = [
        replace(e, metric=metric, comparison=replace(e.comparison, std=s, n=n, margin=margin))
        for e, s in zip(effects, spreads, strict=True)
    ]
    said = answers(plan, records, made)["beware"]
    return next((a["text"] for a in said if a["text"].startswith("With n")), "")


def test_the_detectable_difference_is_that_of_the_comparisons():
    size, many = detectable(5, 0.01, 0.05 / 2), "With n = 5 and 2 comparisons, "
    assert power_text([0.01, 0.01]) == (
        f"{many}a difference of {100 * size:.2f} points would be detected with 80 % power, "
        "one of half that size only rarely."
    )
    # what tests make room for is not detected
    assert f"of {100 * size + 20:.2f} points would" in power_text([0.01, 0.01], margin=0.2)
    assert power_text([0.001, 0.01]) == (
        f"{many}a difference of {10 * size:.2f} points would be detected with 80 % power where "
        f"pairs of runs vary least; where they vary most, one of {100 * size:.2f} points."
    )
    assert power_text([0.001, 0.5]).endswith("vary most, not even the largest possible.")
    assert power_text([0.5, 0.5]).endswith(
        "difference would be detected with less than 80 % power."
    )
    # a comparison that does not vary is none of those that "vary least"
    assert power_text([0.0, 0.0, 0.01]) == power_text([0.01, 0.01, 0.01])
    # "a difference of 106.09 points would be detected" is of no use where 100 are the most
    assert detectable(5, 0.4, 0.05 / 3) < 1 < detectable(5, 0.5, 0.05 / 3)
    assert power_text([0.4, 0.5, 0.5]).endswith("vary most, not even the largest possible.")
    assert power_text([0.0, 0.0]) == power_text([0.01, 0.01], n=1) == ""
