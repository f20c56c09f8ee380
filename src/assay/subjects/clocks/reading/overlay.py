"""The hands and time that a reader found, drawn on the photo."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from assay.data.pictures import open_photo
from assay.subjects.clocks.reading.reader import ENOUGH, Sight
from assay.subjects.clocks.time import hands, text

__all__ = ["draw"]

LARGEST = 1600
"""Longer side of the drawing, in pixels; larger photos are reduced."""

_HOUR, _MINUTE, _TWELVE, _PAPER = "#d55e00", "#0072b2", "#009e73", "#ffffff"


def draw(photo: Path, sight: Sight) -> Image.Image:
    """Draw the square that was read, the recognised hands and the time on the photo."""
    pixels, times = open_photo(photo, ENOUGH)
    picture = Image.fromarray(pixels)
    ratio = min(1.0, LARGEST / max(picture.size))
    if ratio < 1:
        picture = picture.resize((round(picture.width * ratio), round(picture.height * ratio)))
    ratio /= times
    pen = ImageDraw.Draw(picture)
    left, top, side = (ratio * v for v in (sight.square.left, sight.square.top, sight.square.side))
    width = max(1, round(side / 75))
    pen.rectangle((left, top, left + side - 1, top + side - 1), outline=_PAPER, width=width)
    if sight.readable:
        hour, minute = hands(sight.minutes)
        middle = (left + side / 2, top + side / 2)
        marks = ((0.0, 0.36, 0.42, _TWELVE), (minute, 0, 0.34, _MINUTE), (hour, 0, 0.22, _HOUR))
        for turn, start, stop, color in marks:
            ends = [_point(middle, sight.directions[0] + turn, r * side) for r in (start, stop)]
            pen.line(ends, fill=color, width=width)
    said = f"{text(sight.minutes)}  {sight.percent}" if sight.readable else "?"
    font = ImageFont.load_default(max(10, round(side / 10)))
    place = (left + 2 * width, top + 2 * width)
    pen.text(place, said, _PAPER, font, stroke_width=max(1, width // 2), stroke_fill="#000000")
    return picture


def _point(middle: tuple[float, float], turn: float, radius: float) -> tuple[float, float]:
    """Return a point in the direction `turn` (clockwise from up)."""
    angle = 2 * math.pi * turn
    return middle[0] + radius * math.sin(angle), middle[1] - radius * math.cos(angle)
