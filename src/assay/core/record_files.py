"""A record as one file, for workers that cannot reach the store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from assay.core import store_format as form
from assay.core.errors import StoreError
from assay.core.files import write_whole
from assay.core.records import Record

__all__ = ["read_record", "write_record"]


def write_record(record: Record, file: Path) -> None:
    """Write a record with its weights and state atomically, with a digest.

    Raises:
        OSError: it cannot be written.
        StoreError: it holds something that cannot be stored.
    """
    row, blob = form.encode_record(record)
    arrays = {"row": _bytes(json.dumps(row).encode()), "arrays": _bytes(blob)}
    for group in ("weights", "state"):
        arrays |= {f"{group}/{name}": array for name, array in getattr(record, group).items()}
    write_whole(file, form.encode_arrays(arrays, f"run {record.run_id}"))


def read_record(file: Path) -> Record:
    """Read such a file.

    Raises:
        StoreError: it is damaged or cannot be read.
    """
    try:
        arrays = form.decode_arrays(file.read_bytes(), str(file), sealed=True)
        row, blob = json.loads(arrays["row"].tobytes()), arrays["arrays"].tobytes()
        found = form.decode_record(row, blob)
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror or error}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{file} is damaged: it contains no record ({error})") from error
    return replace(found, weights=_group(arrays, "weights"), state=_group(arrays, "state"))


def _group(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    start = f"{name}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def _bytes(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)
