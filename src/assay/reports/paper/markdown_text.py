"""A manuscript as Markdown, with its figures as SVG in a folder beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from assay.reports.drawing import Plot
from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Citation,
    Exhibit,
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
from assay.reports.paper.drawn import Room, draw
from assay.reports.paper.material import slug
from assay.reports.paper.typst_text import minus
from assay.reports.tables import MARKDOWN, Table

__all__ = ["markdown_text"]


def markdown_text(paper: Manuscript, folder: Path) -> str:
    """Write the figures into a folder and return the text that shows them."""
    numbers: dict[str, str] = {}
    for kind in ("figure", "table"):
        shown = [e for e in (*exhibits(paper), *paper.appendix) if e.kind == kind]
        numbers |= {e.label: f"{kind.capitalize()} {i}" for i, e in enumerate(shown, 1)}
    writer = _MarkdownWriter(folder, numbers)
    people = "; ".join(
        ", ".join(p for p in (a.name, a.affiliation, a.email) if p) for a in paper.authors
    )
    parts = [f"# {_escape(paper.title)}", _escape(people), paper.date]
    if paper.abstract:
        parts += ["## Abstract", writer.sentences(paper.abstract)]
    if paper.keywords:
        parts.append(f"**Keywords:** {_escape(', '.join(paper.keywords))}")
    for chapter in paper.chapters:
        parts += [f"## {_escape(chapter.title)}", *map(writer.block, chapter.blocks)]
    if paper.appendix:
        parts += ["## Appendix", *map(writer.exhibit, paper.appendix)]
    if writer.cited:
        parts += ["## References", f"Keys of [references.bib]({writer.place('references.bib')})."]
        (folder / "references.bib").write_text(paper.references, encoding="utf-8")
    return "\n\n".join(part for part in parts if part) + "\n"


def _escape(text: str) -> str:
    return "".join(MARKDOWN.get(c, c) for c in minus(text))


class _MarkdownWriter:
    def __init__(self, folder: Path, numbers: Mapping[str, str]):
        self.folder, self.numbers, self.cited = folder, numbers, False

    def block(self, block: Block) -> str:
        if isinstance(block, Paragraph):
            text = self.sentences(block.sentences)
            return f"*{text}*" if block.style == "question" else text
        if isinstance(block, Bullets):
            return "\n".join(f"{f'{i}.' if block.numbered else '-'} {self.inlines(point)}"
                             for i, point in enumerate(block.points, 1))  # fmt: skip
        if isinstance(block, Printout):
            return "\n".join(f"    {line}" for line in block.text.split("\n"))
        if isinstance(block, Subheading):
            return f"{'#' * (block.level + 1)} {_escape(block.text)}"
        return self.exhibit(block)

    def sentences(self, sentences: Sequence[Sentence]) -> str:
        return " ".join(self.inlines(sentence) for sentence in sentences)

    def inlines(self, sentence: Sentence) -> str:
        return "".join(self._inline(part) for part in sentence)

    def _inline(self, part: Inline) -> str:
        if isinstance(part, Styled):
            if part.style == "code":
                return f"`{part.text}`"
            mark = "**" if part.style == "strong" else "*"
            return f"{mark}{_escape(part.text)}{mark}"
        if isinstance(part, Citation):
            self.cited = True
            return "[" + "; ".join(f"@{key}" for key in part.keys) + "]"
        if isinstance(part, Mention):
            return self.numbers.get(part.label, "")
        if isinstance(part, Link):
            return f"<{part.url}>"
        return _escape(part)

    def exhibit(self, exhibit: Exhibit) -> str:
        caption = f"**{self.numbers[exhibit.label]}.** {_escape(exhibit.caption)}"
        if isinstance(exhibit.content, Table):
            bare = Table("", exhibit.content.columns, exhibit.content.entries)
            return f"{caption}\n\n{bare.to_markdown().strip()}"
        if isinstance(exhibit.content, Plot):
            plot = exhibit.content
            room = Room(7.0, plot.small or len(plot.draws) > 1)
            drawn = draw(plot, room, self.folder, f"figure-{slug(exhibit.label)}", "svg")
            names, alt = [d.file for d in drawn], _escape(plot.alt)
        else:
            name = f"{slug(exhibit.label)}{Path(exhibit.content).suffix}"
            (self.folder / name).write_bytes(Path(exhibit.content).read_bytes())
            names, alt = [name], _escape(exhibit.caption)
        pictures = " ".join(f"![{alt}]({self.place(name)})" for name in names)
        return f"{pictures}\n\n{caption}"

    def place(self, name: str) -> str:
        """Return the address of a file of the folder; a space would end it."""
        return quote(f"{self.folder.name}/{name}")
