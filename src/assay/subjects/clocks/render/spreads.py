"""Distributions that the styles share."""

from __future__ import annotations

import numpy as np

__all__ = ["directions", "glare", "spans", "surface_maps"]


def spans(rng: np.random.Generator, n: int, *ranges: tuple[float, float]) -> np.ndarray:
    """Uniform numbers, a column for each range: (n, k)."""
    return np.stack([rng.uniform(low, high, n) for low, high in ranges], -1)


def surface_maps(rng: np.random.Generator, n: int, size: np.ndarray) -> np.ndarray:
    """Surfaces turned and shifted at random; `size` is how many radii one repeats over."""
    angle = rng.uniform(0, 2 * np.pi, n)
    cosine, sine = np.cos(angle) / size, np.sin(angle) / size
    shift = rng.uniform(8, 9, (n, 2))  # coordinates stay positive
    return np.stack([np.stack([cosine, -sine, shift[:, 0]], -1),
                     np.stack([sine, cosine, shift[:, 1]], -1)], 1)  # fmt: skip


def directions(rng: np.random.Generator, n: int, length: np.ndarray) -> np.ndarray:
    """Vectors (n, 2) of given lengths in any direction."""
    angle = rng.uniform(0, 2 * np.pi, n)
    return length[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)


def glare(rng: np.random.Generator, n: int, half: np.ndarray, share: float) -> np.ndarray:
    """A lamp's reflection on a share of the pictures: a bright core with two halos, on the glass or
    beside it, and two glints on the rim; (n, 5, 4), see `Scene.glow`.

    Args:
        half: (n,) half the dial's width, in half widths of the picture.
    """
    span = rng.uniform
    spread = np.sqrt(span(0, 1, n)) * 0.5 * np.where(span(0, 1, n) < 0.85, 0.92, 1.5) * half
    place = 0.5 + directions(rng, n, spread)
    lit = span(0, 1, n) < share
    core = span(0.025, 0.075, n)
    strength = lit * span(0.5, 1.6, n)
    spots = [(place, core, 1.4 * strength), (place, 2.6 * core, 0.42 * strength),
             (place, span(0.2, 0.45, n), 0.22 * strength)]  # fmt: skip
    for _ in range(2):
        edge = 0.5 + directions(rng, n, 0.53 * half)
        spots.append((edge, span(0.008, 0.016, n), span(0, 1.5 * share, n)))
    return np.stack([np.concatenate([p, r[:, None], s[:, None]], -1) for p, r, s in spots], 1)
