"""Estimation of the order of permuted pixels from the images alone."""

from __future__ import annotations

from pathlib import Path

from assay.core.extend import (
    register_command,
    register_page,
    register_studies,
    register_transform,
)
from assay.core.registry import register

_HERE = "assay.subjects.unscrambling"

register_page("permutation", f"{_HERE}.page:PAGE")
register_transform("restore", f"{_HERE}.restoring:RESTORE")
register_command(
    "unscramble",
    f"{_HERE}.commands:unscramble",
    help="Restore the order of permuted pixels from the images alone.",
)
for _name in ("Unscrambler", "unscramble"):
    register("function of assay.data", _name, f"{_HERE}.solver:{_name}")
register_studies("unscrambling", Path(__file__).with_name("studies"))
