"""Papers: studies of a store, with what an author says of them, to PDF, LaTeX or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.reports.paper.blocks import Author, Manuscript
    from assay.reports.paper.material import Material
    from assay.reports.paper.writing import Written

__all__ = ["FORMATS", "PaperSettings", "material", "write_paper"]

FORMATS = {"html": ".html", "pdf": ".pdf", "latex": "-latex", "markdown": ".md"}
"""What a report can be written as, and how its file or folder ends."""


@dataclass(frozen=True)
class PaperSettings:
    """What an author says of a paper; see docs/paper.md.

    Attributes:
        title: of the paper; the question of its only study, or the names of all.
        authors: "Name", "Name, affiliation" or "Name, affiliation, email".
        abstract: in place of the one that is made of the results.
        order: names of chapters, in the order in which they shall stand.
        template: "course", "ieee", "icml" or a file of Typst.
        size: "a4" or "letter".
        text: the author's own prose, Markdown whose headings name chapters.
        references: BibTeX of what the prose cites.
        figures: those that stay, by number or name.
        max_pages: most pages of the PDF.
        appendix: what goes moves to an appendix.
    """

    title: str | None = None
    authors: tuple[str, ...] = ()
    abstract: str | None = None
    order: tuple[str, ...] = ()
    template: str = "course"
    size: str = "a4"
    text: Path | None = None
    references: Path | None = None
    figures: tuple[str, ...] = ()
    max_pages: int | None = None
    appendix: bool = False
    keywords: tuple[str, ...] = field(default=())


def material(results: Results) -> Material:
    """What a paper is made of, of one study.

    Raises:
        ConfigError: no run of it is in the store.
    """
    from assay.reports.html import remember
    from assay.reports.names import named
    from assay.reports.paper.material import Material

    records = results.records()
    if not records:
        raise ConfigError(
            f"study {results.name!r} has no runs in {str(results.store)!r}, so that nothing can be "
            f"reported of it; {results.plan.get('command') or 'assay run'} trains them"
        )
    plan = named(results.plan)
    lookup = remember(results.dataset)
    return Material(plan, records, results.tried(), lookup, results._network)


def write_paper(
    studies: Sequence[Results], to: str, path: Path, settings: PaperSettings
) -> Written:
    """Write a paper of some studies.

    Args:
        to: "pdf", "latex" or "markdown".
        path: the file, or the folder of LaTeX.

    Raises:
        ConfigError: what the settings name is not there; a template fails.
        MissingExtraError: typst is not installed.
    """
    from assay.reports.paper.writing import write_pdf

    if to not in FORMATS:
        raise ConfigError(unknown_name("format of a report", to, FORMATS))
    paper = _manuscript([material(results) for results in studies], settings)
    shown: dict[str, Any] = {"figures": settings.figures, "appendix": settings.appendix}
    return write_pdf(
        paper, path, template=settings.template, size=settings.size,
        max_pages=settings.max_pages, **shown,
    )  # fmt: skip


def _manuscript(studies: Sequence[Material], settings: PaperSettings) -> Manuscript:
    from assay.reports.paper.content import manuscript

    return manuscript(
        studies, settings.title, [_author(text) for text in settings.authors], settings.abstract,
        settings.order,
    )  # fmt: skip


def _author(text: str) -> Author:
    """An author from "Name, affiliation, email"."""
    from assay.reports.paper.blocks import Author

    name, *more = [part.strip() for part in text.split(",")]
    if not name:
        raise ConfigError(f"an author must have a name, got {text!r}")
    email = more.pop() if more and "@" in more[-1] else ""
    return Author(name, ", ".join(more), email)
