from __future__ import annotations

import math
import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import StoreError
from assay.core.records import Record, run_id, trial_id
from assay.core.store import Store
from assay.core.store_owner import SILENT_SECONDS, _start_time, is_alive, new_owner, retire_owner


def make_record(seed: int = 0, size: int = 4, **changes) -> Record:
    config = {"dataset": {"name": "digits"}, "engine": "torch", "seed": seed}
    draw = np.random.default_rng(seed)
    values = {
        "run_id": run_id(config),
        "trial_id": trial_id(config),
        "seed": seed,
        "status": "finished",
        "config": config,
        "curves": {"step": np.arange(size, dtype=np.float32), "loss": draw.normal(size=size)},
        "metrics": {"test_accuracy": 0.5 + seed / 100, "steps": 12},
        "predictions": {"test_predicted": np.arange(size, dtype=np.uint8)},
        "timing": {"train": 1.5},
        "provenance": {"device": "cpu", "threads": 1, "extra": None},
        "weights": {"trunk.0.kernel": draw.normal(size=(3, size)).astype(np.float32)},
    }
    return Record(**{**values, **changes})


def same(a: Record, b: Record) -> bool:
    """Equal in everything but the weights, which the store hands out apart."""
    for name in ("curves", "predictions"):
        left, right = getattr(a, name), getattr(b, name)
        assert left.keys() == right.keys()
        for key in left:
            assert left[key].dtype == right[key].dtype
            np.testing.assert_array_equal(left[key], right[key])
    scalars = ("run_id", "trial_id", "seed", "status", "config", "metrics", "timing", "message")
    return all(getattr(a, n) == getattr(b, n) for n in scalars) and a.provenance == b.provenance


def test_what_goes_in_comes_out(tmp_path):
    records = [make_record(seed) for seed in range(3)]
    with Store(tmp_path / "new" / "store") as store:
        assert [store.add(r) for r in records] == [True] * 3
    with Store(tmp_path / "new" / "store", create=False) as store:
        names = [r.run_id for r in records]
        assert all(map(same, store.records(names[::-1]), records[::-1]))
        assert store.records(names, arrays=False)[0].curves == {}
        assert store.present([*names, "0" * 16]) == set(names)
        assert sorted(names) == store.run_ids()
        kernel = store.weights(names[1])["trunk.0.kernel"]
        np.testing.assert_array_equal(kernel, records[1].weights["trunk.0.kernel"])
    assert not list(tmp_path.rglob("*.tmp"))


arrays = st.dictionaries(
    st.sampled_from(["loss", "val_loss", "a/b"]),
    st.lists(st.floats(width=32), max_size=5).map(lambda v: np.array(v, np.float32)),
)
numbers = st.dictionaries(st.text(max_size=8), st.floats() | st.integers(-(2**53), 2**53))


@settings(max_examples=15, deadline=None)
@given(curves=arrays, metrics=numbers)
def test_any_numbers_survive(tmp_path_factory, curves, metrics):
    """Curves bit for bit; scalars too, save that infinities read back as NaN."""
    with Store(tmp_path_factory.mktemp("store")) as store:
        record = make_record(curves=curves, metrics=metrics, status="diverged")
        store.add(record)
        found = store.record(record.run_id)
    for name, array in curves.items():
        np.testing.assert_array_equal(found.curves[name], array)
    assert found.metrics.keys() == metrics.keys()
    for name, number in metrics.items():
        assert found.metrics[name] == number or (
            math.isnan(found.metrics[name]) and not math.isfinite(number)
        )


def test_the_first_one_wins_but_a_failed_one_gives_way(tmp_path):
    good, late = make_record(), make_record(metrics={"test_accuracy": 0.1})
    failed = make_record(status="failed", curves={}, predictions={}, weights={}, message="boom")
    with Store(tmp_path) as store:
        assert store.add(failed)
        assert store.present([good.run_id]) == set()
        assert store.present([good.run_id], failed=True) == {good.run_id}
        assert store.record(good.run_id).message == "boom"
        assert store.add(good)
        assert not store.add(late)
        assert not store.add(failed)
        assert same(store.record(good.run_id), good)


