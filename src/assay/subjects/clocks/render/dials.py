"""Dials as ink on paper: numerals, ticks and rings, drawn once with Pillow and kept as textures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

__all__ = ["ROMAN", "DialDesign", "draw_dial", "fonts"]

TEXTURE = 224
"""Pixels across a dial's texture, which reaches from -1 to 1: more than a picture needs."""

_DETAIL = 4
ROMAN = ("XII", "I", "II", "III", "IIII", "V", "VI", "VII", "VIII", "IX", "X", "XI")
_OTHER_FONTS = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf",
    "DejaVuSansMono.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf", "cmr10.ttf", "cmss10.ttf",
)  # fmt: skip


@dataclass(frozen=True)
class DialDesign:
    """One dial; lengths in radii of the dial.

    Attributes:
        font: number of the font in `fonts()`.
        numerals: "arabic", "roman", "quarters" (12, 3, 6, 9), "none".
        height, radius: of the numerals: how tall, and how far from the centre.
        upright: whether numerals stand upright or with their feet to the centre.
        bare_one: whether a 1 is a single stroke.
        hour, minute: ticks: (from, to, half width), a width of 0 leaves them out.
        hours: how many hours have a tick: 12, or 4.
        hour_dots, dots: whether the hour and the minute ticks are dots.
        mark: kind of a mark at the 12: "", "dot", "triangle", "double".
        mark_radius: how far out it is.
        rings: radii of circles.
        rays: strength of a brushed, sunlit face.
        texts: words under the 12.
        strength: darkness of the ink, 0 to 1.
    """

    font: int = 0
    numerals: str = "arabic"
    height: float = 0.15
    radius: float = 0.77
    upright: bool = True
    bare_one: bool = False
    hour: tuple[float, float, float] = (0.90, 0.985, 0.014)
    minute: tuple[float, float, float] = (0.925, 0.945, 0.007)
    hours: int = 12
    hour_dots: bool = False
    dots: bool = False
    mark: str = ""
    mark_radius: float = 0.9
    rings: tuple[float, ...] = ()
    rays: float = 0.0
    texts: tuple[str, ...] = ()
    strength: float = 1.0

    @property
    def marked(self) -> bool:
        """Whether something shows where the 12 is."""
        return self.numerals != "none" or bool(self.mark or self.texts)


def fonts() -> list[Callable[[int], ImageFont.FreeTypeFont | ImageFont.ImageFont]]:
    """Fonts that come with Pillow and Matplotlib, so that a dial is the same everywhere; each takes
    a size in pixels."""
    from pathlib import Path

    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"

    def opener(path: Path) -> Callable[[int], ImageFont.FreeTypeFont | ImageFont.ImageFont]:
        return lambda size: ImageFont.truetype(str(path), size)

    return [ImageFont.load_default, *(opener(folder / name) for name in _OTHER_FONTS)]


