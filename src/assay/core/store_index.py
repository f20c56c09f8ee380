"""The store's SQLite index: opening, short transactions, and errors in words."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from assay.core.errors import StoreError
from assay.core.store_format import APPLICATION_ID, SCHEMA, UPGRADE, VERSION, StoredRow
from assay.core.store_upgrade import sync_folder, upgrade

__all__ = ["Index", "put_arrays", "sync_folder"]

BUSY_SECONDS = 60.0
"""Seconds that a writer waits for another one; transactions take milliseconds."""

AT_ONCE = 100
"""Rows to fetch at a time; fetching ten thousand one by one takes a tenth of a second longer."""

T = TypeVar("T")


class Index:
    """One connection to `index.sqlite`.

    Args:
        folder: the store's folder; it must exist.
        read_only: never write and never make a writer wait.

    Attributes:
        version: the format of the tables; the first write upgrades it to the present one.

    Raises:
        StoreError: the file is not an index, comes from a newer version of assay or cannot be
            opened.
    """

    version: int

    def __init__(self, folder: Path, read_only: bool):
        self.file = folder / "index.sqlite"
        self.read_only = read_only
        with self.explained(f"cannot open the store {folder}"):
            self.db = sqlite3.connect(
                self._address(), uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
            # a flipped bit may make text invalid UTF-8, which the digest detects
            self.db.text_factory = partial(str, encoding="utf-8", errors="replace")
            try:
                self._verify()
            except BaseException:
                self.db.close()
                raise

    def select(self, sql: str, names: Iterable[str]) -> list[StoredRow]:
        """Return the rows of `sql`, whose {} is replaced by the list of names."""
        return list(self.each(sql, names))

    def each(
        self, sql: str, names: Iterable[str] = (), values: Sequence[object] = ()
    ) -> Iterator[StoredRow]:
        """Yield the rows of `sql`; {}, if any, is replaced by the names, ? by the values."""
        parts = _pieces(list(dict.fromkeys(names))) if "{}" in sql else [values]
        for part in parts:
            with self.explained(f"cannot read the store {self.file.parent}"):
                found = self.db.execute(sql.format(", ".join("?" * len(part))), part)
                while rows := found.fetchmany(AT_ONCE):
                    yield from rows

    def upgrade(self) -> None:
        """Upgrade an older store to the present format."""
        if self.version < VERSION and not self.read_only:
            with self.explained(f"cannot upgrade the store {self.file.parent} to format {VERSION}"):
                upgrade(self.db, self.file)
                self.version = VERSION

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a short transaction."""
        self.upgrade()
        with self.explained(f"cannot write to the store {self.file.parent}"):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back after some errors (a full disk is one)
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Convert errors of the system and of SQLite into a StoreError with advice."""
        try:
            yield
        except UnicodeDecodeError as error:  # SQLite quotes a damaged schema
            raise StoreError(f"{doing}: index.sqlite is damaged") from error
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{doing}: {_reason(error, self.read_only)}") from error

    def _address(self) -> str:
        address = self.file.absolute().as_uri()
        if not self.read_only:
            return address
        log = self.file.with_name(self.file.name + "-wal")
        if not os.access(self.file.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
            # a reader needs a lock file next to the index; if none can be created, there is no
            # writer
            return address + "?mode=ro&immutable=1"
        return address + "?mode=ro"

    def _verify(self) -> None:
        """Create the tables of a new index; refuse other databases and newer formats."""
        if not self.read_only and not self._value("SELECT count(*) FROM sqlite_master"):
            self._create_tables()
        if self._value("PRAGMA application_id") != APPLICATION_ID:
            what = "is a SQLite database, but not an assay store"
            if not self._value("PRAGMA page_count"):
                what = "is empty; restore it from a backup, or delete it to begin a new store"
            raise StoreError(f"{self.file} {what}")
        version = self._value("PRAGMA user_version")
        if version > VERSION:
            raise StoreError(
                f"the store {self.file.parent} has format {version}, written by a newer assay; "
                f"this one reads up to {VERSION}: update assay or choose another --store"
            )
        self.version = version
        self.db.execute("PRAGMA foreign_keys = ON")
        if not self.read_only:
            self._log_ahead()
            self.db.execute("PRAGMA synchronous = FULL")

    def _create_tables(self) -> None:
        self.version = VERSION
        with self.writing() as db:
            if self._value("SELECT count(*) FROM sqlite_master"):
                return  # another process was first
            for statement in (SCHEMA + UPGRADE).split(";")[:-1]:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _log_ahead(self) -> None:
        """Switch to the write-ahead log, so that readers and a writer never wait for each other.

        SQLite does not wait if another process does the same, so this function waits.
        """
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                busy = _name(error).startswith("SQLITE_BUSY")
                if not busy or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _value(self, sql: str) -> Any:
        return self.db.execute(sql).fetchone()[0]


def _pieces(items: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Split `items` to respect SQLite's limit on the parameters of a statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _name(error: BaseException) -> str:
    return getattr(error, "sqlite_errorname", "")


def _reason(error: OSError | sqlite3.Error, read_only: bool) -> str:
    full = "the disk is full; free some space and run the same command again, nothing is lost"
    if isinstance(error, OSError):
        no_space = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        said = error.strerror or str(error)
        there = error.filename2 or error.filename  # for a renamed file, its target
        return full if error.errno in no_space else f"{there}: {said}" if there else said
    kinds = {
        "SQLITE_FULL": full,
        "SQLITE_NOTADB": "index.sqlite is not a database; it is damaged or a different file",
        "SQLITE_CORRUPT": "index.sqlite is damaged",
        "SQLITE_READONLY": "it is opened read-only" if read_only else "it is write-protected",
        "SQLITE_CANTOPEN": "index.sqlite cannot be opened; check that you have write permission",
        "SQLITE_BUSY": f"another process has kept it locked for {BUSY_SECONDS:.0f} seconds",
        "SQLITE_IOERR": "the disk failed or is full; free some space and run the command again",
    }
    known = [text for kind, text in kinds.items() if _name(error).startswith(kind)]
    return f"{known[0]} ({error})" if known else str(error)


def put_arrays(db: sqlite3.Connection, run_id: str, blob: bytes) -> None:
    """Write the arrays of a run, under a row number that no row had before.

    The numbers are the cursor of who follows the store, so that none may come back with a run that
    replaces the last one, or after the last ones were deleted: it is at least the microsecond.
    """
    sql = (
        "REPLACE INTO arrays (rowid, run_id, blob) "
        "SELECT max(coalesce(max(rowid), 0) + 1, ?), ?, ? FROM arrays"
    )
    db.execute(sql, (time.time_ns() // 1000, run_id, blob))
