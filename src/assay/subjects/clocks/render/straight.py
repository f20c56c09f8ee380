"""What is straight or round in a scene, as coefficients over the ray q = (x/z, y/z) of a pixel.

A ray meets the plane z = h at eye_xy + (h - eye_z) q: linear in q. So is everything linear on that
plane: turned and shifted coordinates, and on which side of a hand's edge a pixel is. The square of
the distance from a point of the plane is linear in (q_x, q_y, 1, |q|^2).
"""

from __future__ import annotations

import numpy as np

from assay.subjects.clocks.render.camera import camera_position
from assay.subjects.clocks.render.scene import Scene

__all__ = ["circles", "edges", "planes"]

HAND_HEIGHT = 0.03
SHADOW_HEIGHT = 0.05
"""How high hands stand over the dial, seen and for the light."""

_NEVER = -9.0


def _plane(scene: Scene, height: np.ndarray | float, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """(x, y) where the ray meets z = height, moved by `shift`: (n, 2, 3)."""
    eye = camera_position(scene)
    found = np.zeros((len(scene), 2, 3))
    found[:, 0, 0] = found[:, 1, 1] = height - eye[:, 2]
    found[:, :, 2] = eye[:, :2] + shift
    return found


def planes(scene: Scene) -> dict[str, np.ndarray]:
    """Coordinates by name, (n, k, 3) each: the surface's own; how far towards the light; (right,
    down) on an upright dial; (x, y) at the foot of the rim, on the dial and at the rim's top."""
    low, dial = _plane(scene, -scene.rim[:, 3]), _plane(scene, 0.0)
    third = np.zeros((len(scene), 1, 3))
    third[..., 2] = 1
    angle = 2 * np.pi * scene.turn
    cosine, sine = np.cos(angle), np.sin(angle)
    upright = np.stack([np.stack([cosine, -sine], -1), np.stack([-sine, -cosine], -1)], 1)
    found = {
        "ground": scene.surface_map @ np.concatenate([low, third], 1),
        "lit": np.einsum("ni,nij->nj", scene.light, dial)[:, None],
        "painted": upright @ dial,
    }
    if scene.square.any():
        found |= {"low": low, "dial": dial, "top": _plane(scene, scene.rim[:, 2])}
    return found


def circles(scene: Scene) -> dict[str, np.ndarray]:
    """Squared distances from the centre by name, (n, 1, 4) each: at the foot of the rim, on the
    dial, at the top of the rim, and on the dial as the rim's shadow sees it."""
    where = {
        "low": _plane(scene, -scene.rim[:, 3]),
        "dial": _plane(scene, 0.0),
        "top": _plane(scene, scene.rim[:, 2]),
        "shadow": _plane(scene, 0.0, scene.light * scene.rim[:, 2:3]),
    }
    found = {}
    for name, plane in where.items():
        rise, x, y = plane[:, 0, 0], plane[:, 0, 2], plane[:, 1, 2]
        found[name] = np.stack([2 * rise * x, 2 * rise * y, x**2 + y**2, rise**2], -1)[:, None]
    return found


def edges(scene: Scene, scale: np.ndarray) -> np.ndarray:
    """Every hand, then every hand's shadow, as four half-planes: (n, 4 * 2 * hands, 3).

    The value is how far inside the edge a pixel is, in units of 1 / scale, plus one half: what is
    clipped to [0, 1] is a soft edge.
    """
    seen = _quads(scene, _plane(scene, HAND_HEIGHT), scale)
    cast = _quads(scene, _plane(scene, 0.0, scene.light * SHADOW_HEIGHT), scale)
    return np.concatenate([seen, cast], 1)


def _quads(scene: Scene, plane: np.ndarray, scale: np.ndarray) -> np.ndarray:
    angle = 2 * np.pi * scene.pointing()[..., None]  # (n, hands, 1)
    along, across = (
        np.einsum("nmi,nij->nmj", np.concatenate(axis, -1), plane)
        for axis in ([np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)])
    )
    length, tail, hub, tip = (scene.hands[..., i] for i in range(4))
    slope = ((hub - tip) / np.maximum(length, 1e-3))[..., None]
    sides = [(across - slope * along, hub), (-across - slope * along, hub)]
    ends = [(-along, length), (along, np.where(length > 0, tail, _NEVER))]
    found = np.stack([edge for edge, _ in (*sides, *ends)], 2)
    found[..., 2] += np.stack([by for _, by in (*sides, *ends)], 2)
    found *= scale[:, None, None, None]
    found[..., 2] += 0.5
    return found.reshape(len(scene), -1, 3)
