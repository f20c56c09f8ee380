"""Data: images and targets with a fixed split, from a catalog or from the user's own folder."""

from __future__ import annotations

from assay.data.batches import batch_order
from assay.data.catalog import entries
from assay.data.dataset import Dataset, FitData, Split
from assay.data.download import get
from assay.data.loading import Info, check_files, describe, load
from assay.data.permutation import restore
from assay.data.specs import problems, resolve
from assay.data.storage import find
from assay.data.unscrambling import Unscrambler, unscramble

__all__ = [
    "Dataset",
    "FitData",
    "Info",
    "Split",
    "Unscrambler",
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
    "unscramble",
]
