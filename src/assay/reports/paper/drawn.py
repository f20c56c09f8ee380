"""Figures of a paper as files, drawn as wide as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assay.reports.drawing import Plot
from assay.reports.style import SMALLEST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DRAWN",
    "LETTERS",
    "Drawing",
    "Room",
    "across",
    "caption_height",
    "continued",
    "draw",
    "packed",
    "save",
]

PRINTED = 7.05
"""Points; nothing on paper is smaller."""

DRAWN = PRINTED / SMALLEST
"""A figure is drawn larger and shown by this factor: its smallest text then has PRINTED points."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"

GAP = 0.1
"""Inches between drawings that stand beside each other."""

LETTER = 0.25
"""Inches of the letter below a drawing."""


@dataclass(frozen=True)
class Room:
    """Where a figure stands.

    Attributes:
        width: inches.
        shared: whether its drawings may stand beside each other where there is room for two.
    """

    width: float
    shared: bool

    @property
    def each(self) -> float:
        """Inches of one drawing."""
        room = self.shared and self.width > 5
        return (self.width - GAP) / 2 if room else self.width


@dataclass(frozen=True)
class Drawing:
    """A drawing of a figure: its file, and the inches to show it at."""

    file: str
    width: float
    height: float


def draw(plot: Plot, column: Room, folder: Path, name: str, kind: str) -> list[Drawing]:
    """Write the drawings of a figure into a folder."""
    found = []
    for i, make in enumerate(plot.draws):
        file = f"{name}{LETTERS[i % 26] if len(plot.draws) > 1 else ''}.{kind}"
        known = folder / f"{file}.size"
        if not known.exists():  # a paper is typeset several times until it is short enough
            figure = make(column.each / DRAWN)
            wide, high = (float(v) * DRAWN for v in figure.get_size_inches())
            save(figure, folder / file, kind)
            known.write_text(f"{min(column.each, wide)!r} {high * min(1, column.each / wide)!r}")
        width, height = map(float, known.read_text().split())
        found.append(Drawing(file, width, height))
    return found


def across(drawings: Sequence[Drawing], width: float) -> int:
    """How many drawings stand beside each other."""
    return max(1, int((width + GAP / 2) // max(d.width for d in drawings)))


def packed(drawings: Sequence[Drawing], width: float, height: float) -> list[list[Drawing]]:
    """Cut the drawings of a figure into parts that are no higher than a page has room for.

    A drawing that alone is higher is shown smaller.
    """
    beside = across(drawings, width)
    parts: list[list[Drawing]] = []
    used = 0.0
    for at in range(0, len(drawings), beside):
        line = [_within(d, height) for d in drawings[at : at + beside]]
        tall = max(d.height for d in line) + (LETTER if len(drawings) > 1 else 0)
        if not parts or used + tall > height:
            parts.append([])
            used = 0.0
        parts[-1] += line
        used += tall
    return parts


def _within(drawing: Drawing, height: float) -> Drawing:
    share = min(1.0, height / drawing.height)
    return Drawing(drawing.file, drawing.width * share, drawing.height * share)


def caption_height(text: str, width: float) -> float:
    """Roughly the inches of a caption of 9 points, with the gap above it."""
    return 0.25 + 0.16 * -(-len(text) // int(15 * width))


def continued(caption: str) -> str:
    """The caption of what goes on with a figure or table of the page before."""
    return f"{caption.partition('. ')[0].rstrip('.')}, continued."


def save(figure: Figure, target: Path | BinaryIO, kind: str, dpi: float = 200) -> None:
    """Write a figure as "svg", "pdf" or "png"; equal figures make equal bytes.

    Text stays text: in an SVG it needs the font DejaVu Sans, in a PDF it is embedded.
    """
    import matplotlib

    from assay.reports.svg import in_style

    about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with in_style(), matplotlib.rc_context({"pdf.fonttype": 42}):
        figure.savefig(target, format=kind, dpi=dpi, metadata=about)
