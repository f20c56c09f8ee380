"""Drawn clocks transformed like photos: what a camera, a room and a file do to a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["photo_like", "some_photo_like"]

TURNED = 1 / 3
"""Fraction of photo-like training pictures that are rotated by any angle."""


def some_photo_like(
    images: np.ndarray,
    directions: np.ndarray,
    share: float,
    rng: np.random.Generator,
    marked: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Transform a random fraction of pictures; see `photo_like`.

    Args:
        images: uint8 (n, size, size, 1).
        directions: (n, k) directions in the pictures, in turns clockwise from up.
        share: expected fraction.
        marked: (n,) whether something shows where the 12 is; others are not rotated.

    Returns:
        The pictures, and the directions in them: those of rotated pictures have changed.
    """
    images, directions = images.copy(), directions.copy()
    kind = rng.random(len(images))
    for turn, low, high in ((True, 0.0, TURNED * share), (False, TURNED * share, share)):
        rows = np.flatnonzero((kind >= low) & (kind < high))
        if len(rows):
            images[rows], turns = photo_like(images[rows], rng, turn & marked[rows])
            directions[rows] = (directions[rows] - turns[:, None]) % 1
    return images, directions


def photo_like(
    images: np.ndarray, rng: np.random.Generator, turn: np.ndarray | bool
) -> tuple[np.ndarray, np.ndarray]:
    """Transform pictures, uint8 (n, size, size, 1), like a camera: crop, coarse pixels, blur,
    exposure and contrast, a window's reflection, JPEG.

    Args:
        turn: which to rotate by any angle, even upside down.

    Returns:
        The pictures, and by how many turns each is rotated anticlockwise, (n,).
    """
    turned = np.broadcast_to(turn, len(images))
    made = [_photo(image[..., 0], rng, bool(t)) for image, t in zip(images, turned, strict=True)]
    return np.stack([seen for seen, _ in made])[..., None], np.array([turns for _, turns in made])


def _photo(image: np.ndarray, rng: np.random.Generator, turn: bool) -> tuple[np.ndarray, float]:
    size, span = len(image), rng.uniform
    ground = int(rng.integers(0, 256))
    plain, angle = Image.fromarray(image), 0.0
    if turn:
        angle = span(0, 360)
        plain = plain.rotate(angle, Image.Resampling.BILINEAR, fillcolor=ground)
    wide = Image.new("L", (3 * size, 3 * size), ground)
    wide.paste(plain, (size, size))
    side = size * span(0.9, 1.2)
    left, top = 1.5 * size - side / 2 + size * span(-0.05, 0.05, 2)
    pixels = int(rng.integers(size // 2, size + 1)) if rng.random() < 0.5 else size
    box = (left, top, left + side, top + side)
    seen = wide.resize((pixels, pixels), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    seen = seen.resize((size, size), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        seen = seen.filter(ImageFilter.GaussianBlur(span(0, 1.5)))
    curve = (np.arange(256) / 255) ** np.exp(rng.normal(0, 0.35)) * span(0.7, 1.25)
    light = (curve + rng.normal(0, 0.05))[np.asarray(seen)]
    if rng.random() < 0.3:
        light = light + _window(size, rng)
    file = io.BytesIO()
    whole = (255 * light.clip(0, 1)).astype(np.uint8)
    Image.fromarray(whole).save(file, "JPEG", quality=int(rng.integers(20, 95)))
    return np.asarray(Image.open(file)), angle / 360


def _window(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a bright stripe with soft edges across the picture."""
    angle, place, width = rng.uniform(0, 2 * np.pi), rng.uniform(), rng.uniform(0.03, 0.2)
    y, x = np.mgrid[:size, :size] / size
    away = np.abs(np.cos(angle) * x + np.sin(angle) * y - place) - width
    return rng.uniform(0.1, 0.6) / (1 + np.exp(60 * away.clip(-1, 1)))
