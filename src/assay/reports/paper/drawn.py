"""Figures of a paper as files, drawn at their final width."""

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
"""Minimum size of text on paper, in points."""

DRAWN = PRINTED / SMALLEST
"""A figure is drawn larger and scaled by this factor, so that its smallest text has PRINTED
points."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"

GAP = 0.1
"""Inches between drawings that are side by side."""

LETTER = 0.25
"""Height of the letter below a drawing, in inches."""


@dataclass(frozen=True)
class Room:
    """The space for a figure.

    Attributes:
        width: inches.
        shared: whether its drawings may be side by side if there is room for two.
    """

    width: float
    shared: bool

    @property
    def each(self) -> float:
        """Width of one drawing in inches."""
        room = self.shared and self.width > 5
        return (self.width - GAP) / 2 if room else self.width


@dataclass(frozen=True)
class Drawing:
    """A drawing of a figure: its file, and its size in inches."""

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
    """Return how many drawings are side by side."""
    return max(1, int((width + GAP / 2) // max(d.width for d in drawings)))


def packed(drawings: Sequence[Drawing], width: float, height: float) -> list[list[Drawing]]:
    """Split the drawings of a figure into parts that fit on a page.

    A single drawing that is too high is scaled down.
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
    """Return the approximate height of a caption of 9 points, with the gap above it, in inches."""
    return 0.25 + 0.16 * -(-len(text) // int(15 * width))


def continued(caption: str) -> str:
    """Return the caption of the continuation of a figure or table."""
    return f"{caption.partition('. ')[0].rstrip('.')}, continued."


def save(figure: Figure, target: Path | BinaryIO, kind: str, dpi: float = 200) -> None:
    """Write a figure as "svg", "pdf" or "png"; equal figures give equal files.

    Text remains text: an SVG needs the font DejaVu Sans, a PDF embeds it.
    """
    import matplotlib

    from assay.reports.svg import in_style

    about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with in_style(), matplotlib.rc_context({"pdf.fonttype": 42}):
        figure.savefig(target, format=kind, dpi=dpi, metadata=about)
