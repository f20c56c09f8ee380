"""Copying a store, joining, dropping, repairing; and any interleaving of what commands do to it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from assay.apps.cli.app import main
from assay.core.errors import StoreError
from assay.core.record_files import read_record, write_record
from assay.core.records import Record, run_id, trial_id
from assay.core.store import Store
from assay.core.store_care import Repaired, backup, collect_garbage, export_studies, merge, repair
from assay.core.store_owner import new_owner, retire_owner

DRAW = np.random.default_rng(0)


def make(seed: int, loss: float = 1.5, **changes) -> Record:
    config = {"dataset": {"name": "digits"}, "engine": "numpy", "seed": seed}
    values = {
        "curves": {"step": np.arange(3.0), "loss": np.full(3, loss), "seconds": DRAW.random(3)},
        "metrics": {"test_accuracy": 0.5},
        "weights": {"kernel": np.full(50, float(seed))},
        **changes,
    }
    return Record(run_id(config), trial_id(config), seed, "finished", config, **values)


def plan(name: str, *records: Record) -> dict:
    return {"study": name, "trials": [{"label": "a", "runs": [r.run_id for r in records]}]}


def fill(path: Path, name: str, *records: Record) -> None:
    with Store(path) as store:
        for record in records:
            store.add(record)
        store.save_plan(plan(name, *records))


def whole(path: Path) -> list[str]:
    """The runs of a store, all of them sound, with their weights."""
    with Store(path, create=False, read_only=True) as store:
        assert not [run for run, _, wrong in store.everything() if wrong]
        for run in store.run_ids():
            assert store.weights(run)["kernel"][0] == store.record(run).seed
        return store.run_ids()


def test_two_stores_are_joined(tmp_path):
    one, two, three, other = make(1), make(2), make(3), make(2, loss=9.0)
    fill(tmp_path / "a", "first", one, two)
    fill(tmp_path / "b", "second", other, three)
    found = merge(tmp_path / "a", tmp_path / "b")
    assert (found.added, found.equal, found.different) == (1, 0, [two.run_id])
    assert found.plans == ["second"]
    assert whole(tmp_path / "a") == sorted(r.run_id for r in (one, two, three))
    again = merge(tmp_path / "a", tmp_path / "b")
    assert (again.added, again.equal, again.plans) == (0, 1, [])
    with Store(tmp_path / "a") as store:
        assert store.record(two.run_id).curves["loss"][0] == 1.5  # what was there stays
    with pytest.raises(StoreError, match="cannot be merged into itself"):
        merge(tmp_path / "a", tmp_path / "a")
    with pytest.raises(StoreError, match=r"bb is no store.*; did you mean '.*b'"):
        merge(tmp_path / "a", tmp_path / "bb")


def save_at(hour: int, path: Path, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store the plan of a study at a time of day."""
    then = time.struct_time((2026, 1, 1, hour, 0, 0, 3, 1, 0))
    with monkeypatch.context() as patch, Store(path) as store:
        patch.setattr(time, "gmtime", lambda *_: then)
        store.save_plan({**plan("tour"), "question": question})


@pytest.mark.parametrize("order", [("early", "late"), ("late", "early")])
def test_of_two_plans_the_later_one_is_kept_in_any_order(tmp_path, monkeypatch, order):
    save_at(9, tmp_path / "early", "early", monkeypatch)
    save_at(11, tmp_path / "late", "late", monkeypatch)
    assert export_studies(tmp_path / "early", tmp_path / "sent", ["tour"]).plans == ["tour"]
    for name in (*order, "sent"):  # a copy is as old as its original
        merge(tmp_path / "into", tmp_path / name)
    with Store(tmp_path / "into") as store:
        assert store.plan("tour")["question"] == "late"
        assert store.studies()[0]["updated"] == "2026-01-01T11:00:00Z"
    assert merge(tmp_path / "into", tmp_path / "late").plans == []


def test_a_backup_of_a_store_in_use(tmp_path):
    with Store(tmp_path / "a") as store:
        store.add(make(1))
        assert backup(tmp_path / "a", tmp_path / "copy") == 1
        store.add(make(2))
        with pytest.raises(StoreError, match="copy exists; name a folder that does not"):
            backup(tmp_path / "a", tmp_path / "copy")
    assert whole(tmp_path / "copy") == [make(1).run_id]
    with pytest.raises(StoreError, match="no store at"):
        backup(tmp_path / "nowhere", tmp_path / "more")


