"""The part of a store that deletes runs and salvages the readable part of another index."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core import store_format as form
from assay.core.errors import StoreError
from assay.core.store_index import Index, put_arrays
from assay.core.store_owner import is_alive
from assay.core.store_soundness import arrays_problem, problem

__all__ = ["Rescue", "Salvaged"]

PLAN = "study, plan, updated, digest"


@dataclass
class Salvaged:
    """What was copied from a damaged index.

    Attributes:
        runs, lost: runs that were copied, and those of the index that were not.
        plans, unread: studies whose plans were copied, even damaged, and those that cannot be read.
    """

    runs: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class Rescue:
    """Deletion and salvage."""

    _index: Index

    def claimed(self) -> list[str]:
        """Return the runs that a running command trains."""
        now = time.time()
        rows = self._index.each("SELECT run_id, owner, heartbeat FROM claims")
        return [str(run) for run, owner, beat in rows if is_alive(owner, abs(now - beat))]

    def drop(self, run_ids: Iterable[str]) -> None:
        """Delete runs; the caller removes their weights files."""
        names = [(run,) for run in run_ids]
        with self._index.writing() as db:
            db.executemany("DELETE FROM arrays WHERE run_id = ?", names)
            db.executemany("DELETE FROM runs WHERE run_id = ?", names)
        with self._index.explained("cannot make the index smaller"):
            self._index.db.execute("VACUUM")

    def salvage(self, damaged: Path, likely: Iterable[str]) -> Salvaged:
        """Copy the intact runs of a damaged index of the present format, and all plans that can be
        read: a damaged one stays known as such, so that nothing takes its runs for unused.

        Args:
            likely: names to look up if the index cannot be scanned.
        """
        found = Salvaged()
        with closing(sqlite3.connect(damaged)) as old:
            old.text_factory = lambda text: text.decode(errors="replace")
            for study in _names(old, "plans", "study"):
                row = _row(old, f"SELECT {PLAN} FROM plans WHERE study = ?", study)
                copied = row is not None and self._insert_plan(row)
                (found.plans if copied else found.unread).append(study)
            runs = _names(old, "runs", "run_id")
            for run in dict.fromkeys([*runs, *likely]):
                if (sound := _run(old, run)) is not None:
                    self._insert_run(*sound)
                    found.runs.append(run)
                elif run in runs:
                    found.lost.append(run)
        return found

    def _insert_plan(self, row: tuple[Any, ...]) -> bool:
        with suppress(StoreError), self._index.writing() as db:
            db.execute(f"REPLACE INTO plans ({PLAN}) VALUES (?, ?, ?, ?)", row)
            return True
        return False

    def _insert_run(self, row: tuple[Any, ...], blob: bytes) -> None:
        marks = ", ".join("?" * len(row))
        with self._index.writing() as db:
            db.execute(f"REPLACE INTO runs ({form.STORED}) VALUES ({marks})", row)
            put_arrays(db, row[0], blob)


def _names(db: sqlite3.Connection, table: str, column: str) -> list[str]:
    """Yield the keys of a table, from both ends as far as they can be read."""
    found: dict[str, None] = {}
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.Error):
            for (name,) in db.execute(f"SELECT {column} FROM {table} ORDER BY {column} {order}"):
                found[str(name)] = None
    return list(found)


def _row(db: sqlite3.Connection, sql: str, key: str) -> tuple[Any, ...] | None:
    with suppress(sqlite3.Error):
        return db.execute(sql, (key,)).fetchone()
    return None


def _run(db: sqlite3.Connection, run: str) -> tuple[tuple[Any, ...], bytes] | None:
    """Return the row and arrays of a run, if both are intact."""
    row = _row(db, f"SELECT {form.STORED} FROM runs WHERE run_id = ?", run)
    blob = _row(db, "SELECT blob FROM arrays WHERE run_id = ?", run)
    if row is None or blob is None or problem(row) or arrays_problem(row, blob[0]):
        return None
    return row, blob[0]