def test_find(tmp_path):
    with Store(tmp_path) as store:
        for name in ("aabb", "aacc", "bb00"):
            store.add(make_record(run_id=name, weights={}))
        assert store.find("b") == "bb00"
        with pytest.raises(StoreError, match=r"'aa' is the start of 2 runs: aabb, aacc"):
            store.find("aa")
        with pytest.raises(StoreError, match=r"no run starts with 'aacd'.*did you mean 'aacc'"):
            store.find("aacd")
        with pytest.raises(StoreError, match=r"no run 'zz' in the store"):
            store.record("zz")
        there = store.records(["zz", "bb00", "aacc"], stored_only=True)
        assert [record.run_id for record in there] == ["bb00", "aacc"]


def test_plans_and_their_summary(tmp_path):
    done = [make_record(0), make_record(1, status="diverged"), make_record(2, status="failed")]
    plan = {
        "study": "tour",
        "scale": "quick",
        "trials": [{"runs": [r.run_id for r in done]}, {"runs": ["missing"]}],
        "published": [{"value": math.nan}],
    }
    with Store(tmp_path) as store:
        for record in done:
            store.add(record)
        store.save_plan({**plan, "scale": "full"})
        store.save_plan(plan)
        assert store.plan("tour") == {**plan, "published": [{"value": None}]}
        (row,) = store.studies()
        counts = {k: row[k] for k in ("scale", "trials", "runs", "present", "diverged", "failed")}
        assert counts == {
            "scale": "quick",
            "trials": 2,
            "runs": 4,
            "present": 2,
            "diverged": 1,
            "failed": 1,
        }
        with pytest.raises(StoreError, match=r"no study 'tuor'.*did you mean 'tour'\?"):
            store.plan("tuor")


def test_scales_of_a_study_stand_side_by_side(tmp_path):
    with Store(tmp_path / "store") as store:
        store.save_plan({"study": "a@quick", "scale": "quick"})
        assert store.plan("a")["scale"] == "quick"  # the only one there is
        store.save_plan({"study": "a", "scale": "full"})
        assert [store.plan(name)["scale"] for name in ("a", "a@quick")] == ["full", "quick"]
        with pytest.raises(StoreError, match=r"no study 'a@qick' .* did you mean 'a@quick'\?"):
            store.plan("a@qick")


def test_claims_are_exclusive_until_given_back_or_their_owner_dies(tmp_path):
    me, other = new_owner(), new_owner()
    dead = me.split("|")[0] + "|999999999|17|0"
    with Store(tmp_path) as store:
        store.add(make_record(run_id="done", weights={}))
        assert store.claim(["done", "a", "b", "a"], me) == ["a", "b"]
        assert store.claim(["c", "b", "a"], other) == ["c"]
        assert store.claim(["a"], me) == ["a"]
        store.release(["a", "c"], me)
        assert store.claim(["a", "b", "c"], other) == ["a", "c"]
        assert store.claim(["d"], dead) == ["d"]
        assert store.claim(["d"], me) == ["d"]


def test_an_owner_lives_as_long_as_its_process_or_its_heartbeat():
    me = new_owner()
    host, pid, start, _ = me.split("|")
    assert is_alive(me, silent_for=1e9)
    retire_owner(me)
    assert not is_alive(me, silent_for=0)
    parent = os.getppid()
    assert not is_alive(f"{host}|{parent}|1|0", silent_for=0)  # the id of another, used again
    assert is_alive(f"{host}|{parent}|{_start_time(parent)}|0", silent_for=1e9)
    assert is_alive(f"elsewhere|{pid}|{start}|0", silent_for=SILENT_SECONDS - 1)
    assert not is_alive(f"elsewhere|{pid}|{start}|0", silent_for=SILENT_SECONDS + 1)


@pytest.mark.skipif(os.name != "posix" or not shutil.which("ps"), reason="needs ps")
def test_without_proc_an_owner_lives_in_any_time_zone(monkeypatch):
    """As on macOS, where only `ps` tells when a process started, in the words of its locale."""

    def no_proc(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_proc)
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    found = set()
    for zone in ("UTC", "Asia/Tokyo", "XYZ+5"):
        monkeypatch.setenv("TZ", zone)
        found.add(_start_time(os.getppid()))
    assert len(found) == 1
    assert None not in found


