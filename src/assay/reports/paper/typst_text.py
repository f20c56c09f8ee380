"""A manuscript as Typst: everything a person wrote stands in strings, so that nothing of it is read
as markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.text import visible
from assay.reports.drawing import Plot
from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Chapter,
    Citation,
    Exhibit,
    Inline,
    Manuscript,
    Mention,
    Paragraph,
    Printout,
    Sentence,
    Styled,
    Subheading,
    exhibits,
)
from assay.reports.paper.drawn import LETTERS, Room, draw
from assay.reports.paper.material import slug
from assay.reports.tables import Table

__all__ = ["PageSize", "quoted", "typst_text"]

LONG = 24
"""Rows of a table from which on it may break over pages."""


@dataclass(frozen=True)
class PageSize:
    """What a template's page gives: the width of a column in inches, and how many there are."""

    width: float
    columns: int = 1
    gutter: float = 0.25

    @property
    def whole(self) -> float:
        """The width of all columns."""
        return self.width * self.columns + self.gutter * (self.columns - 1)


def quoted(text: str) -> str:
    r"""A string of Typst that shows this text, whatever is in it.

    Example:
        >>> print(quoted('50 % of "x" costs #1 \\ $2'))
        "50 % of \"x\" costs #1 \\ $2"
    """
    clean = " ".join(visible(text).split("\n"))
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def minus(text: str) -> str:
    """A hyphen before a number as a minus."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def typst_text(paper: Manuscript, page: PageSize, folder: Path, size: str = "a4") -> str:
    """Return the paper as Typst that imports `paper` from "template.typ" beside it.

    Args:
        page: of the template, so that figures are drawn as wide as they are shown.
        folder: where figures and references are written.
        size: of the page, "a4" or "us-letter".
    """
    labels = {e.label for e in (*exhibits(paper), *paper.appendix)}
    writer = _Writer(page, folder, labels)
    body = "\n".join(writer.chapter(chapter) for chapter in paper.chapters)
    appendix = "\n".join(writer.exhibit(e) for e in paper.appendix)
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
    return head + body + "\n#context [#metadata(counter(page).final().first()) <assay-pages>]\n"


class _Writer:
    """Writes blocks; remembers what was cited and how many figures were drawn."""

    def __init__(self, page: PageSize, folder: Path, labels: set[str]):
        self.page, self.folder, self.labels = page, folder, labels
        self.cited: set[str] = set()
        self.drawn = 0

    def chapter(self, chapter: Chapter) -> str:
        blocks = "\n\n".join(self.block(block) for block in chapter.blocks)
        return f"\n#heading(level: 1, {quoted(chapter.title)})\n\n{blocks}\n"

    def block(self, block: Block) -> str:
        if isinstance(block, Paragraph):
            text = self.sentences(block.sentences)
            return f"#emph[{text}]" if block.style == "question" else text
        if isinstance(block, Bullets):
            kind = "enum" if block.numbered else "list"
            points = ", ".join(f"[{self.inlines(point)}]" for point in block.points)
            return f"#{kind}({points})"
        if isinstance(block, Printout):
            return f"#raw(block: true, {_lines(block.text)})"
        if isinstance(block, Subheading):
            return f"#heading(level: {block.level}, {quoted(block.text)})"
        return self.exhibit(block)

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
        return f"#{quoted(minus(part))};" if part else ""

    def exhibit(self, exhibit: Exhibit) -> str:
        if isinstance(exhibit.content, Table):
            return self._table(exhibit, exhibit.content)
        if isinstance(exhibit.content, Plot):
            return self._figure(exhibit, exhibit.content)
        name = f"picture-{self.drawn}{Path(exhibit.content).suffix}"
        self.drawn += 1
        (self.folder / name).write_bytes(Path(exhibit.content).read_bytes())
        alt = quoted(exhibit.caption)
        picture = f"image({quoted(name)}, alt: {alt}, width: 100%)"
        return self._frame(exhibit, picture, alt, "image", spans=False)

    def _figure(self, exhibit: Exhibit, plot: Plot) -> str:
        spans = self.page.columns > 1 and len(plot.draws) > 2
        width = self.page.whole if spans else self.page.width
        column = Room(width, plot.small or len(plot.draws) > 1)
        parts = []
        files = draw(plot, column, self.folder, f"figure-{slug(exhibit.label)}", "svg")
        for i, (name, inches) in enumerate(files):
            alt = plot.alt if i == 0 else f"{plot.title}, part {i + 1}"
            parts.append(f"image({quoted(name)}, alt: {quoted(alt)}, width: {inches:.4f}in)")
        if len(parts) == 1:
            content = parts[0]
        else:
            across = max(1, int((width + 0.05) // files[0][1]))
            cells = ", ".join(
                f"stack(dir: ttb, spacing: 3pt, {part}, "
                f"align(center, text(size: 8pt)[({LETTERS[i % 26]})]))"
                for i, part in enumerate(parts)
            )
            content = f"grid(columns: {across}, column-gutter: 0.1in, row-gutter: 6pt, {cells})"
        return self._frame(exhibit, content, quoted(plot.alt), "image", spans)

    def _table(self, exhibit: Exhibit, table: Table) -> str:
        cells = table.texts()
        spans = self.page.columns > 1 and _inches(table) > self.page.width
        columns = len(table.columns)
        align = ", ".join("left" if c.align == "left" else "right" for c in table.columns)
        heads = ", ".join(f"[{_strong(h)}]" for h in table.headers)
        rows = []
        for row, texts in zip(table.entries, cells, strict=True):
            bold = bool(row.get("best"))
            rows.append(", ".join(f"[{_strong(t) if bold else _cell(t)}]" for t in texts))
        body = ",\n  ".join(rows)
        content = (
            f"table(columns: {columns}, align: ({align},), stroke: none, "
            "inset: (x: 4pt, y: 2.2pt),\n"
            f"  table.hline(stroke: 0.8pt), table.header({heads}), table.hline(stroke: 0.4pt),\n"
            f"  {body},\n  table.hline(stroke: 0.8pt))"
        )
        return self._frame(exhibit, content, "", "table", spans, len(rows) > LONG)

    def _frame(
        self, exhibit: Exhibit, content: str, alt: str, kind: str, spans: bool, long: bool = False
    ) -> str:
        place = "none" if long and not spans else "auto"
        scope = '"parent"' if spans and not long else '"column"'
        told = f"alt: {alt}, " if alt else ""
        size = content
        if kind == "table":
            size = f"{{ set text(size: 8pt); set par(justify: false); {content} }}"
        breaks = "#show figure: set block(breakable: true)\n" if long else ""
        figure = (
            f"#figure({size}, {told}kind: {kind}, placement: {place}, scope: {scope}, "
            f"supplement: {quoted('Table' if kind == 'table' else 'Figure')}, "
            f"caption: [{self.inlines((exhibit.caption,))}])#label({quoted(exhibit.label)})"
        )
        return f"#[\n{breaks}{figure}\n]" if long else figure


def _lines(text: str) -> str:
    return ' + "\\n" + '.join(quoted(line) for line in text.split("\n"))


def _cell(text: str) -> str:
    return f"#{quoted(minus(text))}" if text else ""


def _strong(text: str) -> str:
    return f"#strong({quoted(minus(text))})" if text else ""


def _inches(table: Table) -> float:
    """Roughly how wide a table of 8 points is when no cell is broken."""
    widths = [
        max([*(len(w) for w in c.header.split()), *(min(len(t[i]), 44) for t in table.texts())])
        for i, c in enumerate(table.columns)
    ]
    return sum(w * 0.054 + 0.11 for w in widths)
