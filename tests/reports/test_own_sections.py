"""A section of a user's own that fails costs no report, and its line is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.reports.html import SectionError, write_html
from assay.reports.registered import SECTIONS, Section

Add = Callable[..., None]


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Add:
    """Registers a section for the time of a test."""
    SECTIONS.names()
    monkeypatch.setattr(SECTIONS, "_entries", dict(SECTIONS._entries))

    def add(template: str | Path, view: Callable[..., Any] = lambda *given: {"x": 1}) -> None:
        from assay.core.registry import CodePlace, Registered

        section = Section("Mine", template, view)
        SECTIONS._entries["mine"] = Registered(section, CodePlace("parts", "parts.py", 9))

    return add


def fails(plan: Any, records: Any, dataset_of: Any) -> Any:
    return 1 // 0


def written(study: Any, images: Any, tmp_path: Path) -> tuple[str, str]:
    """The error and the page."""
    with pytest.raises(SectionError) as caught:
        write_html(*study("tour"), tmp_path / "report.html", images)
    assert isinstance(caught.value, ConfigError)  # not a bug in assay
    return str(caught.value), caught.value.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("<h2>Mine</h2>\n{{ data.x", 2, "TemplateSyntaxError: unexpected end of template"),
        ("<h2>Mine</h2>\n\n{{ data.y.z }}", 3, "UndefinedError: "),
        ("{{ tabel(data.x) }}", 1, "UndefinedError: 'tabel' is undefined"),
    ],
)
@pytest.mark.parametrize("file", [False, True])
def test_a_template_that_fails(template, line, said, file, add, study, images, tmp_path):
    path = tmp_path / "mine.html"
    path.write_text(template)
    add(path if file else template)
    error, page = written(study, images, tmp_path)
    place = f"{path}:{line}" if file else f"parts.py:9: line {line} of its template"
    assert f"{place}: report section 'mine': {said}" in error
    assert "Every run" in page
    assert "report section" in page


def test_a_template_that_is_not_there(add, study, images, tmp_path):
    add(tmp_path / "missing.html")
    error, _ = written(study, images, tmp_path)
    assert "parts.py:9: report section 'mine': FileNotFoundError" in error


def test_a_view_that_fails(add, study, images, tmp_path):
    add("{{ data.x }}", fails)
    error, page = written(study, images, tmp_path)
    assert (
        f"{__file__}:{fails.__code__.co_firstlineno + 1}: report section 'mine': ZeroDiv" in error
    )
    assert "Every run" in page


def test_a_section_that_works_is_in_its_place(add, study, images, tmp_path):
    add("<section id='mine'>{{ data.x }} &amp; {{ '<b>' }}</section>")
    page = write_html(*study("tour"), tmp_path / "report.html", images).read_text()
    assert "<section id='mine'>1 &amp; &lt;b&gt;</section>" in page
    assert '<a href="#mine">Mine</a>' in page
