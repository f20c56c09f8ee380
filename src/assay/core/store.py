"""The store: one folder with every record; reports need nothing else.

`index.sqlite` holds runs, arrays, plans and claims; `weights/RUN.safetensors` the weights, and
`checkpoints/` the state from which a run that was interrupted or stopped at a rung resumes. Runs
are stored atomically. Everything except claims has SHA-256 digests, which are verified on reading.
Writers wait for each other briefly; readers never block a writer. Processes on several hosts may
share a store only if the file system locks files reliably.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from assay.core import store_format as form
from assay.core.digests import digest
from assay.core.errors import StoreError, did_you_mean, nearest
from assay.core.files import delete, part_of, write_synced, write_whole
from assay.core.plans import planned_runs
from assay.core.records import Record
from assay.core.store_claims import Claims
from assay.core.store_index import Index, put_arrays
from assay.core.store_plans import Plans
from assay.core.store_rescue import Rescue
from assay.core.store_soundness import AGAIN, Soundness, weights_file
from assay.core.store_upgrade import sync_folder

__all__ = ["Store"]

STALE_SECONDS = 3600.0


class Store(Plans, Claims, Rescue):
    """Records by run, plans by study, and claims on runs that are being trained.

    It must not be shared between threads; opening another one is cheap.

    Args:
        path: the folder.
        create: create the folder and an empty index if they are missing.
        read_only: never write, and never make a writer wait, for reports and web pages. Works on a
            read-only folder.

    Raises:
        StoreError: the folder is missing, is not a store, comes from a newer version of assay or
            cannot be written. Every method raises it if the disk fails or is full; nothing is then
            half-written.
    """

    def __init__(self, path: str | Path, create: bool = True, *, read_only: bool = False):
        self.path = Path(path)
        _prepare(self.path, create and not read_only)
        self._index = Index(self.path, read_only)
        self._sound = Soundness(self._index)
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
        """Store a record with its weights, atomically.

        The first record of a run is kept, but a failed or damaged one is replaced by any other.

        Returns:
            True if it was stored, False if the run was stored already.
        """
        if self._index.read_only:
            raise StoreError(f"cannot store run {record.run_id}: {self.path} is opened read-only")
        row, blob = form.encode_record(record)
        final = self._weights_file(record.run_id)
        temporary = part_of(final)
        with self._index.explained(f"cannot store run {record.run_id}"):
            if self.present([record.run_id]):
                return False
            if record.state:  # before the record, so that a stored run can always be resumed
                self._write_state(record)
            weights = ""
            try:
                if record.weights:
                    where = f"run {record.run_id}: weights"
                    content = form.encode_arrays(record.weights, where, sealed=False)
                    weights = digest(content)
                    final.parent.mkdir(exist_ok=True)
                    write_synced(temporary, content)
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                sealed = form.sealed_row(row, now, digest(blob), weights)
                return self._insert(sealed, blob, temporary if weights else None, final)
            finally:
                with suppress(OSError):
                    temporary.unlink()

    def _insert(
        self, row: tuple[Any, ...], blob: bytes, temporary: Path | None, final: Path
    ) -> bool:
        run_id, marks, moved = row[0], ", ".join("?" * len(row)), False
        try:
            with self._index.writing() as db:
                if self.present([run_id]):
                    return False  # another process was faster
                db.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
                db.execute(f"INSERT INTO runs ({form.STORED}) VALUES ({marks})", row)
                put_arrays(db, run_id, blob)
                if temporary is not None:
                    # before the commit, so that no record is without its weights
                    temporary.replace(final)
                    moved = True
                    sync_folder(final.parent)
        except StoreError:  # nothing more here: after a commit the weights must stay
            if moved:
                final.unlink(missing_ok=True)
            raise
        self._sound.note(row)
        return True

    def amend(self, record: Record) -> None:
        """Replace a stored record by one with later metrics; its weights are unchanged.

        Raises:
            StoreError: there is no such run any more.
        """
        row, blob = form.encode_record(record)
        marks = ", ".join("?" * len(form.STORED.split(",")))
        doing = f"cannot store run {record.run_id}"
        with self._index.explained(doing), self._index.writing() as db:
            sql = "SELECT weights_digest FROM runs WHERE run_id = ?"
            found = db.execute(sql, (record.run_id,)).fetchone()
            if found is None:
                raise StoreError(f"run {record.run_id} was deleted meanwhile from {self.path}")
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            sealed = form.sealed_row(row, now, digest(blob), found[0])
            db.execute(f"REPLACE INTO runs ({form.STORED}) VALUES ({marks})", sealed)
            put_arrays(db, record.run_id, blob)
        self._sound.note(sealed)

    def present(self, run_ids: Iterable[str], failed: bool = False) -> set[str]:
        """Return those of `run_ids` that need no training; with `failed`, failed ones too.

        Damaged records do not count; `recorded` includes them, for tables that report them.
        """
        return self._sound.present(run_ids, failed)

    def recorded(self, run_ids: Iterable[str], failed: bool = False) -> set[str]:
        """Return those that have a record, even a damaged one; with `failed`, failed ones too.

        Raises:
            StoreError: a damaged record of an unknown run may be one of these.
        """
        wanted = set(run_ids)
        sql = "SELECT run_id, status FROM runs WHERE run_id IN ({})"
        rows: dict[str, str] = dict(self._index.select(sql, wanted))
        self._look_for(wanted - rows.keys())
        return {run for run, status in rows.items() if failed or status != "failed"}

    def verify(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Read and verify everything stored of some runs: records, arrays and weights.

        Afterwards, damaged runs are not `present`, and `add` replaces them.

        Returns:
            A description of the damage for each damaged run.
        """
        self._index.upgrade()
        return self._sound.verify(run_ids)

    @property
    def format(self) -> int:
        """Format of the index; the first write upgrades it to the present one."""
        return self._index.version

    def upgrade(self) -> None:
        """Give an older store the present format, as the first write does."""
        self._index.upgrade()

    def everything(self) -> Iterator[tuple[str, bool, list[tuple[str, str]]]]:
        """Read everything; yield each run, whether it has weights, and (part, problem) for each
        damaged part: "record", "arrays" or "weights"."""
        return self._sound.whole()

    def integrity(self) -> list[str]:
        """Return the problems that SQLite finds in the index itself."""
        said = [str(text) for (text,) in self._index.each("PRAGMA integrity_check")]
        return [] if said == ["ok"] else said

    def arrays_alone(self) -> list[str]:
        """Return runs that have arrays but no record."""
        sql = "SELECT run_id FROM arrays WHERE run_id NOT IN (SELECT run_id FROM runs)"
        return [str(run) for (run,) in self._index.each(sql)]

    def run_ids(self) -> list[str]:
        """Return every stored run, including failed ones, sorted by name."""
        return sorted(str(run) for (run,) in self._index.each("SELECT run_id FROM runs"))

    @property
    def moment(self) -> int:
        """Return a number that changes whenever another process has written to the index."""
        return next(int(number) for (number,) in self._index.each("PRAGMA data_version"))

    def stored_since(self, cursor: int = 0) -> tuple[int, list[str]]:
        """Return runs stored or amended since a cursor, oldest first, and the present cursor.

        Args:
            cursor: the cursor of an earlier call; 0 for all runs.
        """
        sql = "SELECT rowid, run_id FROM arrays WHERE rowid > ? ORDER BY rowid"
        found = list(self._index.each(sql, values=(cursor,)))
        return (int(found[-1][0]) if found else cursor), [str(run) for _, run in found]

    def record(self, run_id: str) -> Record:
        """Return one record with its arrays; `weights` reads the weights."""
        return self.records([run_id])[0]

    def records(
        self, run_ids: Iterable[str], arrays: bool = True, stored_only: bool = False
    ) -> list[Record]:
        """Return records in the order of `run_ids`, including failed ones (see `status`).

        Args:
            run_ids: full names.
            arrays: also read curves and predictions; without them, reading is faster.
            stored_only: leave out runs that have no record instead of raising.

        Raises:
            StoreError: a run is missing, or what is read of it is damaged.
        """
        wanted = list(run_ids)
        found, wrong = self._sound.records(wanted, arrays)
        missing = {run: None for run in wanted if run not in found and run not in wrong}
        if missing and not stored_only:
            raise StoreError(f"no run {next(iter(missing))!r} in the store {self.path}")
        self._look_for(missing.keys())
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise StoreError(
                f"{next(iter(wrong.values()))}{more}, in the store {self.path}; {AGAIN}"
            )
        return [found[run_id] for run_id in wanted if run_id in found]

    def _look_for(self, lost: Collection[str]) -> None:
        if lost:
            self._sound.look_for(lost, {run for plan in self.plans() for run in planned_runs(plan)})

    def weights(self, run_id: str) -> dict[str, np.ndarray]:
        """Return the weights of a run by name; empty if they were not kept.

        Raises:
            StoreError: there is no such run, or its record or weights file is damaged.
        """
        if not self.recorded([run_id]):
            raise StoreError(f"no finished run {run_id!r} in the store {self.path}")
        self.records([run_id], arrays=False)
        return self._sound.weights(run_id)

    @property
    def weights_folder(self) -> Path:
        """Folder with the weights of runs, RUN.safetensors each."""
        return weights_file(self.path, "").parent

    def has_weights(self, run_id: str) -> bool:
        """Whether the weights of a run were kept."""
        return self._weights_file(run_id).is_file()

    def find(self, prefix: str) -> str:
        """Return the one run whose name starts with `prefix`."""
        names = self.run_ids()
        found = [name for name in names if prefix and name.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
            raise StoreError(f"{prefix!r} is the start of {len(found)} runs: {some}")
        hint = did_you_mean(nearest(prefix, names))
        raise StoreError(f"no run starts with {prefix!r} in the store {self.path}{hint}")

    # -- checkpoints ---------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        """Folder with the states of runs that stopped at a rung, RUN.safetensors each."""
        return self.path / "checkpoints"

    def _write_state(self, record: Record) -> None:
        final = self.checkpoints / f"{record.run_id}.safetensors"
        write_whole(final, form.encode_arrays(record.state, f"run {record.run_id}: state"))

    def drop_checkpoints(self, run_ids: Iterable[str]) -> None:
        """Delete the checkpoints of runs, which are then trained from the start."""
        for run_id in run_ids:
            with suppress(OSError):
                (self.checkpoints / f"{run_id}.safetensors").unlink()

    # -- internal ------------------------------------------------------------------------------

    def _weights_file(self, run_id: str) -> Path:
        return weights_file(self.path, run_id)

    def unfinished(self) -> list[Path]:
        """Return the files, and the folders of repairs, that are half-written, or being written."""
        return [*self.path.glob("*.tmp"), *self.path.glob("*/*.tmp")]

    def _sweep(self) -> None:
        """Remove what killed processes left unfinished."""
        for left in self.unfinished():
            with suppress(OSError):
                written = max(file.stat().st_mtime for file in (left, *left.glob("*")))
                if time.time() - written > STALE_SECONDS:
                    delete(left)


def _prepare(path: Path, create: bool) -> None:
    try:
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file; a store is a folder")
        if (index := path / "index.sqlite").exists():
            if not index.is_file():
                raise StoreError(f"{index} is not a regular file, expected the index of a store")
            for folder in ("weights", "checkpoints", "reports"):
                if (inner := path / folder).exists() and not inner.is_dir():
                    raise StoreError(f"{inner} is not a folder, expected that of a store's files")
            return
        if not create:
            option = shlex.quote(str(path))
            raise StoreError(f"no store at {path}; `assay run STUDY --store {option}` creates one")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror}") from error
