"""How a record looks inside the store: JSON text for scalars, one safetensors blob for arrays."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from assay.core.errors import StoreError
from assay.core.records import Record

__all__ = [
    "APPLICATION_ID",
    "COLUMNS",
    "SCHEMA",
    "VERSION",
    "decode_arrays",
    "decode_record",
    "encode_arrays",
    "encode_json",
    "encode_record",
    "write_file",
]

VERSION = 1
"""Kept in `PRAGMA user_version`; raised whenever an older assay could not read the index."""

APPLICATION_ID = 0x61737379
"""Kept in `PRAGMA application_id` ("assy"), so that no other program's database is written to."""

# Arrays have a table of their own: reading every run's metrics then touches few pages.
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

COLUMNS = "run_id, trial_id, seed, status, config, metrics, timing, provenance, message"


def _plain(value: Any) -> Any:
    """JSON data without NaN and infinities (they become null, which every reader understands)."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def encode_json(value: Any, where: str) -> str:
    """Return JSON text; numbers that are not finite become null.

    Raises:
        StoreError: `value` holds something that JSON cannot; `where` names the place.
    """
    try:
        return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{where} must be plain JSON data: {error}") from error


def _numbers(text: str) -> dict[str, float]:
    """Scalars by name; null, which stands for a number that is not finite, reads as NaN."""
    return {k: math.nan if v is None else v for k, v in json.loads(text).items()}


def encode_arrays(arrays: Mapping[str, np.ndarray], where: str) -> bytes:
    """Pack named arrays as one safetensors blob.

    Raises:
        StoreError: an array's type has no place in safetensors (text, objects).
    """
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in ordered.items():
        if array.dtype.kind not in "biuf":
            kind = array.dtype
            raise StoreError(f"{where}: array {name!r} must hold numbers, got type {kind}")
    return save(ordered)


def decode_arrays(blob: bytes, where: str) -> dict[str, np.ndarray]:
    """Undo `encode_arrays`; raise StoreError when the blob is damaged."""
    try:
        return dict(sorted(load(blob).items()))
    except SafetensorError as error:
        raise StoreError(f"{where} is damaged: {error}") from error


def _group(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    start = f"{name}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def encode_record(record: Record) -> tuple[tuple[Any, ...], bytes]:
    """Return the row of `COLUMNS` and the blob of arrays of a record."""
    where = f"run {record.run_id}"
    texts = [
        encode_json(getattr(record, name), f"{where}: {name}")
        for name in ("config", "metrics", "timing", "provenance")
    ]
    identity = (record.run_id, record.trial_id, int(record.seed), record.status)
    arrays = {f"curves/{k}": v for k, v in record.curves.items()}
    arrays |= {f"predictions/{k}": v for k, v in record.predictions.items()}
    return (*identity, *texts, record.message), encode_arrays(arrays, where)


def decode_record(row: Sequence[Any], blob: bytes | None) -> Record:
    """Rebuild a record, without weights, from a row of `COLUMNS` and its arrays (if any)."""
    run_id, trial_id, seed, status, config, metrics, timing, provenance, message = row
    arrays = decode_arrays(blob, f"the arrays of run {run_id}") if blob is not None else {}
    return Record(
        run_id=run_id,
        trial_id=trial_id,
        seed=seed,
        status=status,
        config=json.loads(config),
        curves=_group(arrays, "curves"),
        metrics=_numbers(metrics),
        predictions=_group(arrays, "predictions"),
        timing=_numbers(timing),
        provenance=json.loads(provenance),
        message=message,
    )


def write_file(temporary: Path, content: bytes) -> None:
    """Write and sync a file that its caller will rename; nothing is left behind on failure."""
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