def draw_dial(design: DialDesign) -> np.ndarray:
    """The dial's ink, float32 (TEXTURE, TEXTURE), 0 paper to 1 ink, soft-edged."""
    size = TEXTURE * _DETAIL
    ink = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(ink)
    for radius in design.rings:
        box = [size / 2 * (1 - radius), size / 2 * (1 + radius)]
        draw.ellipse([box[0], box[0], box[1], box[1]], outline=255, width=max(2, size // 200))
    _ticks(draw, design, size)
    _numerals(ink, design, size)
    _mark(draw, design, size)
    for row, text in enumerate(design.texts):
        font = fonts()[design.font](int(0.09 * size / 2))
        place = (size / 2, size / 2 * (0.62 + 0.12 * row))
        draw.text(place, text, fill=255, font=font, anchor="mm")
    small = ink.resize((TEXTURE, TEXTURE), Image.Resampling.BOX)
    found = np.asarray(small, np.float32) / 255 * design.strength
    return np.maximum(found, _rays(design.rays)) if design.rays else found


def _ticks(draw: ImageDraw.ImageDraw, design: DialDesign, size: int) -> None:
    for number in range(60):
        start, stop, half = design.minute if number % 5 else design.hour
        if half <= 0 or (number % 5 == 0 and number * design.hours % 60):
            continue
        if design.dots if number % 5 else design.hour_dots:
            _disc(draw, number / 60, (start + stop) / 2, half * 1.6, size)
        else:
            _bar(draw, number / 60, start, stop, half, size)


def _bar(draw: ImageDraw.ImageDraw, turn: float, start: float, stop: float, half: float,
         size: int, narrow: float = 1.0) -> None:  # fmt: skip
    """A radial bar; `narrow` is how much of its width is left at its inner end."""
    angle = 2 * np.pi * turn
    along = np.array([np.sin(angle), -np.cos(angle)])
    across = np.array([np.cos(angle), np.sin(angle)]) * half
    corners = [start * along - narrow * across, stop * along - across,
               stop * along + across, start * along + narrow * across]  # fmt: skip
    draw.polygon([tuple((1 + c) * size / 2) for c in corners], fill=255)


def _disc(draw: ImageDraw.ImageDraw, turn: float, radius: float, half: float, size: int) -> None:
    angle = 2 * np.pi * turn
    x, y = (1 + radius * np.sin(angle)) * size / 2, (1 - radius * np.cos(angle)) * size / 2
    half *= size / 2
    draw.ellipse([x - half, y - half, x + half, y + half], fill=255)


def _numerals(ink: Image.Image, design: DialDesign, size: int) -> None:
    if design.numerals == "none":
        return
    font = fonts()[design.font](int(design.height * 1.38 * size / 2))
    quarters = design.numerals == "quarters"
    for hour in range(12):
        if quarters and hour % 3:
            continue
        text = ROMAN[hour] if design.numerals == "roman" else str(hour or 12)
        stamp = Image.new("L", (size // 2, size // 2), 0)
        middle = (size / 4, size / 4)
        if design.bare_one and "1" in text and design.numerals == "arabic":
            _bare(ImageDraw.Draw(stamp), text, font, middle, design.height * size / 2)
        else:
            ImageDraw.Draw(stamp).text(middle, text, fill=255, font=font, anchor="mm")
        if not design.upright:
            stamp = stamp.rotate(-30 * hour, Image.Resampling.BICUBIC)
        angle = 2 * np.pi * hour / 12
        x = (1 + design.radius * np.sin(angle)) * size / 2 - size / 4
        y = (1 - design.radius * np.cos(angle)) * size / 2 - size / 4
        layer = Image.new("L", ink.size, 0)
        layer.paste(stamp, (round(x), round(y)))
        ink.paste(ImageChops.lighter(ink, layer))


def _bare(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
          middle: tuple[float, float], height: float) -> None:  # fmt: skip
    """A number whose ones are single strokes."""
    advance, stroke = 0.62 * height, max(3, round(0.11 * height))
    left = middle[0] - advance * (len(text) - 1) / 2
    for i, digit in enumerate(text):
        x = left + i * advance
        if digit == "1":
            half = height / 2
            draw.line([x, middle[1] - half, x, middle[1] + half], fill=255, width=stroke)
        else:
            draw.text((x, middle[1]), digit, fill=255, font=font, anchor="mm")


def _mark(draw: ImageDraw.ImageDraw, design: DialDesign, size: int) -> None:
    where = design.mark_radius
    if design.mark == "dot":
        _disc(draw, 0, where, 0.035, size)
    elif design.mark == "triangle":
        _bar(draw, 0, where - 0.14, where, 0.07, size, narrow=0.0)
    elif design.mark == "double":
        for turn in (-0.006, 0.006):
            _bar(draw, turn, where - 0.16, where, 0.018, size)


def _rays(strength: float) -> np.ndarray:
    """Light that runs round a brushed face."""
    line = (np.arange(TEXTURE) + 0.5) / TEXTURE * 2 - 1
    x, y = np.meshgrid(line, line)
    angle = np.arctan2(x, -y)
    return (strength * (0.5 + 0.3 * np.cos(2 * angle) + 0.2 * np.cos(5 * angle + 1))).astype(
        np.float32
    )


def vary(rng: np.random.Generator, designs: Sequence[DialDesign], count: int) -> list[DialDesign]:
    """`count` designs, each a little different from one of `designs` in turn."""
    found = []
    for i in range(count):
        base = designs[i % len(designs)]
        grow = rng.uniform(0.9, 1.12)
        found.append(
            replace(
                base,
                height=base.height * grow,
                radius=base.radius + rng.uniform(-0.02, 0.02),
                strength=base.strength * rng.uniform(0.75, 1),
            )
        )
    return found
