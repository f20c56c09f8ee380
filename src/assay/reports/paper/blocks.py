"""What a paper consists of, as plain data: the writers turn it into Typst, LaTeX and Markdown."""

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
    """Words in a style: "strong", "emphasis" or "code"."""

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


Inline = str | Styled | Citation | Mention
Sentence = tuple[Inline, ...]


@dataclass(frozen=True)
class Paragraph:
    """Sentences; one that mentions what is not shown is left out with it."""

    sentences: tuple[Sentence, ...]
    style: str = ""  # "question": set apart


@dataclass(frozen=True)
class Bullets:
    """A list of points, numbered or not."""

    points: tuple[Sentence, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Printout:
    """Lines as a program shows them."""

    text: str


@dataclass(frozen=True)
class Subheading:
    """A heading inside a chapter; level 2 stands below the chapter's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Exhibit:
    """A figure, a table or pictures of the author, with its caption.

    Attributes:
        label: names it in the whole paper: "mnist-reference/curves".
        content: what is shown; a path of a picture where it is the author's.
        caption: set below it.
        lesser: how early it goes where a paper is too long; 0 is kept longest.
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
        name: by which an author's text and `order` name it: "method", "mnist-reference".
        title: its heading.
        blocks: what stands in it.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Author:
    """Who wrote the paper."""

    name: str
    affiliation: str = ""
    email: str = ""


@dataclass(frozen=True)
class Manuscript:
    """A whole paper.

    Attributes:
        abstract: its sentences.
        chapters: in order.
        appendix: exhibits that follow the references.
        date: of the last run, "2026-11-28"; never that of today, so that equal records make equal
            bytes.
        references: BibTeX of everything that may be cited.
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
        """The paper without these exhibits and the sentences that point at them.

        Args:
            keep: they move to the appendix, and the sentences stay.
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
    """All figures and tables in their order, without those of the appendix."""
    return [b for c in paper.chapters for b in c.blocks if isinstance(b, Exhibit)]


def said(*texts: str | Sentence, style: str = "") -> Paragraph:
    """A paragraph of plain sentences."""
    return Paragraph(tuple((t,) if isinstance(t, str) else t for t in texts), style)
