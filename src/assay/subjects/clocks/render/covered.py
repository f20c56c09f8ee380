"""Hands that glare covers: how much of them, and more such clocks than chance would draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.subjects.clocks.render.camera import homography, project
from assay.subjects.clocks.render.scene import Scene

__all__ = ["COVERED", "covered_scene", "hidden"]

COVERED = 0.7
"""From here on a hand's tip counts as covered."""

_ATTEMPTS = 64
"""How often a clock is drawn anew; one in twenty or so is covered, so that few are left."""


def hidden(scene: Scene) -> np.ndarray:
    """How strong the glare is at the tips of the hour and minute hands, the larger of both: (n,),
    0 to 1."""
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
    """Clocks of which glare covers a hand on the first `count`, as far as 64 attempts at each find
    it; these are distributed as such clocks are, since whole clocks are drawn anew.

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
