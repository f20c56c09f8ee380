"""Characters without a font are found by looking into the fonts."""

from __future__ import annotations

from pathlib import Path

from matplotlib import font_manager

from assay.reports.fonts import unshown

DEJAVU = font_manager.findfont("DejaVu Sans")


def test_latin_text_needs_no_look() -> None:
    assert unshown("café ± 3", fonts=[]) == ""


def test_what_no_font_has_is_returned_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    assert unshown("−α中文中", fonts=[str(broken), DEJAVU]) == "中文"
    assert unshown("−α", fonts=[]) == "−α"
    assert unshown("−α", fonts=[DEJAVU]) == ""
