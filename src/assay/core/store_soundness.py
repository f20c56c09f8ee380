"""Integrity of a store: digests are verified on every read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.core import store_format as form
from assay.core.digests import digest
from assay.core.errors import StoreError
from assay.core.records import Record, run_id
from assay.core.store_format import StoredRow
from assay.core.store_index import Index

__all__ = ["AGAIN", "UNREADABLE", "WRONG", "Soundness", "weights_file"]

WRONG = "its checksum is wrong"
UNREADABLE = "it could not be read when the store got its checksums"
AGAIN = "`assay run` of its study trains it again, `assay store check` lists all that is damaged"

COLUMNS = len(form.COLUMNS.split(","))


def weights_file(store: Path, run: str) -> Path:
    """Return the path of a run's weights."""
    return store / "weights" / f"{run}.safetensors"


class Soundness:
    """Reads rows, arrays and weights of an index and reports which of them are damaged.

    In a store of format 1, which has no digests, only what cannot be decoded counts as damaged.

    Attributes:
        damaged: run -> damage, for the runs that `verify` found damaged.
    """

    def __init__(self, index: Index):
        self._index, self._store = index, index.file.parent
        self.damaged: dict[str, str] = {}
        self._verified: dict[str, str] = {}
        self._whole: set[str] = set()

    def note(self, row: StoredRow) -> None:
        """Note that a row has just been written."""
        self.damaged.pop(row[0], None)
        self._verified[row[0]] = row[3]
        self._whole.add(row[0])

    def states(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Return run -> status or DAMAGED, for stored runs. A row is verified once."""
        sql = "SELECT run_id, status FROM runs WHERE run_id IN ({})"
        found = dict(self._index.select(sql, run_ids))
        if self._index.version == 1:
            return found
        fresh = [run for run, status in found.items() if self._verified.get(run) != status]
        for row in self._rows(fresh):
            if problem(row):
                found[row[0]] = form.DAMAGED
            else:
                found[row[0]] = self._verified[row[0]] = row[3]
        again = [run for run in self.damaged if run in found]
        for run in again:  # another process may have trained it in the meantime
            self._whole.discard(run)
        return found | dict.fromkeys(self.verify(again), form.DAMAGED)

    def present(self, run_ids: Iterable[str], failed: bool = False) -> set[str]:
        """Return runs with an intact record; with `failed`, failed ones too."""
        others = {form.DAMAGED} if failed else {form.DAMAGED, "failed"}
        return {run for run, state in self.states(run_ids).items() if state not in others}

    def records(
        self, run_ids: Iterable[str], arrays: bool
    ) -> tuple[dict[str, Record], dict[str, str]]:
        """Return records by run, and the damage of damaged ones."""
        found: dict[str, Record] = {}
        wrong: dict[str, str] = {}
        rows = self._rows_and_blobs(run_ids) if arrays else self._rows(run_ids, ", NULL")
        for *row, blob in rows:
            said = problem(row) or (arrays_problem(row, blob) if arrays else "")
            try:
                if not said:
                    found[row[0]] = form.decode_record(row[:COLUMNS], blob)
            except StoreError as error:
                said = str(error)
            if said:
                wrong[row[0]] = said
        return found, wrong

    def weights(self, run: str) -> dict[str, np.ndarray]:
        """Return the weights of a run whose row is intact."""
        file = weights_file(self._store, run)
        (row,) = self._rows([run])
        own = row[-2]
        if own == "" or (own is None and not file.exists()):
            return {}
        found, said = self._read_weights(row)
        if said:
            raise StoreError(f"{said}; {AGAIN}")
        return found

    def verify(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Read everything of some runs; return the damage of damaged ones."""
        wanted = set(run_ids)
        for run, _, said in self.whole(wanted - self._whole):
            if said:
                self.damaged[run] = said[0][1]
            else:
                self.damaged.pop(run, None)
                self._whole.add(run)
        return {run: said for run, said in self.damaged.items() if run in wanted}

    def whole(
        self, run_ids: Iterable[str] | None = None
    ) -> Iterator[tuple[str, bool, list[tuple[str, str]]]]:
        """Yield each stored run, whether it has weights, and (kind, damage) of its damaged parts.

        Args:
            run_ids: None for all.
        """
        for *row, blob in self._rows_and_blobs(run_ids):
            said = [
                ("record", problem(row) or _undecodable(row, None)),
                ("arrays", arrays_problem(row, blob)),
            ]
            if not any(text for _, text in said):
                said.append(("arrays", _undecodable(row, blob)))
            file = weights_file(self._store, str(row[0]))
            has_weights = bool(row[-2]) or (row[-2] is None and file.exists())
            if has_weights:
                said.append(("weights", self._read_weights(row)[1]))
            yield str(row[0]), has_weights, [(kind, text) for kind, text in said if text]

    def look_for(self, lost: Collection[str], planned: Collection[str]) -> None:
        """Check that no record of these missing runs is stored under a wrong name.

        Args:
            planned: all runs that plans name.

        Raises:
            StoreError: there is such a record.
        """
        if self._index.version == 1:
            return
        others = "run_id NOT IN (SELECT value FROM json_each(?))"
        sql = f"SELECT {self._columns()} FROM runs WHERE {others}"
        for row in self._index.each(sql, values=(json.dumps(sorted(planned)),)):
            if not problem(row):
                continue
            try:
                own = run_id(form.decode_object(row[4], ""))
            except (StoreError, ValueError):
                continue
            if own in lost:
                said = f"the record of run {own} is damaged: it is named {row[0]!r}"
                raise StoreError(f"{said} in the store {self._store}; {AGAIN}")

    def _read_weights(self, row: Sequence[Any]) -> tuple[dict[str, np.ndarray], str]:
        """Return the weights of a row that has some, and their damage."""
        file, own = weights_file(self._store, str(row[0])), row[-2]
        try:
            content = file.read_bytes()
            said = _compare(content, own, f"{file} is damaged")
            return {} if said else form.decode_arrays(content, str(file)), said
        except FileNotFoundError:
            return {}, f"{file} is missing, the weights of run {row[0]}"
        except OSError as error:
            return {}, f"cannot read {file}: {error.strerror or error}"
        except StoreError as error:
            return {}, str(error)

    def _rows(self, run_ids: Iterable[str], more: str = "") -> Iterator[tuple[Any, ...]]:
        sql = f"SELECT {self._columns()}{more} FROM runs WHERE run_id IN ({{}})"
        return self._index.each(sql, run_ids)

    def _rows_and_blobs(self, run_ids: Iterable[str] | None) -> Iterator[tuple[Any, ...]]:
        """Return rows with their arrays, read in one transaction."""
        columns = self._columns().replace("run_id", "runs.run_id", 1)
        where = "" if run_ids is None else " WHERE runs.run_id IN ({})"
        tables = "runs LEFT JOIN arrays ON arrays.run_id = runs.run_id"
        return self._index.each(f"SELECT {columns}, blob FROM {tables}{where}", run_ids or ())

    def _columns(self) -> str:
        """Return the columns of STORED, with NULL for the digests in format 1."""
        if self._index.version == 1:
            return f"{form.COLUMNS}, updated, NULL, NULL, NULL"
        return form.STORED


def problem(row: Sequence[Any]) -> str:
    """Return the damage of a row of STORED, found by its digest; "" for none."""
    *content, own = row
    if own is None or own == digest(*content):
        return ""
    reason = UNREADABLE if own == form.DAMAGED else WRONG
    return f"the record of run {row[0]} is damaged: {reason}"


def _undecodable(row: Sequence[Any], blob: bytes | None) -> str:
    try:
        form.decode_record(row[:COLUMNS], blob)
    except StoreError as error:
        return str(error)
    return ""


def arrays_problem(row: Sequence[object], blob: object) -> str:
    """Return the damage of a row's arrays; "" for none."""
    where = f"the arrays of run {row[0]} is damaged"
    if not isinstance(blob, bytes):
        return f"{where}: they are missing"
    return _compare(blob, row[-3], where)


def _compare(content: bytes, own: Any, where: str) -> str:
    if own is None or own == digest(content):
        return ""
    return f"{where}: {UNREADABLE if own == form.DAMAGED else WRONG}"
