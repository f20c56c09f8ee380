"""Figures of a paper as files, drawn as wide as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assay.reports.drawing import Plot
from assay.reports.style import SMALLEST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DRAWN", "LETTERS", "Room", "draw", "save"]

PRINTED = 7.05
"""Points; nothing on paper is smaller."""

DRAWN = PRINTED / SMALLEST
"""A figure is drawn larger and shown by this factor: its smallest text then has PRINTED points."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"

GAP = 0.1
"""Inches between drawings that stand beside each other."""


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


def draw(plot: Plot, column: Room, folder: Path, name: str, kind: str) -> list[tuple[str, float]]:
    """Write the drawings of a figure and return their files with the inches to show them at."""
    found = []
    for i, make in enumerate(plot.draws):
        file = f"{name}{LETTERS[i % 26] if len(plot.draws) > 1 else ''}.{kind}"
        known = folder / f"{file}.width"
        if not known.exists():  # a paper is typeset several times until it is short enough
            figure = make(column.each / DRAWN)
            inches = min(column.each, float(figure.get_figwidth()) * DRAWN)
            save(figure, folder / file, kind)
            known.write_text(repr(inches))
        found.append((file, float(known.read_text())))
    return found


def save(figure: Figure, target: Path | BinaryIO, kind: str, dpi: float = 200) -> None:
    """Write a figure as "svg", "pdf" or "png"; equal figures make equal bytes.

    Text stays text: in an SVG it needs the font DejaVu Sans, in a PDF it is embedded.
    """
    import matplotlib

    from assay.reports.svg import in_style

    about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    with in_style(), matplotlib.rc_context({"pdf.fonttype": 42}):
        figure.savefig(target, format=kind, dpi=dpi, metadata=about)
