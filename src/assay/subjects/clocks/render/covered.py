"""Hands covered by glare: how much, and oversampling of such clocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.subjects.clocks.render.camera import homography, project
from assay.subjects.clocks.render.scene import Scene

__all__ = ["COVERED", "covered_scene", "hidden"]

COVERED = 0.7
"""Strength of glare from which a hand's tip counts as covered."""

_ATTEMPTS = 64
"""Maximum number of attempts; about one in twenty clocks is covered, so that few remain."""


def hidden(scene: Scene) -> np.ndarray:
    """Return the strength of glare at the tips of the hour and minute hands, the larger of both:
    (n,), 0 to 1."""
    angle = 2 * np.pi * scene.pointing()[:, :2]
    length = scene.hands[:, :2, 0]
    tips = length[..., None] * np.stack([np.sin(angle), np.cos(angle)], -1)
    place = project(homography(scene, 1), tips)  # (n, 2, 2)
    spots = scene.glow
    apart = ((place[:, :, None] - spots[:, None, :, :2]) ** 2).sum(-1)
    glow = (
        spots[:, None, :, 3] * np.exp(-apart / np.maximum(spots[:, None, :, 2], 1e-3) ** 2)
    ).sum(-1)
    return glow.clip(0, 1).max(1)


def covered_scene(draw: Callable[..., Scene], minutes: np.ndarray, count: int) -> Scene:
    """Draw clocks, of which glare covers a hand in the first `count`, if 64 attempts at each find
    one; they have the conditional distribution of such clocks, because whole clocks are redrawn.

    Args:
        draw: from times and further names of the random stream to a scene.
        minutes: (n,) times.
        count: how many, 0 to n.
    """
    scene = draw(minutes)
    left = np.flatnonzero(hidden(scene)[:count] < COVERED)
    for attempt in range(_ATTEMPTS):
        others = draw(minutes[left], "covered", attempt)
        good = hidden(others) >= COVERED
        scene = scene.replaced(left[good], others[good])
        left = left[~good]
        if not len(left):
            break
    return scene
