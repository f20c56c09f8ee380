"""Results of single images are only compared where runs were tested on the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from assay.core.records import Record
from assay.reports.image_intervals import images_table
from assay.reports.predictions import mistakes

HALF = [0, 0, 1, 1]
"""Targets of data in the order of their classes: of any two halves they are equal."""


def run_of(trial: str, seed: int, answer: list[int], spec: dict) -> Record:
    kept = {
        "test_target": np.array(HALF),
        "test_predicted": np.array(answer, np.uint8),
        "test_confidence": np.array([0.9, 0.8, 0.7, 0.6], np.float16),
    }
    config = {"dataset": {"name": "digits", "test": None, "split_seed": 0} | spec}
    scores = {"val_accuracy": 0.5, "test_accuracy": 0.5}
    return Record(f"{trial}{seed}", trial, seed, "finished", config, {}, scores, kept)


def plan_of(*runs: Record) -> dict:
    first = {run.trial_id: run.config for run in reversed(runs)}
    trials = [{"trial_id": t, "label": t, "config": first[t]} for t in sorted(first)]
    return {"study": "s", "trials": trials, "metric": "accuracy"}


OTHERS = [
    ({"test": 4, "split_seed": 1}, {"test": 4}),
    ({"seed": 1}, {"seed": 0}),
    ({"fingerprint": "a"}, {"fingerprint": "b"}),
]


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_equal_targets_do_not_make_other_images_the_same(one, other):
    runs = [run_of("t", 0, [1, 0, 1, 1], one), run_of("t", 1, [1, 1, 1, 0], other)]
    found = mistakes({"trials": []}, runs)
    assert (found["n"], found["classes"][0]["items"][0]["wrong_in"]) == (1, 1)
    assert images_table(plan_of(*runs), runs) is None


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_trials_with_other_images_are_not_compared_image_by_image(one, other):
    runs = [run_of("a", 0, [1, 0, 1, 1], one), run_of("b", 0, [1, 1, 1, 0], other)]
    rows = images_table(plan_of(*runs), runs).rows
    assert [row["against"] for row in rows] == ["", ""]


def test_another_split_leaves_the_whole_test_set_as_it_is():
    runs = [run_of("t", s, [1, 0, 1, 1], {"split_seed": s}) for s in (0, 1)]
    runs += [run_of("u", s, [0, 0, 1, 1], {"split_seed": s, "train": 90}) for s in (0, 1)]
    assert mistakes({"trials": []}, runs[:2])["n"] == 2
    rows = images_table(plan_of(*runs), runs).rows
    assert [(row["n"], row["against"]) for row in rows] == [(2, ""), (2, "t")]