def test_a_silent_host_loses_its_claims(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        store.claim(["a"], "elsewhere|1|1|0")
        assert store.claim(["a"], new_owner()) == []
        later = time.time() + SILENT_SECONDS + 1
        monkeypatch.setattr("assay.core.store.time.time", lambda: later)
        store.heartbeat("elsewhere|1|1|0")
        assert store.claim(["a"], new_owner()) == []
        monkeypatch.setattr("assay.core.store.time.time", lambda: later + SILENT_SECONDS + 1)
        assert store.claim(["a"], new_owner()) == ["a"]


def test_a_clock_that_is_put_back_makes_no_claim_last(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        ahead = time.time() + 24 * 3600
        monkeypatch.setattr("assay.core.store_claims.time.time", lambda: ahead)
        store.claim(["a"], "elsewhere|1|1|0")
        monkeypatch.undo()
        assert store.claim(["a"], new_owner()) == ["a"]


def test_what_is_no_store_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"no store at .*nowhere; `assay run STUDY"):
        Store(tmp_path / "nowhere", create=False)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"is a file; a store is a folder"):
        Store(tmp_path / "file")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "index.sqlite").write_text("not a database at all, just words\n" * 99)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"index.sqlite is not a database"):
            Store(tmp_path / "text", read_only=read_only)
    (tmp_path / "other").mkdir()
    db = sqlite3.connect(tmp_path / "other" / "index.sqlite")
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = (tmp_path / "other" / "index.sqlite").read_bytes()
    with pytest.raises(StoreError, match=r"is a SQLite database, but not an assay store"):
        Store(tmp_path / "other")
    assert (tmp_path / "other" / "index.sqlite").read_bytes() == before


def test_a_newer_store_is_refused(tmp_path):
    with Store(tmp_path) as store:
        store._index.db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"has format 99, written by a newer assay; .* up to 2"):
        Store(tmp_path)


def test_a_damaged_blob_is_named(tmp_path):
    record = make_record()
    with Store(tmp_path) as store:
        store.add(record)
        store._index.db.execute("UPDATE arrays SET blob = substr(blob, 1, 20)")
        with pytest.raises(StoreError, match=rf"the arrays of run {record.run_id} is damaged"):
            store.record(record.run_id)
        (tmp_path / "weights" / f"{record.run_id}.safetensors").write_bytes(b"short")
        with pytest.raises(StoreError, match=r"safetensors is damaged"):
            store.weights(record.run_id)


def test_arrays_of_words_are_refused_whole(tmp_path):
    with Store(tmp_path) as store:
        with pytest.raises(StoreError, match=r"'predictions/test_predicted' must hold numbers"):
            store.add(make_record(predictions={"test_predicted": np.array(["cat"])}))
        with pytest.raises(StoreError, match=r"provenance must be plain JSON data"):
            store.add(make_record(provenance={"path": object()}))
        assert store.run_ids() == []


def test_who_follows_the_store_sees_a_run_that_replaces_the_last_one(tmp_path):
    with Store(tmp_path) as store:
        store.add(make_record(0))
        store.add(make_record(1, status="failed"))
        cursor, _ = store.stored_since()
        store.add(make_record(1))
        later, runs = store.stored_since(cursor)
        assert runs == [make_record(1).run_id]
        assert later > cursor
        store.amend(make_record(1, metrics={"test_accuracy": 0.9}))
        assert store.stored_since(later)[1] == runs


def test_a_run_that_was_dropped_meanwhile_cannot_be_amended(tmp_path):
    with Store(tmp_path) as store:
        store.add(make_record(0))
        store.drop([make_record(0).run_id])
        with pytest.raises(StoreError, match=f"run {make_record(0).run_id} was deleted meanwhile"):
            store.amend(make_record(0))
        assert store.run_ids() == []


def test_who_follows_the_store_sees_what_comes_after_runs_were_deleted(tmp_path):
    with Store(tmp_path) as store:
        for seed in range(4):
            store.add(make_record(seed))
        cursor, _ = store.stored_since()
        store.drop([make_record(seed).run_id for seed in (1, 2, 3)])
        store.add(make_record(7))
        assert store.stored_since(cursor)[1] == [make_record(7).run_id]
