"""Corrupted pictures of clocks, on which readers are calibrated and tested but never trained.

After D. Hendrycks and T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", ICLR 2019.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["KINDS", "corrupted"]


def corrupted(images: np.ndarray, rng: np.random.Generator, kind: str) -> np.ndarray:
    """Corrupt pictures, uint8 (n, size, size, 1), each in one way of a kind, in turns.

    Args:
        kind: "distorted" (perspective, motion blur, a shadow) or "spoiled" (something in front of
            the edge, impulse noise, dark corners, low contrast).
    """
    ways = KINDS[kind]
    made = [ways[i % len(ways)](image[..., 0] / 255, rng) for i, image in enumerate(images)]
    whole = [(255 * image.clip(0, 1)).round().astype(np.uint8) for image in made]
    return np.stack(whole)[..., None] if whole else images.copy()


def _perspective(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Seen from the side: every corner is moved by up to a ninth of the side."""
    side = len(image)
    corners = np.array([(0, 0), (0, side), (side, side), (side, 0)])
    moved = (corners + rng.uniform(-side / 9, side / 9, corners.shape)).ravel().tolist()
    picture = Image.fromarray((255 * image).astype(np.uint8))
    way, ground = Image.Transform.QUAD, int(255 * image.mean())
    seen = picture.transform((side, side), way, moved, Image.Resampling.BILINEAR, fillcolor=ground)
    return np.asarray(seen) / 255


def _motion(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean along a line of 3 to 7 pixels in any direction."""
    length, angle = rng.uniform(3, 7), rng.uniform(0, np.pi)
    shifts = np.linspace(-length / 2, length / 2, 9)[:, None] * (np.cos(angle), np.sin(angle))
    moved = [np.roll(image, tuple(shift), (0, 1)) for shift in shifts.round().astype(int)]
    return np.mean(moved, 0)


def _shadow(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A shadow with a sharp edge across the picture."""
    return np.where(_side(image, rng) < 0, rng.uniform(0.35, 0.7), 1) * image


def _hidden(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something even, of any grey, in front of the edge."""
    y, x = np.mgrid[: len(image), : len(image)] / len(image) - 0.5
    angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.22)
    away = np.hypot(x - 0.5 * np.cos(angle), y - 0.5 * np.sin(angle))
    return np.where(away < radius, rng.uniform(), image)


def _impulses(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One pixel in 10 to 50 is black or white."""
    share = rng.uniform(0.02, 0.1)
    return np.where(rng.random(image.shape) < share, rng.integers(0, 2, image.shape), image)


def _vignette(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darker towards the corners."""
    y, x = np.mgrid[: len(image), : len(image)] / len(image) - 0.5
    return image * (1 - rng.uniform(0.6, 1.3) * 2 * (x**2 + y**2))


def _faint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast of a tenth to a third."""
    return rng.uniform(0.3, 0.7) + rng.uniform(0.1, 0.33) * (image - image.mean())


def _side(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distance of pixels from a line near the middle of the picture."""
    y, x = np.mgrid[: len(image), : len(image)] / len(image) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    found: np.ndarray = np.cos(angle) * x + np.sin(angle) * y + rng.uniform(-0.25, 0.25)
    return found


KINDS = {
    "distorted": (_perspective, _motion, _shadow),
    "spoiled": (_hidden, _impulses, _vignette, _faint),
}
