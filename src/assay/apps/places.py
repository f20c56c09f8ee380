"""Where the store and the datasets are when nobody says so."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder", "store_folder"]


def store_folder(given: str | Path | None = None) -> Path:
    """The folder of records: the one given, or env ASSAY_STORE, or ./assay-store."""
    return Path(given or os.environ.get("ASSAY_STORE") or "assay-store").expanduser()


def data_folder(given: str | Path | None = None) -> Path | None:
    """The folder that already has the datasets: the one given, or env ASSAY_DATA, or none."""
    named = given or os.environ.get("ASSAY_DATA")
    return Path(named).expanduser() if named else None
