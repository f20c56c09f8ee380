"""Inputs of the network: squares of a photo that may contain a clock, and their rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["Square", "beside", "cut_out", "squares", "turned"]

SHARES = (1.0, 0.8, 0.6, 0.45)
"""Sides of the squares to try, relative to the photo's shorter side."""

STEP = 1 / 3
"""Distance of neighbouring squares, relative to their side."""

CLOSE_UP = 1.6
"""A photo whose sides are at most so many times the network's input shows only a clock."""


@dataclass(frozen=True)
class Square:
    """A square part of a photo, in pixels."""

    left: float
    top: float
    side: float

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y)."""
        return self.left + self.side / 2, self.top + self.side / 2


def squares(height: int, width: int, size: int) -> list[Square]:
    """Return squares that may contain a clock: the middle first, then several sizes all over the
    photo.

    Args:
        size: side of the network's input, in pixels.
    """
    short = min(height, width)
    middle = Square((width - short) / 2, (height - short) / 2, short)
    if max(height, width) <= CLOSE_UP * size:
        return [middle]
    found = [middle]
    for share in SHARES:
        side = share * short
        for top in _places(height, side):
            for left in _places(width, side):
                square = Square(left, top, side)
                found += [square] if square != middle else []
    return found


def beside(square: Square, step: float, height: int, width: int) -> list[Square]:
    """Return the square and its neighbours, smaller and larger, inside the photo.

    Args:
        step: distance, relative to the side.
    """
    found = [square]
    for scale, right, down in (
        *((1.0, step, 0.0), (1.0, -step, 0.0), (1.0, 0.0, step), (1.0, 0.0, -step)),
        *((1 - step, 0.0, 0.0), (1 + step, 0.0, 0.0)),
    ):
        side = min(square.side * scale, height, width)
        x, y = square.centre
        left = min(max(x + right * square.side - side / 2, 0.0), width - side)
        top = min(max(y + down * square.side - side / 2, 0.0), height - side)
        found.append(Square(left, top, side))
    return found


def _places(length: int, side: float) -> list[float]:
    """Return where squares begin along one side of the photo, evenly, including both ends."""
    room = length - side
    return np.linspace(0, room, 1 + round(room / (STEP * side))).tolist() if room > 0 else [0.0]


def cut_out(photo: Image.Image, square: Square, size: int, turn: float = 0.0) -> np.ndarray:
    """Return a square of a grey photo as the network's input, uint8 (size, size, 1).

    Args:
        turn: clockwise rotation of the picture around the square's centre, in turns.
    """
    box = (square.left, square.top, square.left + square.side, square.top + square.side)
    if turn and turn % 0.25:
        photo = photo.rotate(-360 * turn, Image.Resampling.BILINEAR, center=square.centre)
    seen = photo.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    quarters = round(4 * turn) if not turn % 0.25 else 0
    return np.rot90(np.asarray(seen), -quarters)[..., None]


def turned(photo: Image.Image, square: Square, size: int, turns: tuple[float, ...]) -> np.ndarray:
    """Return the square, rotated by each of `turns`: (len(turns), size, size, 1)."""
    return np.stack([cut_out(photo, square, size, turn) for turn in turns])
