"""The format of records in the store: JSON text for scalars, one safetensors blob for arrays.

Data may be damaged; decoding it then raises a StoreError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from assay.core.digests import check_seal, digest, seal
from assay.core.errors import StoreError
from assay.core.records import Record, Status

__all__ = [
    "APPLICATION_ID",
    "COLUMNS",
    "DAMAGED",
    "SCHEMA",
    "STORED",
    "StoredRow",
    "UPGRADE",
    "VERSION",
    "decode_arrays",
    "decode_object",
    "decode_record",
    "encode_arrays",
    "encode_json",
    "encode_record",
    "sealed_row",
]

VERSION = 2
"""Stored in `PRAGMA user_version`; increased whenever an older version of assay could not read the
index, or would write what a newer one refuses. Format 1 had no digests."""

APPLICATION_ID = 0x61737379
"""Stored in `PRAGMA application_id` ("assy"): assay never writes to another program's database."""

# Arrays have a separate table, so that reading the metrics of all runs touches few pages.
SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, trial_id TEXT NOT NULL, seed INTEGER NOT NULL, status TEXT NOT NULL,
    config TEXT NOT NULL, metrics TEXT NOT NULL, timing TEXT NOT NULL, provenance TEXT NOT NULL,
    message TEXT NOT NULL, updated TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) WITHOUT ROWID;
