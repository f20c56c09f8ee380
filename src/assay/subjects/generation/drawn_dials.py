"""`drawn-dials`: coloured clock dials drawn by a few lines of NumPy; no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.core.options import integer
from assay.core.records import Spec
from assay.core.seeds import stream
from assay.data.catalog import DatasetEntry, Raw, Survey
from assay.data.dataset import Split

__all__ = ["DrawnDials", "draw_dials", "draw_hands"]

TRAIN, TEST = 3_600, 720
SIZES = (16, 128)
_BLOCK = 256


def draw_dials(minutes: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw dials that show these times, each in colours, place and size of its own.

    Args:
        minutes: (n,), after 12:00.
        rng: decides all but the time.
        size: height and width in pixels.

    Returns:
        uint8 (n, size, size, 3), smoothed at the edges.
    """
    blocks = [minutes[i : i + _BLOCK] for i in range(0, len(minutes), _BLOCK)]
    return np.concatenate([_draw(block, rng, size) for block in blocks])


def _draw(minutes: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    n, pixel = len(minutes), 2 / size
    axis = (np.arange(size) + 0.5) * pixel - 1  # -1 to 1
    place = rng.uniform(-0.08, 0.08, (2, n, 1, 1))
    y, x = axis[:, None] - place[0], axis - place[1]  # (n, size, size), both by broadcasting
    radius = rng.uniform(0.74, 0.88, (n, 1, 1))
    rho, angle = np.hypot(x, y), np.arctan2(x, -y)
    ground, face = rng.uniform(30, 150, (n, 1, 1, 3)), rng.uniform(185, 250, (n, 1, 1, 3))
    rim, ink = rng.uniform(10, 120, (n, 1, 1, 3)), rng.uniform(0, 70, (n, 1, 1, 3))
    off = np.remainder(angle + np.pi / 12, np.pi / 6) - np.pi / 12  # to the nearest hour
    tick = np.maximum(np.abs(rho * np.sin(off)) - 0.035, np.abs(rho - 0.84 * radius) - 0.07)
    short, long = _hands(x, y, minutes, radius)
    picture = np.broadcast_to(ground, (n, size, size, 3))
    for distance, color in (
        (rho - radius, rim),
        (rho - 0.93 * radius, face),
        (tick, ink),
        (short, ink),
        (long, ink),
    ):
        cover = np.clip(0.5 - distance / pixel, 0, 1)[..., None]
        picture = picture + cover * (color - picture)
    return np.rint(picture).astype(np.uint8)


def draw_hands(minutes: np.ndarray, size: int, radius: float) -> np.ndarray:
    """The hands alone of dials in the middle of the picture, at these times (n,) after 12:00.

    Args:
        minutes: (n,), after 12:00.
        size: height and width in pixels.
        radius: of the dials, where half of the picture is 1.

    Returns:
        How much of each pixel they cover, float (n, size, size) from 0 to 1.
    """
    axis = (np.arange(size) + 0.5) * 2 / size - 1
    y, x = np.broadcast_arrays(axis[None, :, None], axis[None, None, :])
    return np.maximum(
        *(np.clip(0.5 - hand * size / 2, 0, 1) for hand in _hands(x, y, minutes, radius))
    )


def _hands(
    x: np.ndarray, y: np.ndarray, minutes: np.ndarray, radius: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances to the short and to the long hand."""
    short, long = np.stack([minutes / 720, minutes / 60]) * 2 * np.pi
    return _hand(x, y, short, 0.48 * radius, 0.075), _hand(x, y, long, 0.74 * radius, 0.045)


def _hand(
    x: np.ndarray, y: np.ndarray, turn: np.ndarray, length: np.ndarray | float, width: float
) -> np.ndarray:
    """Signed distance to a hand from just behind the centre out to `length`."""
    sine, cosine = (f(turn)[:, None, None] for f in (np.sin, np.cos))
    along = x * sine - y * cosine
    across = x * cosine + y * sine
    return np.hypot(across, along - np.clip(along, -0.1, length)) - width


class DrawnDials(DatasetEntry):
    """Dials at random times; targets are rows (hour, minute)."""

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """The size is an option."""
        return Survey((spec["size"], spec["size"], 3), (), TRAIN, TEST)

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Draw all of them: test dials from a stream of their own."""
        return Raw(_part("train", TRAIN, spec["size"]), _part("test", TEST, spec["size"]), ())

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """The hour."""
        return targets[:, 0]


def _part(name: str, count: int, size: int) -> Split:
    """Every time about equally often: one of each 720 after the other, in random order."""
    rng = stream(0, "drawn-dials", name)
    minutes = rng.permutation(np.arange(count) % 720)
    return Split(
        draw_dials(minutes, rng, size), np.stack(np.divmod(minutes, 60), 1).astype(np.int64)
    )


DRAWN_DIALS = DrawnDials(
    name="drawn-dials",
    title="coloured clock dials drawn by assay, 32x32 (or another size)",
    kept="drawn by assay",
    licence="the licence of assay",
    citation="assay",
    train=TRAIN,
    test=TEST,
    options={"size": integer(32, low=SIZES[0], high=SIZES[1], help="Side of the pictures.")},
)
