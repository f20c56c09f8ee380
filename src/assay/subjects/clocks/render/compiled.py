"""Pixels of a scene on a CPU: what `shade` does for a batch, compiled, one row after the other.

PyTorch passes about eighty times over maps that do not fit into a cache. Here a row stays in the
first-level cache, and hidden parts are not drawn: no ground under the clock, no dial outside its
rim. A test compares both. `straight` explains rays, planes, circles and edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numba import njit

from assay.subjects.clocks.render.camera import rays
from assay.subjects.clocks.render.scene import Scene
from assay.subjects.clocks.render.straight import circles, edges, planes
from assay.subjects.clocks.render.textures import PACKED, Textures

__all__ = ["paint"]

# Python's numbers would make everything float64, which halves the speed
ZERO, HALF, ONE, TWO = (np.float32(x) for x in (0, 0.5, 1, 2))

part = njit(fastmath=True, error_model="numpy", inline="always")


P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on the first call, cached for later processes if possible."""
    options: Any = {"fastmath": True, "error_model": "numpy", "nogil": True}
    try:
        return njit(**options, cache=True)(function)
    except RuntimeError:
        return njit(**options)(function)


def paint(scene: Scene, textures: Textures, size: int) -> np.ndarray:
    """Draw: uint8 (n, size, size)."""
    soft = scene.focal * size / scene.distance / scene.shading[:, 3]  # pixels per radius
    flat = planes(scene)
    place = (np.arange(size) + 0.5) / size
    width = np.maximum(scene.glow[..., 2:3], 1e-3)
    right, down = (_bell((place - scene.glow[..., i, None]) / width) for i in (0, 1))
    arrays = (
        rays(scene, size),
        np.concatenate([*circles(scene).values()], 1),
        np.concatenate([flat[name] for name in _PLANES if name in flat], 1),
        edges(scene, soft),
        scene.hands[..., 4],
        right,
        down * scene.glow[..., 3:],
    )
    found = np.empty((len(scene), size, size), np.uint8)
    order = np.lexsort([scene.dial, scene.surface])  # its data are still in the cache
    shared = textures.dials.numpy()[:, 0], textures.packed, textures.bank.numpy()
    exact = [np.ascontiguousarray(array, np.float32) for array in arrays]
    _paint(found, order, _numbers(scene, soft), shared, *exact)
    return found


def _bell(x: np.ndarray) -> np.ndarray:
    """exp(-x^2), 0 where products of two would be denormal, with which processors are slow."""
    return np.where(abs(x) < 5, np.exp(-(x**2)), 0)


_PLANES = ("ground", "lit", "painted", "low", "dial", "top")


def _numbers(scene: Scene, soft: np.ndarray) -> np.ndarray:
    """Plain numbers of each picture, (n,) records; see `Scene` for most of them."""
    columns: dict[str, Any] = {
        "dial": scene.dial, "surface": scene.surface, "grain": scene.grain,
        "soft": soft, "square": scene.square, "noise": scene.noise,
        "dark": -0.45 * np.minimum(20 * scene.rim[:, 3], 1),  # at the foot of the rim
    }  # fmt: skip
    for names, of in (
        ("inner outer", scene.rim),
        ("paper ink metal crown ground", scene.greys),
        ("change under_rim under_hands", scene.shading),
        ("hub cap", scene.hub),
        ("gain offset vignette", scene.exposure),
    ):
        columns |= {name: of[:, i] for i, name in enumerate(names.split())}
    whole = ("dial", "surface", "grain")
    columns["ground"] = columns["ground"] / PACKED
    found = np.empty(len(scene), [(n, np.int64 if n in whole else np.float32) for n in columns])
    for name, column in columns.items():
        found[name] = column
    return found


@part
def _clip(x):  # type: ignore[no-untyped-def]
    return min(max(x, ZERO), ONE)


@part
def _mix(a, b, share):  # type: ignore[no-untyped-def]
    return a + share * (b - a)


@part
def _on(plane, x, y):  # type: ignore[no-untyped-def]
    return plane[0] * x + plane[1] * y + plane[2]


@part
def _far(circle, x, y):  # type: ignore[no-untyped-def]
    squared = circle[0] * x + circle[1] * y + circle[2] + circle[3] * (x * x + y * y)
    return np.sqrt(max(squared, ZERO))


@part
def _three(rows, i):  # type: ignore[no-untyped-def]
    return rows[i, 0], rows[i, 1], rows[i, 2]


@part
def _four(rows, i):  # type: ignore[no-untyped-def]
    return rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]


