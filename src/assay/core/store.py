"""The store: one folder with every record; reports need nothing else.

`index.sqlite` holds runs, arrays, plans and claims; `weights/RUN.safetensors` the weights and
`checkpoints/` what a run that stopped at a rung, or was interrupted, needs to go on. A run is there
whole or not at all. Writing waits its turn and is short; reading never blocks a writer. Processes
on several hosts may share a store only where the file system locks files properly.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from assay.core import store_format as form
from assay.core.errors import StoreError, nearest
from assay.core.plans import planned_runs
from assay.core.records import Record
from assay.core.store_index import Index, sync_folder
from assay.core.store_owner import is_alive

__all__ = ["Store"]

STALE_SECONDS = 3600.0


class Store:
    """Records by run, plans by study, and claims on runs that are being trained.

    Not to be shared between threads; opening another one is cheap.

    Args:
        path: the folder.
        create: make the folder and an empty index where there is none.
        read_only: never write, and never make a writer wait: for reports and dashboards. Works on
            a folder that may not be written to.

    Raises:
        StoreError: the folder is missing, is no store, comes from a newer assay or cannot be
            written. Every method raises it when the disk fails or is full; nothing is then
            half-written.
    """

    def __init__(self, path: str | Path, create: bool = True, *, read_only: bool = False):
        self.path = Path(path)
        _prepare(self.path, create and not read_only)
        self._index = Index(self.path, read_only)
        if not read_only:
            self._sweep()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; using the store afterwards raises StoreError."""
        with suppress(sqlite3.Error):
            self._index.db.close()

    # -- runs ----------------------------------------------------------------------------------

    def add(self, record: Record) -> bool:
        """Keep a record, with its weights, whole or not at all.

        The first one of a run wins, save that a failed one gives way to any other.

        Returns:
            True when it was stored, False when the run was there already.
        """
        if self._index.read_only:
            raise StoreError(f"cannot store run {record.run_id}: {self.path} is opened read-only")
        row, blob = form.encode_record(record)
        temporary = self._weights_file(record.run_id, f".{os.getpid()}.tmp")
        final = self._weights_file(record.run_id)
        with self._index.explained(f"cannot store run {record.run_id}"):
            if self.present([record.run_id]):
                return False
            if record.state:  # before the record: a run that is there can always go on
                self._write_state(record)
            if record.weights:
                where = f"run {record.run_id}: weights"
                content = form.encode_arrays(record.weights, where)
                final.parent.mkdir(exist_ok=True)
                form.write_file(temporary, content)
            try:
                return self._insert(row, blob, temporary if record.weights else None, final)
            finally:
                temporary.unlink(missing_ok=True)

    def _insert(
        self, row: tuple[Any, ...], blob: bytes, temporary: Path | None, final: Path
    ) -> bool:
        run_id, marks, moved = row[0], ", ".join("?" * len(row)), False
        try:
            with self._index.writing() as db:
                db.execute("DELETE FROM runs WHERE run_id = ? AND status = 'failed'", (run_id,))
                sql = f"INSERT OR IGNORE INTO runs ({form.COLUMNS}) VALUES ({marks})"
                if db.execute(sql, row).rowcount != 1:
                    return False
                db.execute("INSERT INTO arrays (run_id, blob) VALUES (?, ?)", (run_id, blob))
                if temporary is not None:
                    # before the commit: a record is never there without its weights
                    temporary.replace(final)
                    moved = True
                    sync_folder(final.parent)
        except StoreError:  # nothing else: after a commit the weights must stay
            if moved:
                final.unlink(missing_ok=True)
            raise
        return True

    def present(self, run_ids: Iterable[str], failed: bool = False) -> set[str]:
        """Return those of `run_ids` that need no training; with `failed`, failed ones too."""
        status = "" if failed else " AND status != 'failed'"
        sql = f"SELECT run_id FROM runs WHERE run_id IN ({{}}){status}"
        return {row[0] for row in self._index.select(sql, run_ids)}

    def run_ids(self) -> list[str]:
        """Return every stored run, failed ones included, in the order of their names."""
        with self._index.explained("cannot read the runs"):
            rows = self._index.db.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()
        return [row[0] for row in rows]

    def record(self, run_id: str) -> Record:
        """Return one record with its arrays; `weights` are read apart."""
        return self.records([run_id])[0]

    def records(self, run_ids: Iterable[str], arrays: bool = True) -> list[Record]:
        """Return records in the order asked for; failed ones come too, look at `status`.

        Args:
            run_ids: full names; a run that is not there raises StoreError, so ask `present` first.
            arrays: also read curves and predictions; leave them out for quick tables.
        """
        wanted = list(run_ids)
        rows = self._index.select(f"SELECT {form.COLUMNS} FROM runs WHERE run_id IN ({{}})", wanted)
        blobs: dict[str, bytes] = {}
        if arrays:
            blobs = dict(
                self._index.select("SELECT run_id, blob FROM arrays WHERE run_id IN ({})", wanted)
            )
        found = {row[0]: form.decode_record(row, blobs.get(row[0])) for row in rows}
        for run_id in wanted:
            if run_id not in found:
                raise StoreError(f"no run {run_id!r} in the store {self.path}")
        return [found[run_id] for run_id in wanted]

    def weights(self, run_id: str) -> dict[str, np.ndarray]:
        """Return the weights of a run by name; empty when they were not kept."""
        if not self.present([run_id]):
            raise StoreError(f"no finished run {run_id!r} in the store {self.path}")
        file = self._weights_file(run_id)
        with self._index.explained(f"cannot read {file}"):
            if not file.exists():
                return {}
            return form.decode_arrays(file.read_bytes(), str(file))

    def find(self, prefix: str) -> str:
        """Return the one run whose name starts with `prefix`."""
        names = self.run_ids()
        found = [name for name in names if prefix and name.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
            raise StoreError(f"{prefix!r} is the start of {len(found)} runs: {some}")
        close = nearest(prefix, names)
        hint = f"; did you mean {close!r}?" if close else ""
        raise StoreError(f"no run starts with {prefix!r} in the store {self.path}{hint}")

    # -- checkpoints ---------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        """Folder with what runs that stopped at a rung need to go on, RUN.safetensors each."""
        return self.path / "checkpoints"

    def _write_state(self, record: Record) -> None:
        final = self.checkpoints / f"{record.run_id}.safetensors"
        temporary = final.with_suffix(f".safetensors.{os.getpid()}.tmp")
        content = form.encode_arrays(record.state, f"run {record.run_id}: state")
        final.parent.mkdir(exist_ok=True)
        form.write_file(temporary, content)
        temporary.replace(final)

    def drop_checkpoints(self, run_ids: Iterable[str]) -> None:
        """Forget how runs could go on; without, they are trained from their start."""
        for run_id in run_ids:
            with suppress(OSError):
                (self.checkpoints / f"{run_id}.safetensors").unlink()

    # -- plans ---------------------------------------------------------------------------------

    def save_plan(self, plan: dict[str, Any]) -> None:
        """Keep the plan of a study; a newer plan of the same study takes its place."""
        text = form.encode_json(plan, f"the plan of study {plan['study']!r}")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self._index.writing() as db:
            db.execute("REPLACE INTO plans VALUES (?, ?, ?)", (plan["study"], text, now))

    def plan(self, study: str) -> dict[str, Any]:
        """Return the plan of a study as it was last run.

        Args:
            study: a name, or NAME@SCALE for a scale that is not the full one; a plain name stands
                for the only scale that there is.
        """
        with self._index.explained("cannot read the studies"):
            found = self._index.db.execute("SELECT study FROM plans ORDER BY study").fetchall()
        names = [name for (name,) in found]
        scales = [name for name in names if name.partition("@")[0] == study]
        if study not in names and len(scales) == 1:
            study = scales[0]
        rows = self._index.select("SELECT study, plan FROM plans WHERE study IN ({})", [study])
        if rows:
            return json.loads(rows[0][1])
        close = nearest(study, names)
        hint = f"; did you mean {close!r}?" if close else ""
        known = f" (there: {', '.join(names)})" if names else "; it holds no study yet"
        raise StoreError(f"no study {study!r} in the store {self.path}{hint}{known}")

    def studies(self) -> list[dict[str, Any]]:
        """Return one row per study: "study", "question", "scale", "trials", "runs" planned,
        "present", "diverged" (among the present), "failed" and "updated" (UTC)."""
        with self._index.explained("cannot read the studies"):
            rows = self._index.db.execute(
                "SELECT plan, updated FROM plans ORDER BY study"
            ).fetchall()
        result = []
        for text, updated in rows:
            plan = json.loads(text)
            runs = sorted(planned_runs(plan))
            status = [
                s
                for (s,) in self._index.select("SELECT status FROM runs WHERE run_id IN ({})", runs)
            ]
            result.append(
                {
                    "study": plan["study"],
                    "question": plan.get("question", ""),
                    "scale": plan.get("scale", ""),
                    "trials": len((plan.get("search") or plan).get("trials", ())),
                    "runs": len(runs),
                    "present": len(status) - status.count("failed"),
                    "diverged": status.count("diverged"),
                    "failed": status.count("failed"),
                    "updated": updated,
                }
            )
        return result

    # -- claims --------------------------------------------------------------------------------

    def claim(self, run_ids: Iterable[str], owner: str) -> list[str]:
        """Take runs that nobody trains, so that two commands on one store share the work.

        Runs that are stored are not given out; claims of dead processes are void.

        Args:
            run_ids: the runs wanted.
            owner: the claimant, from `core.store_owner.new_owner`.

        Returns:
            The runs that `owner` now holds, in the order asked for.
        """
        wanted, now = list(run_ids), time.time()
        with self._index.writing() as db:
            rows = self._index.select(
                "SELECT run_id, owner, heartbeat FROM claims WHERE run_id IN ({})", wanted
            )
            beats = {name: now - beat for _, name, beat in rows}
            dead = [(name,) for name, silent in beats.items() if not is_alive(name, silent)]
            db.executemany("DELETE FROM claims WHERE owner = ?", dead)
            gone = {name for (name,) in dead}
            taken = {run for run, name, _ in rows if name != owner and name not in gone}
            taken |= self.present(wanted)
            mine = [run for run in dict.fromkeys(wanted) if run not in taken]
            db.executemany(
                "REPLACE INTO claims VALUES (?, ?, ?)", [(run, owner, now) for run in mine]
            )
        return mine

    def release(self, run_ids: Iterable[str], owner: str) -> None:
        """Give back claims; those of others are left alone."""
        with self._index.writing() as db:
            db.executemany(
                "DELETE FROM claims WHERE run_id = ? AND owner = ?", [(r, owner) for r in run_ids]
            )

    def heartbeat(self, owner: str) -> None:
        """Say that `owner` lives; other hosts take its claims over when it falls silent."""
        with self._index.writing() as db:
            db.execute("UPDATE claims SET heartbeat = ? WHERE owner = ?", (time.time(), owner))

    # -- inside --------------------------------------------------------------------------------

    def _weights_file(self, run_id: str, suffix: str = "") -> Path:
        return self.path / "weights" / f"{run_id}.safetensors{suffix}"

    def _sweep(self) -> None:
        """Remove files that a killed process left half-written."""
        for file in self.path.glob("*/*.tmp"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > STALE_SECONDS:
                    file.unlink()


def _prepare(path: Path, create: bool) -> None:
    try:
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file; a store is a folder")
        if (path / "index.sqlite").exists():
            return
        if not create:
            raise StoreError(f"no store at {path}; `assay run STUDY --store {path}` makes one")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror}") from error
