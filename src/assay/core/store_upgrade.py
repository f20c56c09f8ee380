"""Upgrade of an older store to the present format, in which everything has a digest.

It happens on the first write to such a store, in one transaction, after a backup of the index. If
it is killed, the store is in the old or in the new format, and the backup exists.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from assay.core import store_format as form
from assay.core.digests import digest
from assay.core.errors import StoreError
from assay.core.files import written_whole
from assay.core.plans import decode_plan

__all__ = ["BACKUP", "sync_folder", "upgrade"]

BACKUP = "index-backup-before-format-2.sqlite"
"""Name of the backup, beside the index."""


def upgrade(db: sqlite3.Connection, index: Path) -> None:
    """Give every record, array, weights file and plan of format 1 its digest.

    Unreadable content is marked as damaged. The weights, most of a store, are read before the
    transaction, so that other commands only wait for the rest.

    Args:
        db: a connection outside of a transaction.
        index: its file.

    Raises:
        OSError, sqlite3.Error: the upgrade failed; nothing has changed.
    """
    weights = index.parent / "weights"
    read = {run: _weights(weights, run) for (run,) in db.execute("SELECT run_id FROM runs")}
    db.execute("BEGIN IMMEDIATE")
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] < form.VERSION:
            _back_up(index)
            for statement in form.UPGRADE.split(";")[:-1]:
                db.execute(statement)
            for (run,) in db.execute("SELECT run_id FROM runs").fetchall():
                _seal_run(db, run, read.get(run) or _weights(weights, run))
            for (study,) in db.execute("SELECT study FROM plans").fetchall():
                _seal_plan(db, study)
            db.execute(f"PRAGMA user_version = {form.VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _back_up(index: Path) -> None:
    """Copy the index atomically; no process writes to it meanwhile."""
    final = index.with_name(BACKUP)
    with written_whole(final) as part:
        part.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
    sync_folder(final.parent)


def _seal_run(db: sqlite3.Connection, run: str, weights: str) -> None:
    sql = f"SELECT {form.COLUMNS}, updated FROM runs WHERE run_id = ?"
    *row, updated = db.execute(sql, (run,)).fetchone()
    found = db.execute("SELECT blob FROM arrays WHERE run_id = ?", (run,)).fetchone()
    blob = found[0] if found else None
    arrays = digest(blob) if isinstance(blob, bytes) else form.DAMAGED
    try:
        form.decode_record(row, blob)
    except StoreError:
        arrays = form.DAMAGED
    *_, own = form.sealed_row(row, updated, arrays, weights)
    try:
        form.decode_record(row, None)
    except StoreError:
        own = form.DAMAGED
    sql = "UPDATE runs SET arrays_digest = ?, weights_digest = ?, digest = ? WHERE run_id = ?"
    db.execute(sql, (arrays, weights, own, run))


def _seal_plan(db: sqlite3.Connection, study: str) -> None:
    row = db.execute("SELECT study, plan, updated FROM plans WHERE study = ?", (study,)).fetchone()
    own = digest(*row)
    try:
        decode_plan(row[1], study)
    except StoreError:
        own = form.DAMAGED
    db.execute("UPDATE plans SET digest = ? WHERE study = ?", (own, study))


def _weights(folder: Path, run: str) -> str:
    """Return the digest of a weights file; empty without one."""
    file = folder / f"{run}.safetensors"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror or error}") from error
    try:
        form.decode_arrays(content, str(file))
    except StoreError:
        return form.DAMAGED
    return digest(content)


def sync_folder(folder: Path) -> None:
    """Make a rename durable; systems that cannot sync a folder do so by themselves."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
