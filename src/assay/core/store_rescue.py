"""The part of a store that deletes runs and salvages the readable part of another index."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from assay.core import store_format as form
from assay.core.digests import digest
from assay.core.store_index import Index, put_arrays
from assay.core.store_owner import is_alive
from assay.core.store_soundness import arrays_problem, problem

__all__ = ["Rescue"]

PLAN = "study, plan, updated, digest"


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

    def salvage(self, damaged: Path, likely: Iterable[str]) -> tuple[int, int]:
        """Copy the intact rows of a damaged index of the present format.

        Args:
            likely: names to look up if the index cannot be scanned.

        Returns:
            The number of copied runs and plans.
        """
        counts = [0, 0]
        with closing(sqlite3.connect(damaged)) as old:
            old.text_factory = lambda text: text.decode(errors="replace")
            runs = _names(old, "runs", "run_id")
            for run in dict.fromkeys([*runs, *likely]):
                found = _run(old, run)
                if found is not None:
                    self._insert_run(*found)
                    counts[0] += 1
            for study in _names(old, "plans", "study"):
                row = _row(
                    old, "SELECT study, plan, updated, digest FROM plans WHERE study = ?", study
                )
                if row and row[3] == digest(*row[:3]):
                    with self._index.writing() as db:
                        sql = (
                            "REPLACE INTO plans (study, plan, updated, digest) VALUES (?, ?, ?, ?)"
                        )
                        db.execute(sql, row)
                    counts[1] += 1
        return counts[0], counts[1]

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
