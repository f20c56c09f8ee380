"""Which runs answer for a page."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from assay.apps.api import run
from assay.apps.web.asking import best_runs
from assay.apps.web.pages import Site
from assay.apps.web.shelf import Shelf
from assay.apps.web.views import best
from assay.core.records import Record
from assay.core.store import Store


def record(name: str, value: float, *, weights: bool) -> Record:
    arrays = {"w": np.ones(2, np.float32)} if weights else {}
    metrics = {"val_accuracy": value}
    return Record(name, "t", 0, "finished", {}, {}, metrics, weights=arrays)


def test_the_best_run_is_one_that_can_answer(tmp_path: Path):
    """The best has kept no weights: the second best is asked."""
    shelf = Shelf(tmp_path / "store")
    site = Site(tmp_path / "store", None, shelf)
    assert best_runs(site, lambda r: "all", "val_accuracy", lowest=False) == {}
    with Store(tmp_path / "store") as store:
        store.add(record("a" * 16, 0.9, weights=False))
        store.add(record("b" * 16, 0.8, weights=True))
        store.add(record("c" * 16, 0.7, weights=True))
    found = best_runs(site, lambda r: "all", "val_accuracy", lowest=False)
    assert [r.run_id for r in found.values()] == ["b" * 16]
    shelf.close()


@pytest.mark.parametrize(
    ("setting", "said"),
    [({}, ""), ({"validate_on_test": True}, "read while tuning"), ({"refit": True}, "meaningless")],
)
def test_the_best_of_a_study_tells_what_its_choice_is_worth(setting, said, store, tmp_path: Path):
    copied = shutil.copytree(store, tmp_path / "store")
    with Store(copied) as changed:
        plan = changed.plan("small")
        for trial in plan["trials"]:
            trial["config"]["dataset"].update(setting)
        changed.save_plan(plan)
    shelf = Shelf(copied)
    found = best(shelf, "small")
    assert found["value"]
    assert said in found["note"]
    assert bool(found["note"]) == bool(setting)
    shelf.close()


def test_trials_on_other_data_are_not_compared(tmp_path: Path):
    study = {
        "study": "two",
        "dataset": {"name": "digits", "train": 60, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [4]},
        "training": {"epochs": 1},
        "repeats": 1,
        "factors": {"dataset.permute": [None, 1]},
    }
    run(study, store=tmp_path, on="inline", progress=False)
    shelf = Shelf(tmp_path)
    found = best(shelf, "two")
    assert len(found["value"].split("; ")) == len(found["trial"].split("; ")) == 2
    shelf.close()
