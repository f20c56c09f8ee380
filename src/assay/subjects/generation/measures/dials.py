"""Drawn dials can be read: does a generated one show a time, and do all times occur?

Nothing is trained for it. The hands of a drawn dial are known, so a picture is compared with the
hands of each of the 720 times, and the likeness of the best is how sure the reading is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.statistics import Interval
from assay.subjects.generation.drawn_dials import draw_hands
from assay.subjects.generation.measures.checks import checked_images
from assay.subjects.generation.measures.intervals import bootstrap, mean_interval
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["DialReadings", "read_dials"]

SIDE = 32
"""Pixels along a side of what is compared; others are brought to it."""

RADIUS = 0.81
"""Of the dials that pictures are compared with: the mean of those that are drawn."""

SHIFTS = (-1, 0, 1)
"""Pixels by which a dial may lie beside the middle, in both directions."""

UNSURE = 0.01
"""A dial is readable when its reading is surer than that of this share of the real ones."""

HOURS, BIN = 12, 5
"""Hours of a dial, and minutes of a bin of times."""


@dataclass(frozen=True)
class DialReadings:
    """What was read, (n,).

    Attributes:
        minutes: whole minutes after 12:00.
        certainty: correlation of the picture's darkness with the hands of that time, -1 to 1.
    """

    minutes: np.ndarray
    certainty: np.ndarray


def read_dials(images: np.ndarray) -> DialReadings:
    """Read dials as dataset `drawn-dials` draws them, uint8 (n, height, width, 1 or 3).

    Of the 1,080 test and validation dials all are read to within a minute, at 32x32 pixels and more
    (16x16: 98 %), with a mean certainty of 0.93. Noise has 0.17, the mean of all dials 0.62, the
    mean of two dials 0.77.

    Raises:
        DataError: the array does not hold such images.
    """
    dark = 255 - _small(checked_images(images, "images"))
    hands = draw_hands(np.arange(720), SIDE, RADIUS)
    inside = _inside()
    templates = _standard(hands[:, inside])
    best = np.full((len(images), len(templates)), -1.0, np.float32)
    for down in SHIFTS:
        for right in SHIFTS:
            seen = np.roll(dark, (down, right), (1, 2))[:, inside]
            np.maximum(best, _standard(seen) @ templates.T, out=best)
    return DialReadings(best.argmax(1), best.max(1).astype(np.float64))


def _small(images: np.ndarray) -> np.ndarray:
    """Brightness of the images at SIDE pixels, float32 (n, SIDE, SIDE)."""
    from PIL import Image

    grey = images.mean(-1, dtype=np.float32)
    if grey.shape[1:] == (SIDE, SIDE):
        return grey
    sized = [Image.fromarray(x).resize((SIDE, SIDE), Image.Resampling.BOX) for x in grey]
    return np.stack([np.asarray(x) for x in sized])


def _inside() -> np.ndarray:
    """Where the hands are, bool (SIDE, SIDE): inside the ticks."""
    axis = (np.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return np.hypot(axis[:, None], axis) < 0.74 * RADIUS


def _standard(rows: np.ndarray) -> np.ndarray:
    """Rows (n, p) with mean 0 and length 1, so that products are correlations; blank ones are 0."""
    centred = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.where(length > 1e-3, length, np.inf)).astype(np.float32)


NUMBERS = {
    "dial_certainty": Number("Certainty of the time on a dial", "floor"),
    "dial_readable": Number("Dials that can be read", "floor"),
    "dial_hours": Number("Hours that occur on readable dials", "floor"),
    "dial_times": Number("Times to five minutes that occur", "floor"),
}


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    read = read_dials(sides.fake_images)
    surest = np.quantile(read_dials(sides.real_images).certainty, UNSURE)
    readable, n = read.certainty >= surest, len(read.minutes)

    def occur(size: int, count: int) -> Interval:
        bins = np.where(readable, read.minutes // size, -1)

        def share(_: np.ndarray, chosen: np.ndarray) -> float:
            there = np.unique(bins[chosen])
            return float((there >= 0).sum() / count)

        everything = np.arange(n)
        value = share(everything, everything)
        return bootstrap(share, (1, n), value, least=0.0, most=1.0, seed=seed)

    return {
        "dial_certainty": mean_interval(read.certainty, seed=seed),
        "dial_readable": mean_interval(readable, seed=seed),
        "dial_hours": occur(60, HOURS),
        "dial_times": occur(BIN, 60 * HOURS // BIN),
    }


MEASURES.add("dials")(Measure(NUMBERS, _take, only=("drawn-dials",)))
