"""Figures and tables as Typst: across all columns, or two side by side, never in a single column.

Typst overlaps figures of one column if a figure across all columns is on the same page, so in a
paper of several columns all of them float across the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.text import visible
from assay.reports.drawing import Plot
from assay.reports.paper.blocks import Exhibit, Sentence
from assay.reports.paper.drawn import (
    LETTERS,
    Drawing,
    Room,
    across,
    caption_height,
    continued,
    draw,
    packed,
)
from assay.reports.paper.material import slug
from assay.reports.tables import Table

__all__ = ["ExhibitWriter", "PageSize", "minus", "quoted", "table_width"]

LONG = 24
"""Number of rows from which a table may break over pages."""

WRAPPED = 44
"""Number of characters from which a cell of a table takes a second line."""

LINE = 0.19
"""Height of a line of a table, in inches."""

BREAKS = "#show figure: set block(breakable: true)\n"
"""Prefix of a figure that may break over pages."""

TALL = 0.5
"""Fraction of the height of a column from which a figure is placed across all columns."""


@dataclass(frozen=True)
class PageSize:
    """The columns of a template's page: width in inches, and number."""

    width: float
    height: float = 9.5
    columns: int = 1
    gutter: float = 0.25

    @property
    def whole(self) -> float:
        """The width of all columns."""
        return self.width * self.columns + self.gutter * (self.columns - 1)


