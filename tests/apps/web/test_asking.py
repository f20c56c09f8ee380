"""Which runs answer for a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.apps.web.asking import best_runs
from assay.apps.web.pages import Site
from assay.apps.web.shelf import Shelf
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
