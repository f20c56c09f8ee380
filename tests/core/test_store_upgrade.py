"""A store of format 1 gets its digests when it is first written to, all of them or none."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from assay.core.errors import StoreError
from assay.core.store import Store
from assay.core.store_care import Repaired, repair
from assay.core.store_check import check_store
from assay.core.store_format import APPLICATION_ID, COLUMNS, SCHEMA, encode_arrays, encode_record
from assay.core.store_upgrade import BACKUP

from .test_store_damage import PLAN, flipped, make

RUNS = 7


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as the first assay wrote it."""
    folder = tmp_path / "store"
    (folder / "weights").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "index.sqlite")) as db, db:
        db.executescript(SCHEMA)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        for seed in range(RUNS):
            record = make(seed)
            row, blob = encode_record(record)
            db.execute(f"INSERT INTO runs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            db.execute("INSERT INTO arrays VALUES (?, ?)", (record.run_id, blob))
            file = folder / "weights" / f"{record.run_id}.safetensors"
            file.write_bytes(encode_arrays(record.weights, ""))
        text = '{"study":"tour","scale":"full","trials":[{"label":"a","runs":["%s"]}]}'
        db.execute("INSERT INTO plans VALUES ('tour', ?, 'now')", (text % make(0).run_id,))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def test_reading_an_old_store_changes_nothing(old: Path):
    before = content(old)
    with Store(old, read_only=True) as store:
        assert store.format == 1
        names = store.run_ids()
        assert store.verify(names) == {}
        assert store.present(names) == store.recorded(names) == set(names)
        assert store.weights(make(3).run_id)["kernel"][0, 0] == 3.5
        assert store.records(names)[0].curves["step"][1] == 1
        assert store.studies()[0]["present"] == 1
    assert check_store(old).sound
    assert {k: v for k, v in content(old).items() if not k.endswith(("-shm", "-wal"))} == before


def test_what_cannot_be_decoded_in_an_old_store_is_an_error(old: Path):
    a, b, c = (make(seed).run_id for seed in range(3))
    with closing(sqlite3.connect(old / "index.sqlite")) as db, db:
        db.execute("UPDATE runs SET metrics = '[]' WHERE run_id = ?", (a,))
        db.execute("UPDATE arrays SET blob = substr(blob, 1, 9) WHERE run_id = ?", (b,))
        db.execute("UPDATE plans SET plan = '[1]'")
    with Store(old, read_only=True) as store:
        with pytest.raises(StoreError, match=rf"record of run {a} is damaged: its metrics must be"):
            store.records([a], arrays=False)
        with pytest.raises(StoreError, match=rf"arrays of run {b} is damaged: "):
            store.record(b)
        with pytest.raises(StoreError, match=r"plan of study 'tour' is damaged: it must be a JSON"):
            store.plan("tour")
        (old / "weights" / f"{c}.safetensors").write_bytes(b"short")
        with pytest.raises(
            StoreError, match=rf"{c}.safetensors is damaged: .*; `assay run` of its"
        ):
            store.weights(c)
    kinds = {f.kind for f in check_store(old).damaged}
    assert kinds == {"plan", "record", "arrays", "weights"}


def test_the_first_write_gives_it_digests_after_a_backup(old: Path):
    a, b, c, d = (make(seed).run_id for seed in range(4))
    with closing(sqlite3.connect(old / "index.sqlite")) as db, db:
        db.execute("UPDATE runs SET timing = '[]' WHERE run_id = ?", (a,))
        db.execute("UPDATE arrays SET blob = x'00' WHERE run_id = ?", (b,))
    (old / "weights" / f"{c}.safetensors").write_bytes(b"short")
    index = (old / "index.sqlite").read_bytes()
    with Store(old) as store:
        assert store.format == 1
        store.save_plan(PLAN)
        assert store.format == 2
        assert store.verify(store.run_ids()).keys() == {a, b, c}  # marked, not blessed
        message = r"damaged: it could not be read when the store got its checksums"
        with pytest.raises(StoreError, match=message):
            store.records([a], arrays=False)
        assert store.weights(d)["kernel"][0, 0] == 3.5
        assert store.add(make(0))
        assert store.present([a, b]) == {a}
    assert version(old / BACKUP) == 1
    with closing(sqlite3.connect(old / BACKUP)) as was, closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(index)
        sql = f"SELECT {COLUMNS}, updated FROM runs"
        assert was.execute(sql).fetchall() == db.execute(sql).fetchall()
    file = old / "weights" / f"{d}.safetensors"
    file.write_bytes(flipped(file.read_bytes(), 5000))
    with Store(old, read_only=True) as store, pytest.raises(StoreError, match="its checksum is wr"):
        store.weights(d)


def test_an_old_store_with_a_damaged_record_is_repaired(old: Path):
    assert repair(old) == Repaired(RUNS, 1)
    assert version(old / "index.sqlite") == 1  # nothing was changed
    lost = make(2).run_id
    with closing(sqlite3.connect(old / "index.sqlite")) as db, db:
        db.execute("UPDATE runs SET metrics = '[]' WHERE run_id = ?", (lost,))
    found = repair(old)
    assert (found.runs, found.plans, found.lost) == (RUNS - 1, 1, [lost])
    found = check_store(old)
    assert (found.sound, found.format, found.checked["weights"]) == (True, 2, RUNS - 1)
    with Store(old, read_only=True) as store:
        assert lost not in store.run_ids()


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from assay.core import store_upgrade
from assay.core.store import Store
left, seal = int(sys.argv[2]), store_upgrade._seal_run
def slow(*args):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    seal(*args)
store_upgrade._seal_run = slow
time.sleep(max(0, float(sys.argv[3]) - time.time()))
with Store(sys.argv[1]) as store:
    store.save_plan({"study": f"by-{os.getpid()}", "trials": []})
"""


def start(folder: Path, steps: int, moment: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(steps), str(moment)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="kills without warning")
@pytest.mark.parametrize("step", [1, RUNS])
def test_a_kill_in_the_middle_leaves_the_old_store(old: Path, step: int):
    process = start(old, step)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with Store(old, read_only=True) as store:
        assert store.format == 1
        assert len(store.records(store.run_ids())) == RUNS
    assert version(old / BACKUP) == 1
    with Store(old) as store:
        store.save_plan(PLAN)
        assert store.verify(store.run_ids()) == {}
    assert check_store(old).format == 2


def test_two_processes_at_once_make_one_upgrade(old: Path):
    moment = time.time() + 1.5
    processes = [start(old, -1, moment) for _ in range(2)]
    said = [p.communicate(timeout=60)[1] for p in processes]
    assert [p.returncode for p in processes] == [0, 0], said
    found = check_store(old)
    assert (found.sound, found.format, found.checked["record"]) == (True, 2, RUNS)
    assert found.checked["plan"] == 3
    assert version(old / BACKUP) == 1
    assert not list(old.glob("*.tmp"))


def test_a_failed_upgrade_leaves_the_old_store(old: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assay.core.store_upgrade._back_up", full)
    with Store(old) as store:
        with pytest.raises(
            StoreError, match=r"cannot upgrade the store .* to format 2: the disk is"
        ):
            store.save_plan(PLAN)
        assert store.format == 1
        assert len(store.run_ids()) == RUNS
    assert version(old / "index.sqlite") == 1
