"""Writing of papers: PDF by Typst, LaTeX, Markdown."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from assay.core.errors import ConfigError, StoreError, unknown_name
from assay.core.files import read_text, written_whole
from assay.reports.paper.blocks import Manuscript, exhibits
from assay.reports.paper.fitting import chosen, shortened
from assay.reports.paper.latex_text import latex_text
from assay.reports.paper.markdown_text import markdown_text
from assay.reports.paper.typesetting import Setter
from assay.reports.paper.typst_text import typst_text

__all__ = ["SIZES", "TEMPLATES", "Written", "write_latex", "write_markdown", "write_pdf"]

TEMPLATES = ("course", "ieee", "icml")
"""Templates that come with assay."""

SIZES = {"a4": "a4", "letter": "us-letter"}
"""Sizes of paper -> Typst's names."""

MARKS = ".assay-paper.json"
"""File of digests of written files, to detect changes by the user."""


@dataclass(frozen=True)
class Written:
    """The result of writing a paper.

    Attributes:
        path: the file, or the folder of LaTeX.
        pages: pages of the PDF; 0 if unknown.
        standards: PDF standards that it satisfies.
        left_out: captions or labels of removed exhibits.
        moved: those in the appendix.
        notes: further notes.
    """

    path: Path
    pages: int = 0
    standards: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def write_pdf(
    paper: Manuscript,
    path: Path,
    *,
    template: str = "course",
    size: str = "a4",
    figures: Sequence[str] = (),
    max_pages: int | None = None,
    appendix: bool = False,
) -> Written:
    """Typeset a paper and write it atomically.

    Args:
        template: one of `TEMPLATES`, or a file of Typst.
        figures: figures to keep, by number or name; empty for all.
        max_pages: maximum number of pages, with references, without the appendix.
        appendix: move removed exhibits to an appendix.

    Raises:
        ConfigError: there is no such template or figure, or the template fails.
        MissingExtraError: typst is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="assay-paper-") as name:
        folder = Path(name)
        setter = Setter(folder, _place(template, folder), _seconds(paper.date))
        page = setter.page(SIZES[size])

        def pages(short: Manuscript) -> int:
            setter.write(typst_text(short, page, folder, SIZES[size]))
            return setter.pages()

        gone = chosen(paper, figures) if figures else set()
        notes: list[str] = []
        if max_pages is not None:
            more, number = shortened(paper.without(gone), max_pages, pages)
            gone |= more
            if number > max_pages:
                notes.append(f"{number} pages is the minimum, without any figure or table")
        final = paper.without(gone, keep=appendix)
        setter.write(typst_text(final, page, folder, SIZES[size]))
        made = setter.typeset()
        write_file(path, made.pdf)
    labels = tuple(e.label for e in exhibits(paper) if e.label in gone)
    return Written(
        path, made.pages, made.standards,
        () if appendix else labels, labels if appendix else (), tuple(notes),
    )  # fmt: skip


def write_latex(
    paper: Manuscript,
    path: Path,
    *,
    size: str = "a4",
    figures: Sequence[str] = (),
    appendix: bool = False,
) -> Written:
    """Write a paper as a folder of LaTeX: main.tex, references.bib, figures as PDF.

    Files that the user has changed are kept, and the new text is written beside them as
    NAME.new.tex.

    Raises:
        ConfigError: the folder contains other files than a paper.
    """
    marks = path / MARKS
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not marks.exists())):
        raise ConfigError(f"{str(path)!r} already exists and does not contain a paper by assay")
    gone = chosen(paper, figures) if figures else set()
    final = paper.without(gone, keep=appendix)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="assay-paper-") as name:
        folder = Path(name)
        paper_size = {"a4": "a4paper", "letter": "letterpaper"}[size]
        text = latex_text(final, folder, paper_size)
        (folder / "main.tex").write_text(text, encoding="utf-8")
        for file in folder.glob("*.size"):
            file.unlink()
        known = json.loads(marks.read_text()) if marks.exists() else {}
        digests = {}
        for file in sorted(folder.iterdir()):
            target, digest = path / file.name, _digest(file)
            digests[file.name] = digest
            if target.exists() and _digest(target) not in (known.get(file.name), digest):
                notes.append(f"{target} was edited and is kept")
                digests[file.name] = known.get(file.name, "")
                target = target.with_suffix(f".new{file.suffix}")
            write_file(target, file.read_bytes())
        write_file(marks, json.dumps(digests, indent=1).encode())
    labels = tuple(e.label for e in exhibits(paper) if e.label in gone)
    left = ((), labels) if appendix else (labels, ())
    return Written(path, left_out=left[0], moved=left[1], notes=tuple(notes))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_markdown(
    paper: Manuscript, path: Path, *, figures: Sequence[str] = (), appendix: bool = False
) -> Written:
    """Write a paper as Markdown, its figures in a folder beside it (NAME-files)."""
    gone = chosen(paper, figures) if figures else set()
    folder = path.with_name(f"{path.stem}-files")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("figure-*"):
            file.unlink()
        text = markdown_text(paper.without(gone, keep=appendix), folder)
        for file in folder.glob("*.size"):
            file.unlink()
    except OSError as error:
        raise StoreError(f"cannot write {str(folder)!r}: {error.strerror}") from error
    write_file(path, text.encode("utf-8"))
    labels = tuple(e.label for e in exhibits(paper) if e.label in gone)
    left = ((), labels) if appendix else (labels, ())
    return Written(path, left_out=left[0], moved=left[1])


def _seconds(date: str) -> int:
    """Return the seconds from 1970 to a date; 0 for none."""
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) if date else 0


def _place(template: str, folder: Path) -> Path | None:
    """Copy a template into the folder as "template.typ"; return the user's file, if it is one.

    Files beside a user's template that it names (a logo, another .typ) are copied as well.
    """
    target = folder / "template.typ"
    if template in TEMPLATES:
        with as_file(files("assay.reports.paper") / "templates" / f"{template}.typ") as file:
            shutil.copyfile(file, target)
        return None
    path = Path(template)
    if path.suffix != ".typ":
        known = unknown_name("template", template, TEMPLATES)
        raise ConfigError(f"{known}, or a file that ends in .typ")
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(f"the template {str(path)!r} cannot be read: {error.strerror}") from None
    target.write_text(text, encoding="utf-8")
    _bring(path.parent, text, folder, {path.name})
    return path


def _bring(beside: Path, text: str, folder: Path, seen: set[str]) -> None:
    """Copy the files beside a Typst file that it names in quotes."""
    import re

    for name in re.findall(r'"([^"\n]{1,200})"', text):
        source = beside / name
        taken = name in ("main.typ", "template.typ", "references.bib")
        with contextlib.suppress(OSError, ValueError):
            if name in seen or taken or ".." in Path(name).parts or not source.is_file():
                continue
            seen.add(name)
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            if source.suffix == ".typ":
                _bring(beside, source.read_text("utf-8", "replace"), folder, seen)


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically; raise StoreError if this fails."""
    try:
        with written_whole(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error.strerror}") from error
