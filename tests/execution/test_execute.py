"""Execution in this process: what is trained, kept, told and tried again."""

from __future__ import annotations

import time

import conformance
import numpy as np
import pytest
from conformance import counts, same_results, stored
from execute_command import config, study, train

from assay.apps.api import plan_of
from assay.core.cores import make_span
from assay.core.errors import EngineError, StoreError
from assay.core.records import run_id
from assay.core.store import Store
from assay.core.store_owner import new_owner
from assay.engines.checkpoints import Checkpoint
from assay.engines.engine import Progress, Resources
from assay.execution.events import Event, Tracker
from assay.execution.execute import execute
from assay.execution.executors.executor import Setup
from assay.execution.executors.inline import Inline
from assay.execution.jobs import cut
from assay.execution.ledger import Ledger
from assay.studies.members import cohorts

LOCAL = ["inline", "processes", "threads"]
"""Executors that need nothing; those of clusters have tests of their own."""

SMALL = {
    "study": "small",
    "dataset": {"name": "digits", "train": 300, "validation": 50, "test": 50},
    "network": {"family": "mlp", "hidden": [6]},
    "training": {"epochs": 4, "batch_size": 50},
    "engine": "numpy",
    "precision": "float32",
    "repeats": 1,
}


@pytest.mark.parametrize("executor", LOCAL)
def test_every_executor_trains_everything_once(tmp_path, executor, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    conformance.trains_all_once(tmp_path, executor)


def test_claims_are_renewed_while_an_engine_in_this_process_is_silent(tmp_path, monkeypatch):
    """Other hosts, which cannot see the process, would train its runs as well."""
    monkeypatch.setattr("assay.core.store_holding.HEARTBEAT_SECONDS", 0.02)
    beats: list[float] = []

    def silent(*arguments: object, **options: object) -> None:
        for _ in range(3):
            with Store(tmp_path, read_only=True) as store:
                rows = store._index.each("SELECT heartbeat FROM claims")
                beats.extend(beat for (beat,) in rows if beat not in beats)
            time.sleep(0.5)

    monkeypatch.setattr("assay.execution.executors.inline.train_job", silent)
    plan, groups = study([config(0)])
    parts = cut(groups, lambda cohort: 1, lambda cohort: 1, 1)
    with Store(tmp_path) as store:
        ledger = Ledger(plan, groups, store, print)
        Inline(Setup(None, 1)).run(ledger.jobs(parts, Resources(), False), ledger.receive, bool)
        ledger.close()
    assert len(beats) > 1


@pytest.mark.parametrize("executor", LOCAL)
def test_every_executor_finds_the_run_to_begin_with(tmp_path, executor):
    conformance.begins_with_a_stored_run(tmp_path, executor)


def test_a_member_alone_gives_the_same_record(tmp_path):
    configs = [config(seed) for seed in range(3)]
    train(tmp_path / "a", configs, executor="inline")
    for one in configs:
        train(tmp_path / "b", [one], executor="inline")
    assert same_results(stored(tmp_path / "a", configs), stored(tmp_path / "b", configs))


def test_a_changed_study_trains_only_what_changed(tmp_path):
    before = [config(seed, rate) for seed in range(2) for rate in (0.02, 0.05)]
    after = [config(seed, rate) for seed in range(3) for rate in (0.02, 0.1)]
    train(tmp_path, before, executor="inline")
    old = stored(tmp_path, before)
    summary, events = train(tmp_path, after, executor="inline")
    assert counts(summary) == (2, 4, 0, 0)
    trained = {event.record.run_id for event in events if event.record}
    assert trained == {run_id(c) for c in after if c not in before}
    assert same_results(stored(tmp_path, before), old)
    with Store(tmp_path) as store:
        assert store.plan("softmax")["trials"][1]["label"] == "learning rate = 0.1"
        assert [row["present"] for row in store.studies()] == [6]


def test_a_loss_that_is_not_finite_is_kept_as_diverged(tmp_path):
    configs = [config(0), config(1, rate=1e38), config(2)]
    summary, events = train(tmp_path, configs, executor="inline")
    bad = run_id(configs[1])
    assert summary.diverged == (bad,)
    assert summary.trained == 3
    assert not summary.failed
    record = stored(tmp_path, configs)[1]
    assert record.status == "diverged"
    assert np.isnan(record.curves["loss"][-1])
    assert record.message == "the loss was nan after 1 epochs"
    assert [e.record.run_id for e in events if e.kind == "diverged" and e.record] == [bad]
    again, _ = train(tmp_path, configs, executor="inline")
    assert again.present == 3  # it would diverge again: not tried again


@pytest.mark.parametrize("executor", LOCAL)
def test_a_failed_run_stops_nobody_and_is_tried_by_the_next_command(
    tmp_path, executor, monkeypatch
):
    conformance.a_failed_run_stops_nobody(tmp_path, executor, monkeypatch)


def test_what_an_engine_cannot_do_is_said_before_anything_is_trained(tmp_path):
    plan, groups = study([config(0)])
    wrong = type(groups[0])(groups[0].members, task="dream")
    with Store(tmp_path) as store:
        with pytest.raises(EngineError, match="softmax regression cannot dream"):
            execute(plan, [*groups, wrong], store, Resources())
        assert store.run_ids() == []


def test_a_full_disk_ends_the_study_and_frees_its_claims(tmp_path):
    configs = [config(seed) for seed in range(12)]
    plan, groups = study(configs)
    names = [run_id(c) for c in configs]
    with Store(tmp_path) as store:
        store.save_plan(plan)
        pages = store._index.db.execute("PRAGMA page_count").fetchone()[0]
        store._index.db.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(StoreError, match="the disk is full; free some space and run the same"):
            execute(plan, groups, store, Resources(), executor="inline")
        present = store.present(names)
        assert 0 < len(present) < 12
    with Store(tmp_path) as store:
        assert set(store.claim(names, new_owner())) == set(names) - present


@pytest.mark.parametrize("executor", LOCAL)
@pytest.mark.parametrize("rung", [None, 2])
def test_a_checkpoint_stays_until_the_record_is_stored(tmp_path, executor, rung, monkeypatch):
    """With workers, the record is still on its way when the engine has ended the run."""
    plan = plan_of(SMALL)
    (one,) = plan.configs()
    one["training"] |= {"stop_after": rung} if rung else {}
    name, groups = run_id(one), cohorts([one])
    told: list[Event] = []
    options = {"executor": executor, "workers": 1, "on_event": told.append}

    def refuse(record):
        raise StoreError("cannot store the run: the disk is full")

    with Store(tmp_path) as store:
        resources = Resources("cpu", checkpoint_seconds=0.0)
        with monkeypatch.context() as full:
            full.setattr(store, "add", refuse)
            with pytest.raises(StoreError, match="the disk is full"):
                execute(plan, groups, store, resources, **options)
        (left,) = store.checkpoints.iterdir()
        assert left.name == f"{name}.unfinished.safetensors"
        told.clear()
        assert execute(plan, groups, store, resources, **options).trained == 1
        remarks = [event.progress.remark for event in told if event.progress]
        assert any(said.startswith("an interrupted run resumes from update") for said in remarks)
        kept = [f"{name}.safetensors"] if rung else []  # for the next rung
        assert [file.name for file in store.checkpoints.iterdir()] == kept


def test_a_failed_run_keeps_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_FAIL", "0")
    one = config(0)
    checkpoint = Checkpoint(tmp_path / "checkpoints", run_id(one))
    checkpoint.save({"a": np.arange(3.0)})
    assert len(train(tmp_path, [one], executor="inline")[0].failed) == 1
    assert checkpoint.exists()
    monkeypatch.delenv("SOFTMAX_FAIL")
    assert train(tmp_path, [one], executor="inline")[0].trained == 1
    assert not checkpoint.exists()


def test_claims_of_a_dead_command_are_taken_over(tmp_path):
    configs = [config(seed) for seed in range(2)]
    host = new_owner().split("|")[0]
    with Store(tmp_path) as store:
        store.claim([run_id(configs[0])], f"{host}|999999999|1|0")
    summary, _ = train(tmp_path, configs, executor="inline")
    assert counts(summary) == (0, 2, 0, 0)


def test_runs_of_another_command_are_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("assay.execution.execute.WAIT_SECONDS", 0.01)
    configs = [config(seed) for seed in range(3)]
    train(tmp_path / "other", configs, executor="inline")
    elsewhere, given_up = stored(tmp_path / "other", configs)[:2]
    other = new_owner()
    with Store(tmp_path / "store") as theirs:
        theirs.claim([elsewhere.run_id, given_up.run_id], other)
        kinds, done = [], []

        def follow(event):
            kinds.append(event.kind)
            done.append((event.done, event.seconds_left))
            if event.kind == "waiting":
                theirs.add(elsewhere)
                theirs.release([elsewhere.run_id, given_up.run_id], other)

        summary, _ = train(tmp_path / "store", configs, executor="inline", on_event=follow)
    assert counts(summary) == (0, 2, 1, 0)
    assert done[-1] == (3, 0.0), "theirs counts as done"
    assert kinds.count("waiting") == 1
    assert kinds.index("waiting") > kinds.index("finished")


def test_jobs_keep_to_the_limit_and_balance_the_workers():
    _, groups = study([config(seed, epochs=epochs) for epochs in (1, 4) for seed in range(8)])
    short, long = sorted(groups, key=lambda g: g.members[0].training.epochs)
    for limit, workers in [(1, 2), (3, 2), (100, 1), (100, 2), (100, 3), (5, 64)]:
        parts = cut(groups, lambda cohort: 1293, lambda cohort, n=limit: n, workers)
        runs = [run for part in parts for run in part.runs]
        assert sorted(runs) == sorted(run_id(m.config) for g in groups for m in g.members)
        assert all(len(part.runs) <= limit for part in parts)
        order = [(part.seed, -part.work) for part in parts]
        works = [part.work for part in parts]
        assert order == sorted(order) or works == sorted(works, reverse=True)
        assert order == sorted(order) or limit > 1, "every trial at the first seed, then the second"
        ones = [work for part in parts for work in part.works]
        assert make_span(works, workers) <= 1.1 * make_span(sorted(ones)[::-1], workers)
    assert len(cut(groups, lambda c: 1293, lambda c: 100, 1)) == 2
    (part,) = cut([long], lambda c: 1293, lambda c: 100, 1)
    assert part.work == 4 * sum(p.work for p in cut([short], lambda c: 1293, lambda c: 100, 1))
    assert part.only(set(part.runs[2:4])).cohort.members == long.members[2:4]


def test_make_span_by_hand():
    assert make_span([3, 3, 2, 2, 2], 2) == 7  # 3+2+2 and 3+2; the best would be 6
    assert make_span([5], 3) == 5
    assert make_span([5, 1], 10**12) == 5  # more workers than jobs cost no memory


def test_the_time_left_is_that_of_the_last_worker(monkeypatch):
    """Three equal jobs on two workers end after two, not one and a half; the last one alone."""
    clock = [0.0]
    monkeypatch.setattr("assay.execution.events.time.monotonic", lambda: clock[0])
    tracker = Tracker(work=30.0, jobs=3)
    for job in (0, 1):
        tracker.start(job, 10.0)
        tracker.advance(job, Progress(0, 0.0, 1, {}))
    clock[0] = 40.0
    for job in (0, 1):
        tracker.advance(job, Progress(10, 0.4, 1, {}))
    assert tracker.seconds_left == pytest.approx(60 + 100)
    clock[0] = 100.0
    tracker.advance(0, Progress(10, 1.0, 1, {}))
    tracker.end(0)
    tracker.advance(1, Progress(10, 0.8, 1, {}))  # the slower one
    assert tracker.seconds_left == pytest.approx(25 + 125, rel=0.2)
    tracker.start(2, 10.0)
    tracker.advance(2, Progress(0, 0.0, 1, {}))
    clock[0] = 150.0
    tracker.advance(2, Progress(10, 0.5, 1, {}))
    tracker.end(1)
    assert tracker.seconds_left == pytest.approx(50)


def test_the_time_left_does_not_count_what_comes_before_training(monkeypatch):
    """Learning features for a minute made the first estimates of a short run days long."""
    clock = [0.0]
    monkeypatch.setattr("assay.execution.events.time.monotonic", lambda: clock[0])
    tracker = Tracker(work=100.0)
    tracker.start(0, 100.0)
    assert tracker.seconds_left is None
    for clock[0], fraction, left in ((60.0, 0.01, None), (61.0, 0.02, None), (70.0, 0.11, 89.0)):
        tracker.advance(0, Progress(10, fraction, 1, {}))
        assert tracker.seconds_left == (left if left is None else pytest.approx(left))
    tracker.advance(0, Progress(10, 1.0, 1, {}))
    assert tracker.seconds_left == 0
