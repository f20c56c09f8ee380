"""The pages' access to the store: it follows the store, and keeps nothing of what failed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.apps.web.shelf import Shelf
from assay.core.errors import StoreError
from assay.core.store import Store
from assay.core.store_care import repair


def damage(store: Path, run: str) -> None:
    """Change the arrays of a run, so that the index needs a repair."""
    with closing(sqlite3.connect(store / "index.sqlite")) as db, db:
        db.execute("UPDATE arrays SET blob = ? WHERE run_id = ?", (b"damaged", run))


def test_after_a_repair_the_new_index_is_read(store: Path, tmp_path: Path):
    copied = shutil.copytree(store, tmp_path / "store")
    shelf = Shelf(copied)
    before, (first, *others) = shelf.poll(), shelf.read(Store.run_ids)
    assert len(shelf.records([first, *others])) == 1 + len(others)
    damage(copied, first)
    kept = repair(copied).kept
    assert kept is not None
    assert shelf.read(Store.run_ids) == others
    after = shelf.poll()
    assert after.versions.keys() == before.versions.keys()
    assert after.name != before.name
    with Store(store, read_only=True) as whole, Store(copied) as opened:
        lost = whole.record(first)
        opened.add(lost)  # while the pages still read
    assert [record.run_id for record in shelf.records([first])] == [first]
    assert shelf.poll().name != after.name
    shelf.close()
    with Store(copied, read_only=True) as opened:
        assert opened.present([first])


def test_nothing_stays_of_a_view_that_failed(tmp_path: Path):
    shelf = Shelf(tmp_path)

    def fails() -> object:
        raise StoreError("there is no such study")

    with pytest.raises(StoreError):
        shelf.view(("study", "none"), fails)
    assert not shelf._computing
    assert shelf.view(("study", "none"), lambda: 1) == b"1"
    assert not shelf._computing
    shelf.close()
