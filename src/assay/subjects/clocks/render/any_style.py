"""Style `any`: clocks of many kinds.

It mixes four kinds of pictures: photos of clocks from a distance, frontal faces that fill the
picture, flat drawings anywhere, and bold ones as in icons. A dial on which nothing shows where the
12 is stands upright, as a person takes it.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from assay.core.seeds import stream
from assay.subjects.clocks.render.dials import DialDesign
from assay.subjects.clocks.render.scene import Scene
from assay.subjects.clocks.render.spreads import directions, glare, spans, surface_maps

__all__ = ["ANY_DESIGNS", "ANY_SURFACES", "any_scene"]

ANY_SURFACES = ("planks",) * 2 + ("wall",) * 5 + ("even",)
KINDS = {"photo": 0.38, "face": 0.28, "flat": 0.18, "icon": 0.16}
"""Share of each kind."""

_FLAT = 16
_DIALS = 144
_PLAIN = 32
_WORDS = ("QUARTZ", "ANNO 1884", "GENEVE", "ELECTRIC", "Regulator", "N. 47", "BERLIN", "studio")


def _flat_design(rng: np.random.Generator) -> DialDesign:
    """A disc with an outline and a mark at the 12."""
    return DialDesign(
        numerals="none", hour=(0, 0, 0), minute=(0, 0, 0), mark="dot",
        mark_radius=rng.uniform(0.9, 0.97), rings=(0.985,),
    )  # fmt: skip


def _design(rng: np.random.Generator) -> DialDesign:
    numerals = str(rng.choice(["arabic", "roman", "quarters", "none"], p=[0.58, 0.14, 0.1, 0.18]))
    outer = rng.uniform(0.88, 0.99)
    hour_length, minute_length = rng.uniform(0.04, 0.2), rng.uniform(0.02, 0.09)
    height = rng.uniform(0.11, 0.25) * (0.8 if numerals == "roman" else 1)
    has_hour, has_minute = rng.random() < 0.8, rng.random() < 0.7
    marks = ["dot", "triangle", "double"]
    needs_mark = numerals == "none" or rng.random() < 0.12
    inside = outer - hour_length - height * 0.62
    return DialDesign(
        font=int(rng.integers(10)),
        numerals=numerals,
        height=height,
        radius=float(np.clip(inside if has_hour else outer - height * 0.55, 0.5, 0.86)),
        upright=rng.random() < 0.82 and numerals != "roman",
        bare_one=rng.random() < 0.1,
        hour=(outer - hour_length, outer, rng.uniform(0.008, 0.04) * has_hour),
        minute=(outer - minute_length, outer, rng.uniform(0.004, 0.012) * has_minute),
        dots=rng.random() < 0.25,
        mark=str(rng.choice(marks)) if needs_mark else "",
        mark_radius=rng.uniform(0.72, 0.9),
        rings=tuple(rng.uniform(0.3, 0.99, rng.integers(0, 3)).tolist()),
        rays=rng.uniform(0.1, 0.4) * (rng.random() < 0.18),
        texts=tuple(rng.choice(_WORDS, rng.integers(0, 3)).tolist()) if rng.random() < 0.35 else (),
        strength=rng.uniform(0.55, 1),
    )


def _plain_design(rng: np.random.Generator) -> DialDesign:
    """A dial on which nothing shows where the 12 is: at most ticks, all hours or quarters alike."""
    outer, length = rng.uniform(0.8, 0.98), rng.uniform(0.04, 0.25)
    dots = rng.random() < 0.4
    width = rng.uniform(0.02, 0.07) if dots else rng.uniform(0.01, 0.05)
    return DialDesign(
        numerals="none",
        hour=(outer - length, outer, width * (rng.random() < 0.75)),
        minute=(outer - length / 3, outer, rng.uniform(0.004, 0.01) * (rng.random() < 0.25)),
        hours=12 if rng.random() < 0.55 else 4,
        hour_dots=dots,
        rings=tuple(rng.uniform(0.3, 0.99, int(rng.random() < 0.2)).tolist()),
        strength=rng.uniform(0.5, 1),
    )


def _designs() -> tuple[DialDesign, ...]:
    rng, plain = stream(0, "any dials"), stream(0, "plain dials")
    return (*(_flat_design(rng) for _ in range(_FLAT)),
            *(_design(rng) for _ in range(_DIALS - _FLAT)),
            *(_plain_design(plain) for _ in range(_PLAIN)))  # fmt: skip


ANY_DESIGNS = _designs()


def any_scene(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """A mixture of the four kinds."""
    kind = rng.choice(len(KINDS), len(minutes), p=list(KINDS.values()))
    made = [make(rng, minutes) for make in (_photo, _face, _flat, _icon)]
    rows = np.arange(len(minutes))
    return Scene(**{
        f.name: np.stack([getattr(scene, f.name) for scene in made])[kind, rows]
        for f in fields(Scene)
    })  # fmt: skip


def _apart(rng: np.random.Generator, grey: np.ndarray, least: float) -> np.ndarray:
    """Return greys with a minimum contrast to others, brighter or darker."""
    room = np.where(
        rng.random(len(grey)) < 0.9, np.where(grey > 0.5, -1, 1), np.where(grey > 0.5, 1, -1)
    )
    limit = np.where(room > 0, 1 - grey, grey)
    room = np.where(limit < least, -room, room)
    limit = np.where(room > 0, 1 - grey, grey)
    return grey + room * rng.uniform(np.minimum(least, limit), limit)


def _hub(rng: np.random.Generator, face: np.ndarray, share: float) -> np.ndarray:
    """Radius and grey of a cap over the hands, where there is one."""
    radius = rng.uniform(0.02, 0.1, len(face)) * (rng.random(len(face)) < share)
    return np.stack([radius, _apart(rng, face, 0.3)], -1)


def _hands(rng: np.random.Generator, n: int, face: np.ndarray, thick: float) -> np.ndarray:
    """Hour, minute and sometimes second hand."""
    span = rng.uniform
    grey = _apart(rng, face, 0.3)
    minute = span(0.6, 0.98, n)
    hour = np.minimum(span(0.36, 0.64, n), 0.82 * minute)
    tail = span(0, 0.22, n) * (span(0, 1, n) < 0.6)
    width = span(0.014, thick, n)
    taper = np.where(span(0, 1, n) < 0.4, span(0.15, 0.9, n), 1.0)
    stout = np.maximum(width * span(0.95, 1.9, n), 0.02)
    third = span(0.6, 0.95, n) * (span(0, 1, n) < 0.3)
    thin = span(0.005, 0.011, n)
    return np.stack([
        np.stack([hour, tail, stout, stout * taper, grey], -1),
        np.stack([minute, tail, width, width * taper, grey], -1),
        np.stack([third, span(0, 0.3, n), thin, thin, _apart(rng, face, 0.2)], -1),
    ], 1)  # fmt: skip


def _dials(rng: np.random.Generator, plain: np.ndarray) -> np.ndarray:
    """Numbers of dials: plain ones, or others than those of flat drawings."""
    return np.where(plain, rng.integers(_DIALS, _DIALS + _PLAIN, len(plain)),
                    rng.integers(_FLAT, _DIALS, len(plain)))  # fmt: skip


def _slip(rng: np.random.Generator, n: int, most: float) -> np.ndarray:
    """How far hour hands are off their place: half of them, by up to `most` turns."""
    return rng.uniform(-most, most, n) * (rng.random(n) < 0.5)


def _greys(rng: np.random.Generator, n: int, plain: float) -> np.ndarray:
    """Face, ink, rim, light of the rim and surface; `plain` is how often the surface is white."""
    span = rng.uniform
    face = np.where(span(0, 1, n) < 0.7, span(0.65, 1, n), span(0, 0.75, n))
    ground = np.where(span(0, 1, n) < plain, 1.0, span(0.02, 0.95, n))
    return np.stack([face, _apart(rng, face, 0.25), span(0, 0.9, n), span(0, 0.3, n), ground], -1)


def _photo(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """A clock in a room: at a distance, tilted, in any frame; half of them hang upright."""
    n, span = len(minutes), rng.uniform
    plain, hung = span(0, 1, n) < 0.15, span(0, 1, n) < 0.5
    half, focal = span(0.5, 1.02, n), span(0.9, 2, n)
    greys = _greys(rng, n, 0.1)
    turned = np.where(hung | (span(0, 1, n) < 0.3), rng.normal(0, 0.02, n), span(0, 1, n))
    roll = np.where(hung, rng.normal(0, 0.02, n), span(0, 1, n))
    roll = np.where(plain, rng.normal(0, 0.015, n) - np.where(hung, 0, turned), roll)
    inner = span(0.97, 1.05, n)
    width = span(0.03, 0.25, n)
    return Scene(
        minutes=minutes, turn=turned % 1, tilt=span(0, 0.12, n) * (span(0, 1, n) < 0.7),
        roll=roll % 1, distance=2 * focal / half, focal=focal,
        centre=directions(rng, n, span(0, 1, n) * np.maximum(0.52 - 0.5 * half, 0.03)),
        dial=_dials(rng, plain), surface=rng.integers(0, len(ANY_SURFACES), n),
        surface_map=surface_maps(rng, n, span(2, 8, n)),
        rim=np.stack([inner, inner + width, span(0, 0.12, n), span(0, 0.1, n)], -1),
        square=(span(0, 1, n) < 0.15).astype(float),
        hands=_hands(rng, n, greys[:, 0], 0.045), slip=_slip(rng, n, 0.012),
        second=span(0, 1, n),
        hub=_hub(rng, greys[:, 0], 0.5),
        greys=greys,
        shading=spans(rng, n, (0, 0.25), (0, 0.4), (0, 0.35), (0.8, 2)),
        light=directions(rng, n, span(0.2, 1, n)), glow=glare(rng, n, half, 0.35),
        exposure=np.stack([span(0.7, 1.2, n), rng.normal(0, 0.03, n), span(0, 0.15, n)], -1),
        noise=span(0, 0.04, n), grain=rng.integers(0, 1 << 30, n),
    )  # fmt: skip


def _face(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """A frontal face that fills the picture, upright or rotated by quarter turns."""
    n, span = len(minutes), rng.uniform
    plain = span(0, 1, n) < 0.1
    half, focal = span(0.84, 1.06, n), np.full(n, 2.0)
    greys = _greys(rng, n, 0.45)
    quarter = rng.integers(0, 4, n) / 4 * (span(0, 1, n) < 0.35) * ~plain
    rim = span(0, 0.22, n) * (span(0, 1, n) < 0.6) + 0.01
    hands = _hands(rng, n, greys[:, 0], 0.06)
    stout = (span(0, 1, n) < 0.6)[:, None, None]
    drawn = hands.copy()
    drawn[:, :2, 1] = span(0, 0.03, (n, 2))  # drawn from the middle on, equally broad throughout
    drawn[:, :2, 2:4] = span(0.025, 0.05, (n, 1, 1))
    drawn[:, 2, 0] = 0
    return Scene(
        minutes=minutes, turn=(quarter + rng.normal(0, 0.004, n)) % 1, tilt=span(0, 0.02, n),
        roll=rng.normal(0, 0.004, n), distance=2 * focal / half, focal=focal,
        centre=rng.normal(0, 0.015, (n, 2)), dial=_dials(rng, plain),
        surface=rng.integers(2, len(ANY_SURFACES), n),
        surface_map=surface_maps(rng, n, span(2, 8, n)),
        rim=np.stack([np.ones(n), 1 + rim, np.zeros(n), np.zeros(n)], -1),
        square=(span(0, 1, n) < 0.08).astype(float),
        hands=np.where(stout, drawn, hands), slip=_slip(rng, n, 0.02), second=span(0, 1, n),
        hub=_hub(rng, greys[:, 0], 0.4),
        greys=greys,
        shading=spans(rng, n, (0, 0.3), (0, 0.3), (0, 0.15), (0.8, 1.8)),
        light=directions(rng, n, span(0.2, 1, n)), glow=glare(rng, n, half, 0.15),
        exposure=np.stack([span(0.85, 1.1, n), rng.normal(0, 0.02, n), np.zeros(n)], -1),
        noise=span(0, 0.03, n), grain=rng.integers(0, 1 << 30, n),
    )  # fmt: skip


def _flat(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """A drawing: a small disc with a mark at the 12 somewhere on a grey ground."""
    n, span = len(minutes), rng.uniform
    half, focal = span(0.54, 0.9, n), np.full(n, 2.0)
    face, ground = span(0.05, 1, n), span(0, 1, n)
    greys = np.stack([face, _apart(rng, face, 0.15), span(0, 0.25, n), np.zeros(n), ground], -1)
    hands = _hands(rng, n, face, 0.028)
    hands[:, :, 1] *= 0.3
    hands[:, 2, 0] = 0
    hands[:, 0, 4] = hands[:, 1, 4] = _apart(rng, face, 0.08)
    room = np.maximum(0.51 - 0.5 * half, 0)
    return Scene(
        minutes=minutes, turn=rng.normal(0, 0.003, n) % 1, tilt=np.zeros(n), roll=np.zeros(n),
        distance=2 * focal / half, focal=focal, centre=span(-1, 1, (n, 2)) * room[:, None],
        dial=rng.integers(0, np.where(span(0, 1, n) < 0.8, _FLAT, _DIALS)),
        surface=np.full(n, len(ANY_SURFACES) - 1),
        surface_map=surface_maps(rng, n, np.full(n, 8.0)),
        rim=np.stack([np.full(n, 0.985), span(0.99, 1.03, n), np.zeros(n), np.zeros(n)], -1),
        square=np.zeros(n), hands=hands, slip=np.zeros(n), second=np.zeros(n),
        hub=np.stack([span(0.03, 0.06, n), span(0, 0.2, n)], -1), greys=greys,
        shading=spans(rng, n, (0, 0), (0, 0), (0, 0), (0.7, 1.5)),
        light=directions(rng, n, np.full(n, 0.01)), glow=np.zeros((n, 5, 4)),
        exposure=np.stack([np.ones(n), np.zeros(n), np.zeros(n)], -1),
        noise=span(0, 0.01, n), grain=rng.integers(0, 1 << 30, n),
    )  # fmt: skip


def _icon(rng: np.random.Generator, minutes: np.ndarray) -> Scene:
    """A bold drawing: broad hands, a broad frame, often nothing on the dial; the hour hand only
    points about where it should."""
    n, span = len(minutes), rng.uniform
    frame = span(0, 0.4, n) * (span(0, 1, n) < 0.75) + 0.01
    outer, focal = span(0.6, 1.06, n), np.full(n, 2.0)
    half = outer / (1 + frame)
    greys = _greys(rng, n, 0.5)
    greys[:, 2] = span(0, 1, n)
    return Scene(
        minutes=minutes, turn=rng.normal(0, 0.002, n) % 1, tilt=np.zeros(n), roll=np.zeros(n),
        distance=2 * focal / half, focal=focal,
        centre=span(-1, 1, (n, 2)) * np.maximum(0.51 - 0.5 * outer, 0)[:, None],
        dial=_dials(rng, span(0, 1, n) < 0.7), surface=np.full(n, len(ANY_SURFACES) - 1),
        surface_map=surface_maps(rng, n, np.full(n, 8.0)),
        rim=np.stack([np.ones(n), 1 + frame, np.zeros(n), np.zeros(n)], -1),
        square=(span(0, 1, n) < 0.15).astype(float), hands=_bold_hands(rng, n, greys[:, 0]),
        slip=_slip(rng, n, 0.035), second=span(0, 1, n), hub=_hub(rng, greys[:, 0], 0.5),
        greys=greys, shading=spans(rng, n, (0, 0.2), (0, 0.3), (0, 0.3), (0.7, 1.8)),
        light=directions(rng, n, span(0.1, 1, n)), glow=glare(rng, n, half, 0.1),
        exposure=np.stack([np.ones(n), np.zeros(n), np.zeros(n)], -1),
        noise=span(0, 0.01, n), grain=rng.integers(0, 1 << 30, n),
    )  # fmt: skip


def _bold_hands(rng: np.random.Generator, n: int, face: np.ndarray) -> np.ndarray:
    """Broad hour and minute hands, often in two greys, that taper or widen; seldom a third."""
    span = rng.uniform
    minute = span(0.5, 0.95, n)
    hour = minute * span(0.45, 0.85, n)
    tail = span(0, 0.2, n) * (span(0, 1, n) < 0.4)
    width, taper = span(0.02, 0.085, n), np.where(span(0, 1, n) < 0.6, 1, span(0.1, 1.7, n))
    stout = width * span(0.9, 1.5, n)
    grey = _apart(rng, face, 0.35)
    other = np.where(span(0, 1, n) < 0.7, grey, _apart(rng, face, 0.25))
    third, thin = span(0.6, 1, n) * (span(0, 1, n) < 0.3), span(0.008, 0.025, n)
    return np.stack([
        np.stack([hour, tail, stout, stout * taper, other], -1),
        np.stack([minute, tail, width, width * taper, grey], -1),
        np.stack([third, span(0, 0.3, n), thin, thin, _apart(rng, face, 0.2)], -1),
    ], 1)  # fmt: skip
