"""What gc deletes, as the remains of killed commands, and what it leaves: runs being copied."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from assay.apps.cli.app import main
from assay.core.errors import StoreError
from assay.core.store import STALE_SECONDS, Store
from assay.core.store_care import collect_garbage, export_studies, merge, repair

from .test_store_care import fill, make, plan, whole


@pytest.mark.parametrize("way", ["merge", "export"])
def test_what_is_being_copied_is_not_dropped(tmp_path, way):
    """Its plan may still be missing, and another process would delete files that are written."""
    fill(tmp_path / "a", "study", make(1), make(2))
    said = []

    def told(share: float, doing: str) -> None:
        with pytest.raises(StoreError, match="because runs of this store are being trained or cop"):
            collect_garbage(tmp_path / "b")
        said.append(share)

    if way == "merge":
        merge(tmp_path / "b", tmp_path / "a", told)
    else:
        export_studies(tmp_path / "a", tmp_path / "b", ["study"], told)
    assert said == [0.5, 1.0]
    assert collect_garbage(tmp_path / "b").runs == []
    assert len(whole(tmp_path / "b")) == 2


def test_a_merge_that_ends_early_keeps_nothing_claimed(tmp_path):
    fill(tmp_path / "a", "study", make(1), make(2))

    def told(share: float, doing: str) -> None:
        if share == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(tmp_path / "b", tmp_path / "a", told)
    assert collect_garbage(tmp_path / "b").runs == []
    assert merge(tmp_path / "b", tmp_path / "a").added == 1
    assert len(whole(tmp_path / "b")) == 2


def half_repaired(path: Path) -> Path:
    """What a repair leaves that was killed."""
    with Store(path / "repaired.tmp"):
        return path / "repaired.tmp"


def test_a_killed_repair_is_dropped_as_well(tmp_path, capsys):
    fill(tmp_path, "study", make(1), make(2))
    with Store(tmp_path) as store:
        store.save_plan(plan("study", make(2)))
    left = half_repaired(tmp_path)
    size = sum(file.stat().st_size for file in left.iterdir())
    assert main(["store", "gc", "--store", str(tmp_path)]) == 0
    assert not left.exists()
    said = " ".join(capsys.readouterr().out.split())
    weights = int(said.partition(" files of ")[2].partition(" ")[0].replace(",", "")) - size
    assert weights > 0
    assert f"run {make(1).run_id}" in said
    assert "dropped 1 run and 2 files of" in said


def test_a_killed_repair_is_swept_when_nothing_in_it_is_new(tmp_path):
    fill(tmp_path, "study", make(1))
    left = half_repaired(tmp_path)
    long_ago = time.time() - 2 * STALE_SECONDS
    os.utime(left, (long_ago, long_ago))
    with Store(tmp_path):
        assert left.exists()  # its index is new: a repair may be writing to it
    for file in left.iterdir():
        os.utime(file, (long_ago, long_ago))
    with Store(tmp_path):
        assert not left.exists()


def flipped(path: Path) -> None:
    """A store of two runs, one of them damaged."""
    fill(path, "study", make(1), make(2))
    with closing(sqlite3.connect(path / "index.sqlite")) as db, db:
        db.execute("UPDATE runs SET message = 'flipped' WHERE seed = 1")


def test_a_repair_is_left_alone_while_it_runs(tmp_path, monkeypatch):
    flipped(tmp_path)
    salvage, refused = Store.salvage, []

    def meanwhile(store: Store, *arguments) -> object:
        for command in (collect_garbage, repair):
            with pytest.raises(StoreError) as error:
                command(tmp_path)
            refused.append(str(error.value))
        return salvage(store, *arguments)

    monkeypatch.setattr(Store, "salvage", meanwhile)
    assert repair(tmp_path).lost == [make(1).run_id]
    assert refused == [
        "nothing was deleted, because runs of this store are being trained or copied",
        f"nothing was repaired, because another command repairs the store {tmp_path}; wait for it",
    ]
    with Store(tmp_path) as store:
        assert store.run_ids() == [make(2).run_id]
        assert not store.claimed()


@pytest.mark.parametrize("links", [True, False])
def test_a_repair_that_is_killed_at_its_end_can_be_repeated(tmp_path, monkeypatch, links):
    """The index has its name at any moment: an empty one would take its place otherwise."""
    flipped(tmp_path)
    replace = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if target.name == "index.sqlite":
            raise KeyboardInterrupt
        return replace(path, target)

    def without(file: Path, name: Path) -> None:
        raise PermissionError(1, "Operation not permitted") if file.exists() else FileNotFoundError

    if not links:
        monkeypatch.setattr("assay.core.store_care.os.link", without)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            repair(tmp_path)
    with Store(tmp_path, read_only=True) as store:
        assert store.run_ids() == sorted(make(seed).run_id for seed in (1, 2))
    found = repair(tmp_path)
    assert (found.runs, found.lost) == (1, [make(1).run_id])
    assert list(whole(tmp_path)) == [make(2).run_id]


def test_what_could_not_be_deleted_is_not_counted(tmp_path, monkeypatch):
    fill(tmp_path, "study", make(1), make(2))
    with Store(tmp_path) as store:
        store.save_plan(plan("study"))
    kept = tmp_path / "weights" / f"{make(1).run_id}.safetensors"
    unlink = Path.unlink

    def in_use(path: Path, missing_ok: bool = False) -> None:
        if path == kept:
            raise PermissionError(13, "in use", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", in_use)
    found = collect_garbage(tmp_path)
    assert len(found.runs) == 2
    assert [file.stem for file in found.files] == [make(2).run_id]
    monkeypatch.undo()
    assert collect_garbage(tmp_path).files == [kept]
