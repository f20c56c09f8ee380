"""What is to be drawn: clocks, cameras and light as plain numbers, one row for each picture."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """n pictures. Lengths are in radii of the dial, angles in turns, greys from 0 to 1.

    Attributes:
        minutes: (n,) time, in minutes after 12:00.
        turn: (n,) direction of the 12 on the plane, clockwise from the plane's y axis.
        tilt, roll: (n,) of the camera: 0 looks straight at the dial; roll turns the picture
            clockwise.
        distance: (n,) from the camera to the dial's centre.
        focal: (n,) focal length, in widths of the picture.
        centre: (n, 2) where the dial's centre is in the picture, right and down of the middle, in
            widths of the picture.
        dial: (n,) int, number of the dial in the atlas of the style.
        surface: (n,) int, number of what the clock lies on.
        surface_map: (n, 2, 3) from the plane (x, y, 1) to the surface's own coordinates, in [0, 1].
        rim: (n, 4) inner and outer radius, height over the dial, depth under it.
        square: (n,) 0 for a round frame, 1 for a square one.
        hands: (n, m, 5) length, tail, half width at the hub and at the tip, grey; the first is the
            hour hand, the second the minute hand; a length of 0 leaves a hand out.
        slip: (n,) how far the hour hand is off the place that the time demands, as on cheap clocks
            and in drawings.
        second: (n,) direction of the third hand from the 12, where there is one.
        hub: (n, 2) radius and grey of the cap over the hands.
        greys: (n, 5) face, ink, rim, light of the rim's top, surface.
        shading: (n, 4) by how much the face changes towards the light; strength of the shadows of
            the rim and of the hands; softness of edges in pixels.
        light: (n, 2) direction on the plane towards the light, its length how low it stands.
        glow: (n, k, 4) spots of light: right and down in the picture (0 to 1), radius in widths of
            the picture, strength.
        exposure: (n, 3) gain, offset, vignette.
        noise: (n,) standard deviation of the sensor's noise.
        grain: (n,) int, where in the bank of noise it begins.
    """

    minutes: np.ndarray
    turn: np.ndarray
    tilt: np.ndarray
    roll: np.ndarray
    distance: np.ndarray
    focal: np.ndarray
    centre: np.ndarray
    dial: np.ndarray
    surface: np.ndarray
    surface_map: np.ndarray
    rim: np.ndarray
    square: np.ndarray
    hands: np.ndarray
    slip: np.ndarray
    second: np.ndarray
    hub: np.ndarray
    greys: np.ndarray
    shading: np.ndarray
    light: np.ndarray
    glow: np.ndarray
    exposure: np.ndarray
    noise: np.ndarray
    grain: np.ndarray

    def __len__(self) -> int:
        return len(self.minutes)

    def __getitem__(self, rows: slice | np.ndarray) -> Scene:
        """Some of the pictures."""
        return Scene(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def replaced(self, rows: np.ndarray, others: Scene) -> Scene:
        """The same with other pictures at `rows`."""
        found = self[np.arange(len(self))]
        for f in fields(self):
            getattr(found, f.name)[rows] = getattr(others, f.name)
        return found

    def pointing(self) -> np.ndarray:
        """Directions of the hands on the plane, (n, m), in turns clockwise from the y axis."""
        hour, minute = self.minutes / 720 + self.slip, self.minutes / 60
        extra = [self.second] * (self.hands.shape[1] - 2)
        return (self.turn[:, None] + np.stack([hour, minute, *extra], -1)) % 1
