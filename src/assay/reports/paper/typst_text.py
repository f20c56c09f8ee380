"""A manuscript as Typst: user-written text is in string literals, so that it is never markup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Chapter,
    Citation,
    Inline,
    Link,
    Manuscript,
    Mention,
    Paragraph,
    Printout,
    Sentence,
    Styled,
    Subheading,
    exhibits,
)
from assay.reports.paper.typst_exhibits import ExhibitWriter, PageSize, minus, quoted

__all__ = ["typst_text"]

EARLY = ("introduction", "related-work", "method")
"""Chapters whose figures are at the bottom of a page, because nothing may precede the abstract."""


def typst_text(paper: Manuscript, page: PageSize, folder: Path, size: str = "a4") -> str:
    """Return the paper as Typst that imports `paper` from "template.typ" beside it.

    Args:
        page: page of the template, so that figures are drawn at their final width.
        folder: folder for figures and references.
        size: page size, "a4" or "us-letter".
    """
    labels = {e.label for e in (*exhibits(paper), *paper.appendix)}
    writer = _Writer(page, folder, labels)
    body = "\n".join(writer.chapter(chapter) for chapter in paper.chapters)
    appendix = "\n".join(writer.shown(list(paper.appendix)))
    cited = writer.cited
    if cited:
        (folder / "references.bib").write_text(paper.references, encoding="utf-8")
    authors = "".join(
        f"(name: {quoted(a.name)}, affiliation: {quoted(a.affiliation)}, "
        f"email: {quoted(a.email)}), "
        for a in paper.authors
    )
    keywords = "".join(f"{quoted(word)}, " for word in paper.keywords)
    head = f"""#import "template.typ": paper
#show: paper.with(
  title: {quoted(paper.title)},
  authors: ({authors}),
  abstract: {"[" + writer.sentences(paper.abstract) + "]" if paper.abstract else "none"},
  keywords: ({keywords}),
  date: {quoted(paper.date) if paper.date else "none"},
  paper-size: {quoted(size)},
  references: {'"references.bib"' if cited else "none"},
  appendix: {"[" + appendix + "]" if appendix else "none"},
)
#set cite(style: auto)
"""
    return (
        head
        + body
        + "\n#place.flush()\n#context [#metadata(counter(page).final().first()) <assay-pages>]\n"
    )


class _Writer:
    """Writes blocks, and records what was cited."""

    def __init__(self, page: PageSize, folder: Path, labels: set[str]):
        self.labels, self.level, self.early = labels, 1, True
        self.cited: set[str] = set()
        self.exhibits = ExhibitWriter(page, folder, self.inlines)

    def chapter(self, chapter: Chapter) -> str:
        self.level = 1
        self.exhibits.place = "bottom" if chapter.name in EARLY else "auto"
        blocks = "\n\n".join(self.shown(chapter.blocks))
        flush = "" if self.early else "#place.flush()\n"  # its figures precede the next
        self.early = chapter.name in EARLY
        return f"\n{flush}#heading(level: 1, {quoted(chapter.title)})\n\n{blocks}\n"

    def shown(self, blocks: Sequence[Block]) -> list[str]:
        """Return blocks, with everything that is waiting for another one beside it."""
        return [*map(self.block, blocks), self.exhibits.rest()]

    def block(self, block: Block) -> str:
        if isinstance(block, Paragraph):
            text = self.sentences(block.sentences)
            return f"#emph[{text}]" if block.style == "question" else text
        if isinstance(block, Bullets):
            kind = "enum" if block.numbered else "list"
            points = ", ".join(f"[{self.inlines(point)}]" for point in block.points)
            return f"#{kind}({points})"
        if isinstance(block, Printout):
            whole = 'show regex("--[\\w-]+"): box'  # options are not hyphenated
            shown = f"raw(block: true, {_lines(block.text)})"
            return f"#block(breakable: false, {{ {whole}; {shown} }})"
        if isinstance(block, Subheading):
            self.level = min(
                block.level, self.level + 1
            )  # PDF/UA does not allow skipped heading levels
            return f"#heading(level: {self.level}, {quoted(block.text)})"
        return self.exhibits.write(block)

    def sentences(self, sentences: Sequence[Sentence]) -> str:
        return " ".join(self.inlines(sentence) for sentence in sentences)

    def inlines(self, sentence: Sentence) -> str:
        return "".join(self._inline(part) for part in sentence)

    def _inline(self, part: Inline) -> str:
        if isinstance(part, Styled):
            if part.style == "code":
                return f"#raw({quoted(part.text)})"
            kind = {"strong": "strong", "emphasis": "emph"}[part.style]
            return f"#{kind}({quoted(minus(part.text))})"
        if isinstance(part, Citation):
            self.cited.update(part.keys)
            return "".join(f"#cite(label({quoted(key)}))" for key in part.keys)
        if isinstance(part, Mention):
            return f"#ref(label({quoted(part.label)}))" if part.label in self.labels else ""
        if isinstance(part, Link):
            return f"#link({quoted(part.url)})"
        return f"#{quoted(minus(part))};" if part else ""


def _lines(text: str) -> str:
    return ' + "\\n" + '.join(quoted(line) for line in text.split("\n"))