def quoted(text: str) -> str:
    r"""Return a Typst string literal of any text.

    Example:
        >>> print(quoted('50 % of "x" costs #1 \\ $2'))
        "50 % of \"x\" costs #1 \\ $2"
    """
    clean = " ".join(visible(text).split("\n"))
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def minus(text: str) -> str:
    """Replace a hyphen before a number by a minus sign."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


class ExhibitWriter:
    """Writes exhibits; one as wide as a column waits for another one beside it.

    Args:
        inlines: function from the text of a caption to Typst.
        place: where they float: "auto", "top" or "bottom".
    """

    def __init__(self, page: PageSize, folder: Path, inlines: Callable[[Sentence], str]):
        self.page, self.folder, self.inlines = page, folder, inlines
        self.place = "auto"
        self.pictures = 0
        self._waiting = ""

    def write(self, exhibit: Exhibit) -> str:
        """Return the exhibit, with one that waited, or nothing if it waits itself."""
        parts = []
        for figure, wide in self._figures(exhibit):
            if wide or self.page.columns == 1:
                parts.append(self._float(figure))
            elif self._waiting:
                pair = f"[{self._waiting}], [{figure}]"
                gap = f"column-gutter: {self.page.gutter}in"
                parts.append(self._float(f"#grid(columns: (1fr, 1fr), {gap}, {pair})"))
                self._waiting = ""
            else:
                self._waiting = figure
        return "\n".join(parts)

    def rest(self) -> str:
        """Return what is still waiting, for the end of a chapter."""
        found, self._waiting = self._waiting, ""
        return self._float(found) if found else ""

    def _float(self, figure: str) -> str:
        if figure.startswith(BREAKS):
            return f"#[\n{figure}\n]"
        return f'#place({self.place}, float: true, scope: "parent", block(width: 100%)[{figure}])'

    def _figures(self, exhibit: Exhibit) -> Iterator[tuple[str, bool]]:
        """Return the Typst figures of an exhibit, and whether each is wider than a column."""
        if isinstance(exhibit.content, Table):
            yield from self._table(exhibit, exhibit.content)
        elif isinstance(exhibit.content, Plot):
            yield from self._plot(exhibit, exhibit.content)
        else:
            yield self._picture(exhibit, exhibit.content), False

    def _picture(self, exhibit: Exhibit, file: str) -> str:
        name = f"picture-{self.pictures}{Path(file).suffix}"
        self.pictures += 1
        (self.folder / name).write_bytes(Path(file).read_bytes())
        alt = quoted(exhibit.caption)
        image = f"image({quoted(name)}, alt: {alt}, "
        most = f"{0.6 * self.page.height:.2f}in"
        fitted = (
            f"layout(size => {{ let whole = {image}width: size.width); "
            f"if measure(whole).height > {most} {{ {image}height: {most}) }} else {{ whole }} }})"
        )
        return self._frame(exhibit, fitted, alt, "image")

    def _plot(self, exhibit: Exhibit, plot: Plot) -> Iterator[tuple[str, bool]]:
        files, whole = self._drawings(exhibit, plot)
        room = self.page.height - caption_height(exhibit.caption, whole)
        first = 0
        for part in packed(files, whole, room):
            content = self._part(plot, part, first, whole)
            figure = self._frame(exhibit, content, quoted(plot.alt), "image", first > 0)
            yield figure, whole > self.page.width
            first += len(part)

    def _drawings(self, exhibit: Exhibit, plot: Plot) -> tuple[list[Drawing], float]:
        """Draw a figure as wide as its column, or as all columns if it would fill most of one;
        return its size in inches."""
        widths = [self.page.width, self.page.whole][-1 if len(plot.draws) > 2 else 0 :]
        found: list[Drawing] = []
        for whole in widths:
            room = Room(whole, plot.small or len(plot.draws) > 1)
            name = f"figure-{slug(exhibit.label)}-{100 * whole:.0f}"
            found = draw(plot, room, self.folder, name, "svg")
            if sum(d.height for d in found) / across(found, whole) <= TALL * self.page.height:
                return found, whole
        return found, widths[-1]

    def _part(self, plot: Plot, part: Sequence[Drawing], first: int, whole: float) -> str:
        """Return the drawings of a figure on one page."""
        images = []
        for i, d in enumerate(part, first):
            alt = plot.alt if i == 0 else f"{plot.title}, part {i + 1}"
            # without its height Typst cuts a picture off at the end of a page
            size = f"width: {d.width:.4f}in, height: {d.height:.4f}in"
            images.append(f"image({quoted(d.file)}, alt: {quoted(alt)}, {size})")
        if len(plot.draws) == 1:
            return images[0]
        cells = ", ".join(
            f"stack(dir: ttb, spacing: 3pt, {image}, "
            f"align(center, text(size: 8pt)[({LETTERS[i % 26]})]))"
            for i, image in enumerate(images, first)
        )
        beside = across(part, whole)
        return f"grid(columns: {beside}, column-gutter: 0.1in, row-gutter: 6pt, {cells})"

    def _table(self, exhibit: Exhibit, table: Table) -> Iterator[tuple[str, bool]]:
        several = self.page.columns > 1
        texts = table.texts()
        lines = (self.page.height - caption_height(exhibit.caption, self.page.whole)) / LINE
        for i, part in enumerate(_cut(texts, int(lines) - 3) if several else [range(len(texts))]):
            rows = _rows(table, texts, part)
            content = f"{{ set text(size: 8pt); set par(justify: false); {rows} }}"
            figure = self._frame(exhibit, content, "", "table", i > 0)
            breaks = BREAKS if not several and len(texts) > LONG else ""
            yield f"{breaks}{figure}", table_width(table) > self.page.width

    def _frame(
        self, exhibit: Exhibit, content: str, alt: str, kind: str, more: bool = False
    ) -> str:
        """Return a Typst figure, or the continuation of the previous one (`more`)."""
        told = f"alt: {alt}, " if alt else ""
        caption = self.inlines((continued(exhibit.caption) if more else exhibit.caption,))
        figure = (
            f"#figure({content}, {told}kind: {kind}, "
            f"supplement: {quoted('Table' if kind == 'table' else 'Figure')}, "
            f"caption: [{caption}])"
        )
        if more:
            return f"#counter(figure.where(kind: {kind})).update(n => n - 1)\n{figure}"
        return f"{figure}#label({quoted(exhibit.label)})"


def _cut(texts: Sequence[Sequence[str]], most: int) -> list[range]:
    """Return the rows that fit on a page of so many lines."""
    parts: list[range] = []
    start = lines = 0
    for i, row in enumerate(texts):
        tall = max((-(-len(text) // WRAPPED) for text in row), default=1)
        if lines + tall > most and i > start:
            parts.append(range(start, i))
            start, lines = i, 0
        lines += tall
    return [*parts, range(start, len(texts))]


def _rows(table: Table, texts: Sequence[Sequence[str]], part: range) -> str:
    """Return a Typst table of these rows."""
    align = ", ".join("left" if c.align == "left" else "right" for c in table.columns)
    heads = ", ".join(f"[{_strong(h)}]" for h in table.headers)
    rows = []
    for i in part:
        bold = bool(table.entries[i].get("best"))
        rows.append(", ".join(f"[{_strong(t) if bold else _cell(t)}]" for t in texts[i]))
    body = ",\n  ".join(rows)
    return (
        f"table(columns: {len(table.columns)}, align: ({align},), stroke: none, "
        "inset: (x: 4pt, y: 2.2pt),\n"
        f"  table.hline(stroke: 0.8pt), table.header({heads}), table.hline(stroke: 0.4pt),\n"
        f"  {body},\n  table.hline(stroke: 0.8pt))"
    )


def _cell(text: str) -> str:
    return f"#{quoted(minus(text))}" if text else ""


def _strong(text: str) -> str:
    return f"#strong({quoted(minus(text))})" if text else ""


def table_width(table: Table) -> float:
    """Return the approximate width of a table of 8 points without wrapped cells."""
    widths = [
        max(
            [*(len(w) for w in c.header.split()), *(min(len(t[i]), WRAPPED) for t in table.texts())]
        )
        for i, c in enumerate(table.columns)
    ]
    return sum(w * 0.054 + 0.11 for w in widths)