@compiled
def _paint(  # type: ignore[no-untyped-def]
    found, order, numbers, shared, looks, rounds, flats, hands, greys, right, down
):
    """All pictures. Names of rows: x, y rays; foot, crown how far out on these planes; lit towards
    the light; clock, dial how much of a pixel is inside the rim, inside the dial."""
    size = found.shape[1]
    dials, surfaces, bank = shared
    pixels = np.int64(size * size)
    rows = np.zeros((11, size), np.float32)  # to unpack it would make strided rows, which are slow
    x, y, foot, crown, lit, clock = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    dial, face, row, spare, deep = rows[6], rows[7], rows[8], rows[9], rows[10]
    for i in order:
        one, look, round_, flat, hand, grey = (
            numbers[i], looks[i], rounds[i], flats[i], hands[i], greys[i]
        )  # fmt: skip
        surface, texture = surfaces[one.surface], dials[one.dial]
        noise = bank[one.grain % (len(bank) - pixels) :]
        across, along = right[i], down[i]
        for j in range(size):
            _look(look, np.float32(j) + HALF, x, y)
            _frame(one, round_, flat, x, y, foot, crown, lit, clock, dial)
            _ground(one, flat, surface, x, y, foot, clock, row)
            _rim(one, crown, lit, clock, row)
            first, last = _inside(dial)
            if first < last:
                _face(one, round_, flat, texture, first, last, x, y, lit, face)
                _hands(one, round_, hand, grey, first, last, x, y, spare, deep, face)
                for k in range(first, last):
                    row[k] = _mix(row[k], face[k], dial[k])
            _develop(one, across, along, j, noise, row, spare, found[i, j])


@compiled
def _look(look, j, x, y):  # type: ignore[no-untyped-def]
    """Where each pixel of a row looks."""
    a, b, c = _three(look, 0), _three(look, 1), _three(look, 2)
    for k in range(len(x)):
        i = np.float32(k) + HALF
        over = ONE / _on(c, i, j)
        x[k] = _on(a, i, j) * over
        y[k] = _on(b, i, j) * over


@compiled
def _frame(one, rounds, flat, x, y, foot, crown, lit, clock, dial):  # type: ignore[no-untyped-def]
    """What is inside what."""
    soft, inner, outer, wider = one.soft, one.inner, one.outer, np.float32(1.03)
    low, middle, top, light = _four(rounds, 0), _four(rounds, 1), _four(rounds, 2), _three(flat, 2)
    for k in range(len(x)):
        foot[k], dial[k], crown[k] = (
            _far(low, x[k], y[k]), _far(middle, x[k], y[k]), _far(top, x[k], y[k])
        )  # fmt: skip
        lit[k] = _on(light, x[k], y[k])
    if one.square > ZERO:
        _square(one.square, flat[5:7], x, y, foot)
        _square(one.square, flat[7:9], x, y, dial)
        _square(one.square, flat[9:11], x, y, crown)
    for k in range(len(x)):
        clock[k] = _clip((outer - min(foot[k], crown[k])) * soft + HALF)
        dial[k] = _clip(min(inner - dial[k], wider * inner - crown[k]) * soft + HALF)


@compiled
def _square(square, flat, x, y, far):  # type: ignore[no-untyped-def]
    """Distances of a square frame: the larger of both coordinates."""
    a, b = _three(flat, 0), _three(flat, 1)
    for k in range(len(x)):
        far[k] = _mix(far[k], max(abs(_on(a, x[k], y[k])), abs(_on(b, x[k], y[k]))), square)


@compiled
def _inside(dial):  # type: ignore[no-untyped-def]
    """First and last pixel of a row that is part of the dial, which has no dents."""
    first, last = 0, len(dial)
    while first < last and dial[first] <= ZERO:
        first += 1
    while first < last and dial[last - 1] <= ZERO:
        last -= 1
    return first, last


@compiled
def _ground(one, flat, surface, x, y, foot, clock, row):  # type: ignore[no-untyped-def]
    """The ground below the clock, darker at the foot of its rim."""
    a, b, five = _three(flat, 0), _three(flat, 1), np.float32(5)
    across, mask = np.float32(len(surface)), np.int32(len(surface) - 1)
    outer, dark, ground = one.outer, one.dark, one.ground
    for k in range(len(row)):
        if clock[k] < ONE:
            right = np.int32(_on(a, x[k], y[k]) * across) & mask
            down = np.int32(_on(b, x[k], y[k]) * across) & mask
            near = _clip(ONE - five * (foot[k] - outer))
            brightness = np.float32(surface[np.uint64(down), np.uint64(right)]) * ground
            row[k] = brightness * (ONE + dark * near)


