"""The camera: a pinhole that looks at the dial, and where things on the dial are in the picture.

The dial lies in the plane z = 0 with its centre at the origin and radius 1; x points right and y up
in a picture without roll, z towards the camera. The camera stands at distance d, tilted by t away
from the z axis: at (0, -d sin t, d cos t).
"""

from __future__ import annotations

import numpy as np

from assay.subjects.clocks.render.scene import Scene

__all__ = ["camera_position", "homography", "project", "rays", "upward"]


def camera_position(scene: Scene) -> np.ndarray:
    """Where the camera stands, (n, 3)."""
    tilt = 2 * np.pi * scene.tilt
    zero = np.zeros_like(tilt)
    return scene.distance[:, None] * np.stack([zero, -np.sin(tilt), np.cos(tilt)], -1)


def homography(scene: Scene, size: int) -> np.ndarray:
    """From the plane to the picture, (n, 3, 3): (x, y, 1) to (right, down, 1) in pixels, up to a
    factor; (0, 0) is the outer corner of the first pixel."""
    tilt = 2 * np.pi * scene.tilt
    zero, one = np.zeros_like(tilt), np.ones_like(tilt)
    # seen without roll: right = x / depth, up = y cos t / depth, depth = d + y sin t
    plane = _matrices([one, zero, zero], [zero, np.cos(tilt), zero],
                      [zero, np.sin(tilt), scene.distance])  # fmt: skip
    return _lens(scene, size) @ plane


def rays(scene: Scene, size: int) -> np.ndarray:
    """From the picture to directions, (n, 3, 3): (right, down, 1) in pixels to the direction
    (x, y, z), up to a factor, in which the camera looks there."""
    tilt = 2 * np.pi * scene.tilt
    zero, one = np.zeros_like(tilt), np.ones_like(tilt)
    cosine, sine = np.cos(tilt), np.sin(tilt)
    turned = _matrices([one, zero, zero], [zero, cosine, sine], [zero, sine, -cosine])
    return turned @ np.linalg.inv(_lens(scene, size))


def _lens(scene: Scene, size: int) -> np.ndarray:
    """From (right, up, 1) at depth 1 to pixels: roll, focal length and middle of the picture."""
    roll, focal = 2 * np.pi * scene.roll, scene.focal * size
    cosine, sine = focal * np.cos(roll), focal * np.sin(roll)
    right, down = ((0.5 + scene.centre[:, i]) * size for i in (0, 1))
    zero, one = np.zeros_like(roll), np.ones_like(roll)
    return _matrices([cosine, sine, right], [sine, -cosine, down], [zero, zero, one])


def _matrices(*rows: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.stack(row, -1) for row in rows], -2).astype(np.float64)


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, k, 2) of the plane in the picture, (n, k, 2), by matrices (n, 3, 3)."""
    ones = np.ones((*points.shape[:2], 1))
    found = np.concatenate([points, ones], -1) @ np.swapaxes(matrix, 1, 2)
    return found[..., :2] / found[..., 2:]


def upward(scene: Scene) -> np.ndarray:
    """The direction on the dial that points straight up in the picture at the dial's centre, (n,),
    in turns clockwise from the plane's y axis."""
    matrix = homography(scene, 1)
    middle = matrix[:, :2, 2] / matrix[:, 2:, 2]
    jacobian = matrix[:, :2, :2] - middle[:, :, None] * matrix[:, 2:, :2]
    up = np.linalg.solve(jacobian, np.array([0.0, -1.0])[None, :, None])[..., 0]
    return np.arctan2(up[:, 0], up[:, 1]) / (2 * np.pi) % 1
