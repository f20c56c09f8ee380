"""Datasets: images and targets with a fixed split, from the catalog or from the user's files."""

from __future__ import annotations

from typing import Any

from assay.core.registry import Registry
from assay.data.batches import batch_order
from assay.data.catalog import entries
from assay.data.dataset import Dataset, FitData, Split
from assay.data.download import get
from assay.data.loading import Info, check_files, describe, load
from assay.data.permutation import restore
from assay.data.specs import problems, resolve
from assay.data.storage import find

__all__ = [
    "Dataset",
    "FitData",
    "Info",
    "Split",
    "batch_order",
    "check_files",
    "describe",
    "entries",
    "find",
    "get",
    "load",
    "problems",
    "resolve",
    "restore",
]

FUNCTIONS: Registry[Any] = Registry("function of assay.data")
"""Names that subjects add here, such as `assay.data.unscramble`."""


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name in FUNCTIONS:
        return FUNCTIONS[name]
    raise AttributeError(f"module 'assay.data' has no attribute {name!r}")
