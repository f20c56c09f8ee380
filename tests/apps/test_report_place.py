"""A report's place is tried before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.places import check_report
from assay.core.errors import StoreError


def test_a_place_that_can_be_written_keeps_what_is_there(tmp_path: Path) -> None:
    there = tmp_path / "report.html"
    there.write_text("old")
    check_report(there)
    check_report(tmp_path / "new" / "report.html")
    assert there.read_text() == "old"
    assert [p.name for p in sorted(tmp_path.rglob("*"))] == ["new", "report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path, tmp_path / "file" / "x.html", tmp_path / ("x" * 300)):
        with pytest.raises(StoreError, match=r"^cannot write the report '"):
            check_report(wrong)
