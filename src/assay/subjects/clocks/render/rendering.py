"""From times to pictures with their truth: draw a scene for each, then its pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from assay.core.errors import ConfigError, unknown_name
from assay.core.seeds import stream
from assay.subjects.clocks.render.camera import homography, upward
from assay.subjects.clocks.render.covered import covered_scene, hidden
from assay.subjects.clocks.render.scene import Scene
from assay.subjects.clocks.render.styles import STYLES

__all__ = ["Rendered", "draw_scene", "make_scene", "marked", "render", "targets_of"]

_AT_ONCE = 256
"""Pictures drawn together, at most."""


@dataclass(frozen=True)
class Rendered:
    """Pictures and all that is known of them.

    Attributes:
        images: uint8 (n, size, size).
        targets: float32 (n, 5): hour, minute, and the directions on the dial of the 12, the minute
            hand and the hour hand, in turns clockwise from what is up in the picture. That of the
            hour hand is where it belongs, whatever its slip.
        homography: (n, 3, 3), from the dial's plane to pixels (see `camera`).
        hidden: (n,) by how much the glare takes the contrast of the worse seen hand's tip, 0 to 1.
        scene: what was drawn.
    """

    images: np.ndarray
    targets: np.ndarray
    homography: np.ndarray
    hidden: np.ndarray
    scene: Scene


def render(
    minutes: np.ndarray,
    *,
    style: str = "course",
    seed: int = 0,
    size: int = 150,
    device: str = "cpu",
    names: tuple[str | int, ...] = (),
) -> Rendered:
    """Draw clocks.

    Args:
        minutes: (n,) times, in minutes after 12:00; the hour hand moves with the minutes.
        style: one of STYLES.
        seed: equal seeds (and names) give equal pictures.
        size: width and height in pixels.
        device: where PyTorch draws them.
        names: further names of the random stream.

    Raises:
        ConfigError: for an unknown style.
    """
    scene = make_scene(minutes, style, seed, names)
    return Rendered(
        images=draw_scene(scene, style, size, device),
        targets=targets_of(scene),
        homography=homography(scene, size),
        hidden=hidden(scene),
        scene=scene,
    )


def make_scene(
    minutes: np.ndarray,
    style: str,
    seed: int,
    names: tuple[str | int, ...] = (),
    covered: int = 0,
) -> Scene:
    """What `render` would draw, before any pixel.

    Args:
        covered: on how many of them, the first ones, glare is to cover the tip of a hand.

    Raises:
        ConfigError: for an unknown style.
    """
    if style not in STYLES:
        raise ConfigError(unknown_name("style of clocks", style, STYLES))

    def scene(times: np.ndarray, *more: str | int) -> Scene:
        return STYLES[style].scene(stream(seed, "clocks", style, *names, *more), times)

    minutes = np.asarray(minutes, np.float64)
    return covered_scene(scene, minutes, covered) if covered else scene(minutes)


def draw_scene(scene: Scene, style: str, size: int, device: str = "cpu") -> np.ndarray:
    """The pixels of a scene with the textures of a style, uint8 (n, size, size)."""
    import torch

    from assay.subjects.clocks.render.compiled import paint
    from assay.subjects.clocks.render.shade import shade
    from assay.subjects.clocks.render.textures import make_textures

    textures = make_textures(STYLES[style].designs, STYLES[style].surfaces, device)
    draw, artists = (paint, torch.get_num_threads()) if device == "cpu" else (shade, 1)
    together = min(_AT_ONCE, -(-len(scene) // artists) or 1)
    parts = [slice(start, start + together) for start in range(0, len(scene), together)]
    with ThreadPoolExecutor(artists) as pool:
        drawn = pool.map(lambda part: draw(scene[part], textures, size), parts)
        return np.concatenate([np.empty((0, size, size), np.uint8), *drawn])


def marked(scene: Scene, style: str) -> np.ndarray:
    """(n,) whether something on the dial shows where the 12 is; the others stand upright."""
    return np.array([design.marked for design in STYLES[style].designs])[scene.dial]


def targets_of(scene: Scene) -> np.ndarray:
    """Hour, minute and directions; see `Rendered`."""
    pointing = scene.turn + np.stack([0 * scene.minutes, scene.minutes / 60, scene.minutes / 720])
    seen = (pointing.T - upward(scene)[:, None]) % 1
    hour, minute = scene.minutes // 60, scene.minutes % 60
    return np.concatenate([np.stack([hour, minute], -1), seen], -1).astype(np.float32)