def test_a_study_alone_is_handed_on(tmp_path):
    fill(tmp_path / "a", "first", make(1), make(2))
    fill(tmp_path / "a", "second", make(2), make(3))
    found = export_studies(tmp_path / "a", tmp_path / "new", ["second"])
    assert (found.added, found.plans) == (2, ["second"])
    assert whole(tmp_path / "new") == sorted([make(2).run_id, make(3).run_id])
    with pytest.raises(StoreError, match="no study 'secnd'"):
        export_studies(tmp_path / "a", tmp_path / "newer", ["secnd"])


def test_what_nobody_names_is_dropped(tmp_path):
    fill(tmp_path, "study", make(1), make(2))
    with Store(tmp_path) as store:
        store.save_plan(plan("study", make(2), make(3)))  # the file has changed
        checkpoints = store.checkpoints
    checkpoints.mkdir()
    names = [make(n).run_id for n in (1, 2, 3)]
    files = [checkpoints / f"{name}.unfinished.safetensors" for name in names]
    for file in files:
        file.write_bytes(b"state")
    weights = tmp_path / "weights" / "0000.safetensors"
    weights.write_bytes(b"nobody's")
    would = collect_garbage(tmp_path, remove=False)
    assert would.runs == [names[0]]
    assert len(whole(tmp_path)) == 2
    owner = new_owner()
    with Store(tmp_path) as store:
        store.claim([names[2]], owner)
        with pytest.raises(StoreError, match="nothing was deleted, because runs of this store are"):
            collect_garbage(tmp_path)
        retire_owner(owner)
    assert collect_garbage(tmp_path).runs == [names[0]]
    assert whole(tmp_path) == [names[1]]
    assert not weights.exists()
    assert [file.exists() for file in files] == [False, True, True]


def test_a_damaged_plan_drops_nothing(tmp_path):
    fill(tmp_path, "study", make(1))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
        db.execute("UPDATE plans SET plan = '{}'")
    with pytest.raises(
        StoreError, match="nothing was deleted: the plan of study 'study' is damaged"
    ):
        collect_garbage(tmp_path)
    assert len(whole(tmp_path)) == 1


def test_a_damaged_index_is_repaired(tmp_path):
    records = [make(seed, curves={"loss": DRAW.random(2000)}) for seed in range(12)]
    fill(tmp_path, "study", *records)
    assert repair(tmp_path) == Repaired(12, 1)
    index = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(index)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(index.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 3 * 4096] = b"\xff" * 3 * 4096
    index.write_bytes(content)
    found = repair(tmp_path)
    runs = found.runs
    assert 0 < runs < 12
    assert found.plans == 1
    assert found.kept is not None
    assert found.kept.read_bytes() == content
    assert len(whole(tmp_path)) == runs
    assert set(found.lost) == {r.run_id for r in records} - set(whole(tmp_path))
    with Store(tmp_path) as store:
        missing = set(store.plan("study")["trials"][0]["runs"]) - set(store.run_ids())
        assert len(missing) == 12 - runs
        for record in records:
            store.add(record)
    assert len(whole(tmp_path)) == 12


@pytest.mark.parametrize("count", [1, 2])
def test_an_index_is_not_repaired_while_runs_are_trained_into_it(tmp_path, count):
    """Whoever trains has it open, and would write to the damaged one after that is renamed."""
    fill(tmp_path, "study", make(1), make(2))
    owner, fresh = new_owner(), [make(seed) for seed in (3, 4)[:count]]
    are = {1: "1 run is", 2: "2 runs are"}[count]
    with Store(tmp_path) as store:
        store.claim([record.run_id for record in fresh], owner)
        assert repair(tmp_path) == Repaired(2, 1)  # nothing is damaged
        with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
            db.execute("UPDATE runs SET message = 'flipped' WHERE seed = 1")
        said = (
            f"nothing was repaired, because {are} being trained or copied into the store .*; wait"
        )
        with pytest.raises(StoreError, match=said):
            repair(tmp_path)
        for record in fresh:
            assert store.add(record)
        store.release([record.run_id for record in fresh], owner)
        retire_owner(owner)
    found = repair(tmp_path)
    assert (found.runs, found.plans, found.lost) == (1 + count, 1, [make(1).run_id])
    assert set(whole(tmp_path)) == {r.run_id for r in (make(2), *fresh)}


def test_claims_that_cannot_be_read_do_not_stop_a_repair(tmp_path):
    fill(tmp_path, "study", make(1))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
        db.execute("DROP TABLE claims")
    found = repair(tmp_path)
    assert (found.runs, found.plans, found.lost, found.unread) == (1, 1, [], [])


