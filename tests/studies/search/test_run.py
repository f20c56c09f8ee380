"""A whole search: what it trains, what it chooses, and that a kill changes nothing."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_command import HALVED, SPACE, search, study

from assay.apps.results import load
from assay.core.errors import ConfigError, StudyInterrupted
from assay.core.plans import planned_runs
from assay.core.records import Record
from assay.core.store import Store
from assay.core.store_care import collect_garbage
from assay.execution.events import Event
from assay.statistics import best_trial

HERE = Path(__file__).parent


def stored(path: Path) -> tuple[dict[str, Any], dict[str, Record]]:
    with Store(path, create=False, read_only=True) as store:
        plan = store.plan("searched")
        wanted = planned_runs(plan)
        return plan, dict(zip(wanted, store.records(wanted), strict=True))


@pytest.fixture(scope="module", params=["tpe", "hyperband"])
def undisturbed(request, tmp_path_factory) -> tuple[str, dict[str, Any], dict[str, Record]]:
    path = tmp_path_factory.mktemp("undisturbed")
    search(path, study(HALVED if request.param == "hyperband" else request.param))
    return request.param, *stored(path)


def test_kill_and_resume(tmp_path: Path, undisturbed):
    sampler, plan, records = undisturbed
    command = [sys.executable, HERE / "search_command.py", tmp_path, sampler]
    first = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert first.stdout is not None
    said = [first.stdout.readline() for _ in range(3)]
    while sum(line.startswith("finished") for line in said) < 9 and said[-1]:
        said.append(first.stdout.readline())
    first.send_signal(signal.SIGKILL)
    first.communicate()
    with Store(tmp_path) as store:
        before = store.present(records)
    assert 9 <= len(before) < len(records)
    _, summary = search(tmp_path, study(HALVED if sampler == "hyperband" else sampler))
    assert summary.trained <= len(records) - len(before)
    again, found = stored(tmp_path)
    assert json.dumps(again["search"]) == json.dumps(plan["search"])
    assert again["trials"] == plan["trials"]
    for name, record in records.items():
        np.testing.assert_array_equal(found[name].curves["val_loss"], record.curves["val_loss"])
        assert found[name].metrics == record.metrics


def test_search_runs_read_no_test_image_and_the_best_do_once(undisturbed):
    _, plan, records = undisturbed
    tried = {run for t in plan["search"]["trials"] for rung in t["rungs"] for run in rung["runs"]}
    last = {run for trial in plan["trials"] for run in trial["runs"]}
    assert tried | last == set(records)
    assert not tried & last
    for run in tried:
        assert not any("test" in name for name in records[run].metrics)
        assert not records[run].predictions
    for run in last:
        assert "test_accuracy" in records[run].metrics
    seeds = [{records[run].seed for run in runs} for runs in (tried, last)]
    assert seeds == [{0}, {1, 2}]


def test_the_best_on_validation_are_chosen(undisturbed):
    _, plan, records = undisturbed
    value = {}
    for trial in plan["search"]["trials"]:
        runs = trial["rungs"][-1]["runs"]
        if trial["rungs"][-1]["epochs"] == 3 and trial["same_as"] is None:
            value[trial["number"]] = records[runs[0]].metrics["val_accuracy"]
    best = sorted(value, key=lambda n: (-value[n], n))[:2]
    assert plan["search"]["chosen"] == best
    assert [t["label"].split()[0] for t in plan["trials"]] == [f"#{n}" for n in best]


def test_promoted_trials_go_on_and_nothing_is_left_behind(tmp_path: Path):
    search(tmp_path, study(HALVED))
    plan, records = stored(tmp_path)
    assert [len(t["rungs"]) for t in plan["search"]["trials"]].count(2) == 1
    for trial in plan["search"]["trials"]:
        for before, after in zip(trial["rungs"], trial["rungs"][1:], strict=False):
            for run in after["runs"]:
                assert records[run].provenance["resumed_after_epoch"] == before["epochs"]
    with Store(tmp_path, read_only=True) as store:
        assert not list(store.checkpoints.iterdir())


def test_another_seed_searches_elsewhere(tmp_path: Path):
    plans = [
        search(tmp_path, study("random", trials=3, seed=s, best=1, repeats=1))[0] for s in (0, 9)
    ]
    a, b = ([t.asked.values for t in plan.tried] for plan in plans)
    assert a != b


def test_folds_and_repeats_are_averaged(tmp_path: Path):
    whole = {"name": "digits", "train": 200, "test": 50}
    written = study("random", trials=2, folds=3, best=1, repeats=1, batch=None, dataset=whole)
    search(tmp_path, written)
    plan, records = stored(tmp_path)
    runs = plan["search"]["trials"][0]["rungs"][0]["runs"]
    specs = [records[run].config["dataset"] for run in runs]
    assert [spec["fold"] for spec in specs] == [0, 1, 2]
    prints = {records[run].provenance["dataset_fingerprint"] for run in runs}
    assert len(prints) == 3
    means = [
        np.mean([records[r].metrics["val_accuracy"] for r in t["rungs"][0]["runs"]])
        for t in plan["search"]["trials"]
    ]
    assert plan["search"]["chosen"] == [int(np.argmax(means))]


def test_a_grid_is_complete_and_a_small_space_is_trained_once(tmp_path: Path):
    space = {"network.activation": ["relu", "tanh"], "network.hidden.0": {"int": [8, 10]}}
    search(tmp_path, study("grid", trials=None, batch=None, space=space, best=1, repeats=1))
    plan, records = stored(tmp_path)
    values = [t["values"] for t in plan["search"]["trials"]]
    assert values == [
        {"network.activation": a, "network.hidden.0": h}
        for a in ("relu", "tanh")
        for h in (8, 9, 10)
    ]
    assert len(records) == 7
    wide = study("tpe", trials=20, space=space, best=1, repeats=1)
    _, summary = search(tmp_path, wide)
    again, _ = stored(tmp_path)
    doubled = [t for t in again["search"]["trials"] if t["same_as"] is not None]
    assert len(again["search"]["trials"]) == 20
    assert len(doubled) >= 14
    assert summary.trained <= 1  # only the best may be another one
    assert summary.failed == {}


def test_what_diverges_is_never_chosen(tmp_path: Path):
    space = {"training.learning_rate": {"choice": [0.01, 1e30]}, "network.hidden.0": [8, 9]}
    written = study("grid", trials=None, batch=None, space=space, best=4, repeats=1)
    plan, summary = search(tmp_path, {**written, "training": {"epochs": 2, "optimizer": "sgd"}})
    assert len(summary.diverged) == 2
    assert plan.chosen
    assert {plan.tried[n].asked.values["training.learning_rate"] for n in plan.chosen} == {"0.01"}


def test_impossible_proposals_are_passed_over(tmp_path: Path):
    space = {"pools": {"int": [1, 6]}, "network.dropout": {"float": [0, 0.5]}}
    written = study("random", trials=6, space=space, best=1, repeats=1)
    written["network"] = {"family": "cnn", "first_kernel_size": 3, "dense": []}
    written["search"]["set"] = {"network.filters": "[[4]] * pools"}
    written["training"]["epochs"] = 1
    with pytest.raises(ConfigError, match=r"MaxPool2D|pool"):
        search(tmp_path, written)  # six pools are impossible in every point, which is said
    written["search"]["space"]["pools"] = {"int": [1, 3]}
    plan, _ = search(tmp_path, written)
    assert len(plan.tried) == 6


def test_the_space_of_the_command_is_that_of_the_tests():
    assert set(study()["search"]["space"]) == set(SPACE)


def best_and_tried(path: Path, **changes: Any) -> tuple[dict[str, Any], list[Record], set[float]]:
    """The plan of a search with these settings, the runs of its best trials, and the numbers of
    steps of all runs before."""
    search(path, study("random", trials=3, best=2, repeats=2, batch=None, **changes))
    plan, records = stored(path)
    last = [records[run] for trial in plan["trials"] for run in trial["runs"]]
    tried = [records[r] for t in plan["search"]["trials"] for r in t["rungs"][0]["runs"]]
    return plan, last, {record.metrics["steps"] for record in tried}


def test_the_best_are_trained_again_with_other_settings(tmp_path: Path):
    plan, last, before = best_and_tried(tmp_path, retrain={"training.epochs": 5})
    # batches of 40: 200 images are five of them
    assert {record.metrics["steps"] for record in last} == {5 * 5}
    assert before == {3 * 5}
    assert plan["selected"] is None
    said = load(tmp_path)["searched"].search_sentences()
    assert said[-1] == "The best are trained again with training.epochs = 5."


def test_refit_trains_the_best_on_the_validation_images_too(tmp_path: Path):
    plan, last, before = best_and_tried(tmp_path, refit=True)
    # batches of 40: 300 images are eight of them, 200 are five
    assert {record.metrics["steps"] for record in last} == {3 * 8}
    assert before == {3 * 5}
    assert plan["selected"] == plan["trials"][0]["trial_id"]
    chosen = best_trial(plan, last)
    assert chosen is not None
    assert chosen.trial["trial_id"] == plan["selected"]


def test_a_search_with_metrics_trains_damaged_runs_again(tmp_path: Path):
    changes = {"trials": 2, "best": 1, "repeats": 1, "metrics": ["f1_macro"]}
    search(tmp_path, study("random", **changes))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
        (run,) = db.execute("SELECT run_id FROM arrays ORDER BY rowid").fetchone()
        db.execute("UPDATE arrays SET blob = zeroblob(50) WHERE run_id = ?", (run,))
    _, summary = search(tmp_path, study("random", **changes))
    assert summary.trained == 1
    _, records = stored(tmp_path)
    assert all("val_f1_macro" in record.metrics for record in records.values())


def interrupted(path: Path, written: dict[str, Any], after: int) -> None:
    """Run a search and press Ctrl-C when so many executions of it have begun."""
    seen = []

    def press(event: Event) -> None:
        seen.extend([event] * (event.kind == "planned"))
        if len(seen) == after and event.kind == "planned":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(StudyInterrupted):
        search(path, written, press)


@pytest.mark.parametrize("changed", [{}, {"repeats": 3}, {"seed": 9}])
def test_an_interruption_of_a_repeated_search_loses_no_result(tmp_path: Path, changed):
    before = study("random", trials=6, batch=3)
    search(tmp_path, before)
    whole, records = stored(tmp_path)
    interrupted(tmp_path, {**before, **changed}, after=2)
    kept, _ = stored(tmp_path)
    assert kept["search"] == whole["search"]
    assert kept["trials"] == whole["trials"]
    assert not collect_garbage(tmp_path, remove=False).runs
    with Store(tmp_path, read_only=True) as store:
        assert set(store.run_ids()) >= set(records)
    plan, _ = search(tmp_path, {**before, **changed})
    again, _ = stored(tmp_path)
    assert "unfinished" not in again
    assert again["trials"] == plan.to_json()["trials"]


def test_an_interrupted_search_grows_again_from_what_is_stored(tmp_path: Path):
    written = study("random", trials=6, batch=2)
    interrupted(tmp_path, written, after=3)
    assert len(stored_tried(tmp_path)) == 6
    interrupted(tmp_path, written, after=1)
    assert len(stored_tried(tmp_path)) == 6


def stored_tried(path: Path) -> list[dict[str, Any]]:
    with Store(path, create=False, read_only=True) as store:
        return store.plan("searched")["search"]["trials"]
