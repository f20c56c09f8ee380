"""What differs between the runs of a trial: seeds, and splits or drawn pictures as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.core.errors import ConfigError
from assay.core.records import run_config, trial_id
from assay.reports.closer import closer_looks
from assay.reports.predictions import pictures
from assay.studies.plan import make_plan
from assay.studies.study import parse_study


def study(**more: Any) -> dict[str, Any]:
    small = {
        "study": "splits",
        "dataset": {"name": "digits", "train": 200, "validation": 300},
        "network": {"family": "mlp", "hidden": [8]},
        "training": {"epochs": 2},
        "repeats": 3,
        "factors": {"network.activation": ["relu", "tanh"]},
    }
    return {**small, **more}


def test_the_seed_decides_the_split_and_the_trial_stays_one():
    plan = make_plan(parse_study(study(vary=["seed", "split"], seed=4)))
    runs = list(plan.configs())
    assert [c["dataset"]["split_seed"] for c in runs] == [4, 4, 5, 5, 6, 6]
    assert [trial_id(c) for c in runs] == [t.id for t in plan.trials] * 3
    assert plan.to_json()["vary"] == ["seed", "split"]


def test_without_it_names_stay_as_they_were():
    plain, said = (make_plan(parse_study(s)) for s in (study(), study(vary="seed")))
    assert [t.id for t in plain.trials] == [t.id for t in said.trials]
    assert plain.runs() == said.runs()
    other = make_plan(parse_study(study(vary=["seed", "split"])))
    assert not {t.id for t in other.trials} & {t.id for t in plain.trials}
    config = plain.trials[0].config
    assert run_config(config, 3) == {**config, "seed": 3}


def test_runs_are_trained_on_their_own_split_and_tested_on_the_same_images(tmp_path: Path):
    results = assay.run(study(vary=["seed", "split"]), store=tmp_path)
    records = results.records()
    assert {r.seed: r.config["dataset"]["split_seed"] for r in records} == {0: 0, 1: 1, 2: 2}
    prints = {r.seed: r.provenance["dataset_fingerprint"] for r in records}
    assert len(set(prints.values())) == 3
    tested = [r.predictions["test_target"] for r in records]
    assert all(np.array_equal(t, tested[0]) for t in tested)
    table = results.trials_table()
    assert [row["n"] for row in table.rows] == [3, 3]
    assert "seeds and choices of training and validation images" in table.notes[0]
    assert results.effects()[0].comparison.paired
    again = assay.run(study(vary=["seed", "split"]), store=tmp_path)
    assert len(again.records()) == 6


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        (["split"], "vary needs seed as well, which distinguishes the runs of a trial"),
        (["seed", "pictures"], "digits does not render images, only its split can vary"),
        (["seed", "spilt"], "unknown entry of vary 'spilt'; did you mean 'split'?"),
    ],
)
def test_what_cannot_vary_is_said(vary: list[str], said: str):
    with pytest.raises(ConfigError) as caught:
        parse_study(study(vary=vary))
    assert str(caught.value).count(said) == 1


def test_pictures_of_a_run_are_of_its_own_test_images(tmp_path: Path):
    """With fewer test images than there are, the seed chooses them as well."""
    data = {"name": "digits", "train": 200, "validation": 100, "test": 50}
    results = assay.run(study(vary=["seed", "split"], dataset=data), store=tmp_path)
    note = results.trials_table().notes[0]
    assert "seeds and choices of training, validation and test images" in note
    tested = [r.predictions["test_target"].tolist() for r in results.records()]
    assert len({str(targets) for targets in tested}) == 3
    for record in results.records():
        shown = pictures(results.dataset, record, [0, 1])
        assert (shown["missing"], len(shown["images"])) == (None, 2)
    looks = closer_looks(results.plan, results.records(), results.dataset)
    assert {look["mistakes"]["missing"] for look in looks} == {None}
