"""Styles: which clocks, cameras and lights there are, as distributions that a seed draws from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.core.seeds import stream
from assay.subjects.clocks.render.any_style import ANY_DESIGNS, ANY_SURFACES, any_scene
from assay.subjects.clocks.render.dials import DialDesign, vary
from assay.subjects.clocks.render.scene import Scene
from assay.subjects.clocks.render.spreads import directions, glare, spans, surface_maps

__all__ = ["STYLES", "Style"]


@dataclass(frozen=True)
class Style:
    """One style.

    Attributes:
        designs: the dials of its atlas.
        surfaces: what clocks lie on.
        scene: from a random generator and times (n,) to a scene.
    """

    designs: tuple[DialDesign, ...]
    surfaces: tuple[str, ...]
    scene: Callable[[np.random.Generator, np.ndarray], Scene]


def _course_designs() -> tuple[DialDesign, ...]:
    kinds = [
        DialDesign(height=0.145, radius=0.775, bare_one=True),
        DialDesign(height=0.145, radius=0.775, dots=True, bare_one=True),
        DialDesign(font=1, height=0.14, radius=0.775),
        DialDesign(height=0.15, radius=0.775),
    ]
    return tuple(vary(stream(0, "course dials"), kinds, 24))


def course_scene(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """The course's wall clock on planks: turned freely, tilted up to 45 degrees, with glare."""
    n = len(minutes)
    span = rng.uniform
    tilt = span(0, 0.13, n)
    largest = 1.12 - 2.6 * np.maximum(tilt - 0.02, 0)
    half = span(0.66, 1, n) ** 1.2
    half = 0.66 + (largest - 0.66) * np.clip((half - 0.6) / 0.4, 0, 1)  # half the dial's width
    focal = span(0.92, 1.12, n)
    distance = 2 * focal / half
    inner = span(0.98, 1.0, n)
    rim = np.stack(
        [inner, inner + span(0.12, 0.17, n), span(0.05, 0.11, n), span(0.02, 0.10, n)], -1
    )
    width = span(0.024, 0.034, n)
    grey = span(0.16, 0.32, n)
    tails = span(0.05, 0.11, n), span(0.05, 0.11, n)
    hour = np.stack([span(0.52, 0.62, n), tails[0], 1.08 * width, 1.02 * width, grey], -1)
    minute = np.stack([span(0.69, 0.79, n), tails[1], width, 0.92 * width, grey], -1)
    face, ink = span(0.74, 0.92, n), span(0.2, 0.5, n)
    rim_grey = span(0.14, 0.26, n)
    greys = np.stack([face, ink, rim_grey, span(0.02, 0.12, n), span(0.26, 0.46, n)], -1)
    shading = spans(rng, n, (0, 0.16), (0, 0.35), (0, 0.2), (0.9, 1.7))
    return Scene(
        minutes=minutes, turn=span(0, 1, n), tilt=tilt, roll=rng.normal(0, 0.012, n),
        distance=distance, focal=focal, centre=rng.normal(0, 0.022, (n, 2)),
        dial=rng.integers(0, 24, n), surface=rng.integers(0, 6, n),
        surface_map=surface_maps(rng, n, span(4, 6.5, n)), rim=rim, square=np.zeros(n),
        hands=np.stack([hour, minute], 1), slip=np.zeros(n), second=np.zeros(n),
        hub=np.zeros((n, 2)),
        greys=greys, shading=shading, light=directions(rng, n, span(0.2, 1, n)),
        glow=glare(rng, n, half, 0.6),
        exposure=np.stack([span(0.9, 1.12, n), rng.normal(0, 0.015, n), span(0, 0.12, n)], -1),
        noise=span(0.003, 0.012, n), grain=rng.integers(0, 1 << 30, n),
    )  # fmt: skip


STYLES: dict[str, Style] = {
    "course": Style(_course_designs(), ("planks",) * 6, course_scene),
    "any": Style(ANY_DESIGNS, ANY_SURFACES, any_scene),
}