@compiled
def _rim(one, crown, lit, clock, row):  # type: ignore[no-untyped-def]
    """The frame: lighter on its crown and towards the light."""
    middle, half = (one.inner + one.outer) * HALF, (one.outer - one.inner) * HALF
    metal, crowned, slant = one.metal, one.crown, np.float32(0.35)
    for k in range(len(row)):
        out = (crown[k] - middle) / half
        rim = (metal + crowned * _clip(ONE - out * out)) * (ONE + slant * lit[k])
        row[k] = rim if clock[k] >= ONE else _mix(row[k], rim, clock[k])


@compiled
def _face(one, rounds, flat, texture, first, last, x, y, lit, face):  # type: ignore[no-untyped-def]
    """The dial with its ink, and the shadow of the rim."""
    a, b, shadow = _three(flat, 3), _three(flat, 4), _four(rounds, 3)
    side, eight = np.float32(len(texture)), np.float32(8)
    half, most = side * HALF, side - np.float32(1.001)
    texels, wide = texture.ravel(), np.int32(len(texture))
    under, next_ = np.uint64(len(texture)), np.uint64(1)
    paper, change, deep = one.paper, one.change, one.under_rim
    dark, near = one.ink - paper, one.inner - np.float32(0.06)
    for k in range(first, last):
        # between four texels; beyond the edge, within one texel, the ink ends
        right, down = (
            (_on(a, x[k], y[k]) + ONE) * half - HALF,
            (_on(b, x[k], y[k]) + ONE) * half - HALF,
        )
        ends = _clip(right + ONE) * _clip(side - right) * _clip(down + ONE) * _clip(side - down)
        right, down = min(max(right, ZERO), most), min(max(down, ZERO), most)
        i, j = np.int32(right), np.int32(down)
        across, along = right - np.float32(i), down - np.float32(j)
        at = np.uint64(j * wide + i)
        upper = _mix(texels[at], texels[at + next_], across)
        lower = _mix(texels[at + under], texels[at + under + next_], across)
        face[k] = _mix(upper, lower, along) * ends
    for k in range(first, last):
        shade = ONE - deep * _clip((_far(shadow, x[k], y[k]) - near) * eight)
        face[k] = (paper + face[k] * dark) * (ONE + change * lit[k]) * shade


@compiled
def _hands(  # type: ignore[no-untyped-def]
    one, rounds, hands, greys, first, last, x, y, cover, deepest, face
):
    """Shadows of the hands, the hands, and their hub."""
    count, under = len(greys), one.under_hands
    for k in range(first, last):
        deepest[k] = ZERO
    for i in range(count):
        _quad(hands, 4 * (count + i), first, last, x, y, cover)
        for k in range(first, last):
            deepest[k] = max(deepest[k], cover[k])
    for k in range(first, last):
        face[k] *= ONE - under * deepest[k]
    for i in range(count):
        _quad(hands, 4 * i, first, last, x, y, cover)
        grey = greys[i]
        for k in range(first, last):
            face[k] = _mix(face[k], grey, cover[k])
    if one.hub > ZERO:
        middle, hub, soft, grey = _four(rounds, 1), one.hub, one.soft, one.cap
        for k in range(first, last):
            cap = _clip((hub - _far(middle, x[k], y[k])) * soft + HALF)
            face[k] = _mix(face[k], grey, cap)


@compiled
def _quad(sides, i, first, last, x, y, cover):  # type: ignore[no-untyped-def]
    """How much of each pixel is within four sides, the i-th and its followers."""
    a, b, c, d = (
        _three(sides, i), _three(sides, i + 1), _three(sides, i + 2), _three(sides, i + 3)
    )  # fmt: skip
    for k in range(first, last):
        wide = min(_on(a, x[k], y[k]), _on(b, x[k], y[k]))
        cover[k] = _clip(min(wide, min(_on(c, x[k], y[k]), _on(d, x[k], y[k]))))


@compiled
def _develop(one, right, down, j, noise, row, glow, found):  # type: ignore[no-untyped-def]
    """Glare, vignette, exposure and noise; then bytes."""
    size, white, begin = len(row), np.float32(255), j * len(row)
    step = TWO / np.float32(size)
    height = (np.float32(j) + HALF) * step - ONE
    glow[:] = ZERO
    for s in range(len(right)):
        strength = down[s, j]
        for k in range(size):
            glow[k] += strength * right[s, k]
    gain, offset, vignette, noisy = one.gain, one.offset, one.vignette, one.noise
    for k in range(size):
        grey = ONE - (ONE - row[k]) * (ONE - _clip(glow[k]))
        wide = (np.float32(k) + HALF) * step - ONE
        grey = grey * (gain - vignette * (wide * wide + height * height)) + offset
        grey += noise[begin + k] * noisy
        found[k] = np.uint8(min(max(grey * white + HALF, ZERO), white))