def test_a_damaged_plan_is_not_called_sound(tmp_path, capsys):
    fill(tmp_path, "study", make(1))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
        db.execute("UPDATE plans SET plan = '{}'")
    for command in ("check", "repair"):
        assert main(["store", command, "--store", str(tmp_path)]) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "the plan of study 'study' is damaged: its checksum is wrong" in said
        assert "`assay run` of the study writes it again" in said
        assert "nothing is damaged" not in said


def test_a_repair_says_what_is_lost_and_keeps_what_can_be_kept(tmp_path, capsys):
    fill(tmp_path, "whole", make(1), make(2))
    fill(tmp_path, "torn", make(3))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db, db:
        db.execute("UPDATE plans SET plan = replace(plan, 'a', 'b') WHERE study = 'torn'")
        db.execute("UPDATE runs SET message = 'flipped' WHERE seed IN (2, 3)")
    assert main(["store", "repair", "--store", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "kept 1 run and 2 plans" in said
    assert f"lost of study 'whole': 1 run ({make(2).run_id}); `assay run whole" in said
    assert f"lost, of no study whose plan can be read: 1 run ({make(3).run_id})" in said
    assert "the plan of study 'torn' is damaged: its checksum is wrong; `assay run`" in said
    with Store(tmp_path) as store:
        assert store.study_names() == {"whole", "torn"}
    with pytest.raises(StoreError, match="nothing was deleted"):
        collect_garbage(tmp_path)


def test_an_index_is_a_file(tmp_path):
    (tmp_path / "index.sqlite").mkdir()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"index\.sqlite is not a regular file, expected"):
            Store(tmp_path, read_only=read_only)


@pytest.mark.parametrize("name", ["weights", "checkpoints", "reports"])
def test_a_store_has_folders(tmp_path, name):
    fill(tmp_path, "study", make(1, weights={}))
    (tmp_path / name).write_text("")
    with pytest.raises(StoreError, match=f"{name} is not a folder, expected that of a store's fi"):
        Store(tmp_path)


def test_an_empty_index_is_called_so(tmp_path):
    (tmp_path / "index.sqlite").write_text("")
    with pytest.raises(StoreError, match=r"index\.sqlite is empty; restore it from a backup"):
        Store(tmp_path, create=False, read_only=True)


def test_the_commands_say_what_they_did(tmp_path, capsys):
    fill(tmp_path / "a", "first", make(1))
    fill(tmp_path / "b", "second", make(2))
    store = ["--store", str(tmp_path / "a")]
    assert main(["store", "merge", str(tmp_path / "b"), *store]) == 0
    assert main(["store", "backup", str(tmp_path / "copy"), *store]) == 0
    assert main(["store", "export", str(tmp_path / "part"), "second", *store]) == 0
    assert main(["store", "gc", "--dry-run", *store]) == 0
    assert main(["store", "repair", *store]) == 0
    assert main(["store", "check", "--store", str(tmp_path / "copy")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for text in (
        "1 run copied from",
        "plans copied: second",
        "copied 2 runs of",
        "would drop 0 runs and 0 files of 0 bytes",
        "nothing is damaged in",
    ):
        assert text in said


def test_what_both_stores_have_existed_already_and_rounding_is_no_other_result(tmp_path, capsys):
    fill(tmp_path / "a", "first", make(1), make(2), make(3))
    fill(tmp_path / "b", "second", make(1), make(2, loss=1.5 + 1e-6), make(3, loss=1.6), make(4))
    assert main(["store", "merge", str(tmp_path / "b"), "--store", str(tmp_path / "a")]) == 1
    said = capsys.readouterr()
    assert "1 run copied from" in said.out
    assert "3 already existed" in said.out
    other = " ".join(said.err.split())
    assert f"1 run is here already with other results, which are kept: {make(3).run_id}" in other


def test_a_record_as_a_file(tmp_path):
    record = make(4, state={"step": np.arange(5)}, message="é")
    file = tmp_path / "a.record"
    write_record(record, file)
    found = read_record(file)
    assert (found.config, found.metrics, found.message) == (record.config, record.metrics, "é")
    for group in ("curves", "weights", "state"):
        for name, array in getattr(record, group).items():
            np.testing.assert_array_equal(getattr(found, group)[name], array)
    content = file.read_bytes()
    for place in range(0, len(content), 97):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(StoreError, match="damaged"):
            read_record(file)
