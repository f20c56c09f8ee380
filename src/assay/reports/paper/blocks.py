"""The content of a paper as plain data, which the writers convert to Typst, LaTeX and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from assay.reports.drawing import Plot
from assay.reports.tables import Table

__all__ = [
    "Author",
    "Block",
    "Bullets",
    "Chapter",
    "Citation",
    "Exhibit",
    "Inline",
    "Link",
    "Manuscript",
    "Mention",
    "Paragraph",
    "Printout",
    "Styled",
    "Subheading",
    "exhibits",
    "said",
]


@dataclass(frozen=True)
class Styled:
    """Text in a style: "strong", "emphasis" or "code"."""

    text: str
    style: str


@dataclass(frozen=True)
class Citation:
    """References by their BibTeX keys."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Mention:
    """A figure or table by its label: "Figure 3"."""

    label: str


@dataclass(frozen=True)
class Link:
    """An address with its scheme, shown as it is: "https://example.org/a%20b"."""

    url: str


Inline = str | Styled | Citation | Mention | Link
Sentence = tuple[Inline, ...]


@dataclass(frozen=True)
class Paragraph:
    """Sentences; one that mentions a removed exhibit is removed as well."""

    sentences: tuple[Sentence, ...]
    style: str = ""  # "question": set apart


@dataclass(frozen=True)
class Bullets:
    """A list of points, numbered or not."""

    points: tuple[Sentence, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Printout:
    """Preformatted lines."""

    text: str


@dataclass(frozen=True)
class Subheading:
    """A heading inside a chapter; level 2 is below the chapter's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Exhibit:
    """A figure or table with its caption, or a picture of the author.

    Attributes:
        label: its name in the paper: "mnist-reference/curves".
        content: the figure or table; for a picture of the author, its path.
        caption: its caption.
        lesser: priority for removal if a paper is too long; 0 is kept longest.
    """

    label: str
    content: Plot | Table | str
    caption: str
    lesser: int = 5

    @property
    def kind(self) -> str:
        """ "table" or "figure"."""
        return "table" if isinstance(self.content, Table) else "figure"


Block = Paragraph | Bullets | Printout | Subheading | Exhibit


@dataclass(frozen=True)
class Chapter:
    """A section of the paper.

    Attributes:
        name: its name in an author's text and in `order`: "method", "mnist-reference".
        title: its heading.
        blocks: its content.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Author:
    """An author of the paper."""

    name: str
    affiliation: str = ""
    email: str = ""


@dataclass(frozen=True)
class Manuscript:
    """A complete paper.

    Attributes:
        abstract: its sentences.
        chapters: in order.
        appendix: exhibits that follow the references.
        date: date of the last run, "2026-11-28"; not the present date, so that equal records give
            equal files.
        references: BibTeX of all references.
    """

    title: str
    authors: tuple[Author, ...] = ()
    abstract: tuple[Sentence, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    appendix: tuple[Exhibit, ...] = ()
    date: str = ""
    references: str = ""
    keywords: tuple[str, ...] = field(default=())

    def without(self, labels: set[str], *, keep: bool = False) -> Manuscript:
        """Return the paper without these exhibits and the sentences that mention them.

        Args:
            keep: move them to the appendix instead, and keep the sentences.
        """
        gone = [e for e in exhibits(self) if e.label in labels]
        chapters = tuple(
            replace(c, blocks=tuple(_kept(c.blocks, labels, keep))) for c in self.chapters
        )
        appendix = tuple(e for e in self.appendix if keep or e.label not in labels)
        more = tuple(e for e in gone if keep and e not in appendix)
        return replace(self, chapters=chapters, appendix=(*appendix, *more))


def _kept(blocks: tuple[Block, ...], labels: set[str], keep: bool) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Exhibit) and block.label in labels:
            continue
        if isinstance(block, Paragraph) and not keep:
            sentences = tuple(s for s in block.sentences if not _mentions(s) & labels)
            if not sentences:
                continue
            block = replace(block, sentences=sentences)
        yield block


def _mentions(sentence: Sentence) -> set[str]:
    return {part.label for part in sentence if isinstance(part, Mention)}


def exhibits(paper: Manuscript) -> list[Exhibit]:
    """Return all figures and tables in order, except those of the appendix."""
    return [b for c in paper.chapters for b in c.blocks if isinstance(b, Exhibit)]


def said(*texts: str | Sentence, style: str = "") -> Paragraph:
    """Return a paragraph of plain sentences."""
    return Paragraph(tuple((t,) if isinstance(t, str) else t for t in texts), style)