CREATE TABLE arrays (
    run_id TEXT PRIMARY KEY REFERENCES runs (run_id) ON DELETE CASCADE, blob BLOB NOT NULL
);
CREATE TABLE plans (
    study TEXT PRIMARY KEY, plan TEXT NOT NULL, updated TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE claims (
    run_id TEXT PRIMARY KEY, owner TEXT NOT NULL, heartbeat REAL NOT NULL
) WITHOUT ROWID;
"""
"""The tables of format 1."""

UPGRADE = """
ALTER TABLE runs ADD COLUMN arrays_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN weights_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN digest TEXT NOT NULL DEFAULT '';
"""
"""From format 1 to 2. A row's digest covers all its other columns, including the digests of its
arrays and its weights file; `weights_digest` is empty if no weights were kept."""

COLUMNS = "run_id, trial_id, seed, status, config, metrics, timing, provenance, message"

STORED = f"{COLUMNS}, updated, arrays_digest, weights_digest, digest"
"""A complete row; `sealed_row` computes the last column."""

StoredRow = tuple[Any, ...]
"""A row of the index as SQLite has it: who decodes it checks the type of each value."""

DAMAGED = "damaged"
"""Replaces the digest of content that could not be read when digests were computed."""


def _plain(value: Any) -> Any:
    """Replace NaN and infinities in JSON data by null, which every reader understands."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def encode_json(value: object, where: str) -> str:
    """Return JSON text; non-finite numbers become null.

    Raises:
        StoreError: `value` contains something that JSON cannot represent; the message names
            `where`.
    """
    try:
        return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{where} must be plain JSON data: {error}") from error


def encode_arrays(arrays: Mapping[str, np.ndarray], where: str, sealed: bool = True) -> bytes:
    """Pack named arrays as one safetensors blob.

    Args:
        sealed: include a digest; not needed if the index contains it.

    Raises:
        StoreError: safetensors cannot store an array's type (text, objects).
    """
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in ordered.items():
        if array.dtype.kind not in "biuf":
            kind = array.dtype
            raise StoreError(f"{where}: array {name!r} must hold numbers, got type {kind}")
    return seal(ordered) if sealed else save(ordered)


def decode_arrays(blob: bytes, where: str, sealed: bool = False) -> dict[str, np.ndarray]:
    """Undo `encode_arrays`; raise StoreError if the blob is damaged.

    Args:
        sealed: verify the included digest.
    """
    try:
        if sealed:
            check_seal(blob)
        arrays = dict(sorted(load(blob).items()))
    except KeyError as error:  # a type that NumPy does not have, so that assay did not write it
        raise StoreError(f"{where} is damaged: it has arrays of the type {error}") from error
    except (SafetensorError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise StoreError(f"{where} is damaged: {error}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise StoreError(f"{where} is damaged: its array {name!r} has the type {array.dtype}")
    return arrays


def _group(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    start = f"{name}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def encode_record(record: Record) -> tuple[StoredRow, bytes]:
    """Return the row of `COLUMNS` and the blob of arrays of a record."""
    where = f"run {record.run_id}"
    texts = [
        encode_json(getattr(record, name), f"{where}: {name}")
        for name in ("config", "metrics", "timing", "provenance")
    ]
    identity = (str(record.run_id), str(record.trial_id), int(record.seed), str(record.status))
    arrays = {f"curves/{k}": v for k, v in record.curves.items()}
    arrays |= {f"predictions/{k}": v for k, v in record.predictions.items()}
    message = str(record.message).encode(errors="replace").decode()
    return (*identity, *texts, message), encode_arrays(arrays, where, sealed=False)


def sealed_row(row: Sequence[Any], updated: str, arrays: str, weights: str) -> StoredRow:
    """Return the row of `STORED`: a row of `COLUMNS`, its time, digests, and the row's digest."""
    content = (*row, updated, arrays, weights)
    return (*content, digest(*content))


def decode_record(row: Sequence[Any], blob: bytes | None) -> Record:
    """Rebuild a record, without weights, from a row of `COLUMNS` and its arrays (if any).

    Raises:
        StoreError: something in it could not come from `encode_record`.
    """
    run_id, trial_id, seed, status, config, metrics, timing, provenance, message = row
    where = f"the record of run {run_id}"
    texts = (run_id, trial_id, message)
    if not all(isinstance(text, str) for text in texts) or type(seed) is not int:
        raise StoreError(f"{where} is damaged: a name, its seed or its message has another type")
    if status not in get_args(Status):
        raise StoreError(f"{where} is damaged: its status is {status!r}")
    arrays = decode_arrays(blob, f"the arrays of run {run_id}") if blob is not None else {}
    return Record(
        run_id=run_id,
        trial_id=trial_id,
        seed=seed,
        status=status,
        config=decode_object(config, f"{where} is damaged: its configuration"),
        curves=_curves(_group(arrays, "curves"), f"the arrays of run {run_id} is damaged"),
        metrics=_numbers(metrics, f"{where} is damaged: its metrics"),
        predictions=_group(arrays, "predictions"),
        timing=_numbers(timing, f"{where} is damaged: its timing"),
        provenance=decode_object(provenance, f"{where} is damaged: its provenance"),
        message=message,
    )


def decode_object(text: Any, what: str) -> dict[str, Any]:
    """Read a JSON object; otherwise raise a StoreError that begins with `what`."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{what} cannot be read as JSON ({error})") from error
    if not isinstance(value, dict):
        raise StoreError(f"{what} must be a JSON object, got {type(value).__name__}")
    return value


def _numbers(text: Any, what: str) -> dict[str, float]:
    """Return scalars by name; null, which replaces non-finite numbers, becomes NaN."""
    found = {k: math.nan if v is None else v for k, v in decode_object(text, what).items()}
    for name, value in found.items():
        if not isinstance(value, (int, float)):
            raise StoreError(f"{what} must be numbers, got {value!r} for {name!r}")
    return found


def _curves(curves: dict[str, np.ndarray], what: str) -> dict[str, np.ndarray]:
    for name, curve in curves.items():
        if curve.ndim != 1:
            raise StoreError(f"{what}: the curve {name!r} has {curve.ndim} dimensions, expected 1")
        if len(curve) != (steps := len(curves.get("step", curve))):
            raise StoreError(f"{what}: the curve {name!r} has {len(curve)} points, {steps} steps")
    return curves
