"""What every picture of a style shares: dials, surfaces to lie on and noise, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from assay.core.seeds import stream
from assay.subjects.clocks.render.dials import DialDesign, draw_dial

__all__ = ["Textures", "make_textures"]

SURFACE = 1024
"""Pixels across a surface."""

PACKED = 1 << 14
"""The unit of `Textures.packed`: brightness up to 4, in steps far below one grey level."""

_NOISE = 1 << 21
_PLANKS = 4


@dataclass(frozen=True)
class Textures:
    """Textures on one device.

    Attributes:
        dials: (designs, 1, TEXTURE, TEXTURE), share of ink.
        surfaces: (surfaces * SURFACE * SURFACE,), brightness about 1.
        bank: normal noise.
    """

    dials: Tensor
    surfaces: Tensor
    bank: Tensor

    @cached_property
    def packed(self) -> np.ndarray:
        """The surfaces, (surfaces, SURFACE, SURFACE), as uint16 parts of 1 / PACKED.

        Twice as many neighbours share a line of the cache.
        """
        parts = (self.surfaces.numpy() * PACKED).round().clip(0, 2**16 - 1)
        return parts.astype(np.uint16).reshape(-1, SURFACE, SURFACE)

    def dial(self, numbers: np.ndarray) -> Tensor:
        """The dials of n pictures, (n, 1, TEXTURE, TEXTURE)."""
        return self.dials.index_select(0, torch.from_numpy(numbers).to(self.dials.device))

    def surface(self, numbers: np.ndarray, place: Tensor) -> Tensor:
        """Brightness (n, pixels) of surfaces at places (n, 2, pixels), repeated beyond [0, 1]."""
        cells = (place * SURFACE).to(torch.int32).bitwise_and_(SURFACE - 1)
        first = torch.from_numpy(numbers.astype(np.int32) * SURFACE**2).to(place.device)
        index = (cells[:, 1] * SURFACE).add_(cells[:, 0]).add_(first[:, None])
        return self.surfaces.index_select(0, index.view(-1)).view(
            index.shape
        )  # [] is 10 times slower

    def noise(self, first: np.ndarray, pixels: int) -> Tensor:
        """Standard normal noise (n, pixels), from given places of the bank on."""
        return torch.stack([self.bank[int(i) : int(i) + pixels] for i in first % (_NOISE - pixels)])


def make_textures(designs: Sequence[DialDesign], surfaces: Sequence[str], device: str) -> Textures:
    """Draw the textures of a style; the same for the same arguments, wherever.

    Args:
        surfaces: "planks", "wall" or "even" for each.
    """
    return _make(tuple(designs), tuple(surfaces), device)


@lru_cache(maxsize=4)
def _make(designs: tuple[DialDesign, ...], surfaces: tuple[str, ...], device: str) -> Textures:
    rng = stream(0, "clock textures")
    dials = np.stack([draw_dial(design) for design in designs])[:, None]
    ground = [_SURFACES[kind](rng) for kind in surfaces]
    bank = rng.standard_normal(_NOISE, np.float32)
    return Textures(
        torch.from_numpy(dials).to(device),
        torch.from_numpy(np.stack(ground).astype(np.float32).reshape(-1)).to(device),
        torch.from_numpy(bank).to(device),
    )


def _planks(rng: np.random.Generator) -> np.ndarray:
    """Boards side by side along y, with grain along them and dark gaps; repeats without a seam."""
    found = np.empty((SURFACE, SURFACE), np.float32)
    width = SURFACE // _PLANKS
    for plank in range(_PLANKS):
        tone = rng.uniform(0.85, 1.15)
        fine = _streaks(rng, width, 1.6, 45)
        broad = _streaks(rng, width, 6.0, 120)
        board = tone * (1 + 0.16 * fine + 0.12 * broad)
        edge = np.minimum(np.arange(width), np.arange(width)[::-1])
        gap = np.clip(edge / (0.03 * width), 0.22, 1)
        found[:, plank * width : (plank + 1) * width] = board * gap
    return found


def _streaks(rng: np.random.Generator, width: int, across: float, along: float) -> np.ndarray:
    """Normal noise, smoothed more along y than across; (SURFACE, width), standard deviation 1."""
    noise = np.fft.rfft2(rng.standard_normal((SURFACE, width)))
    fy, fx = np.fft.fftfreq(SURFACE)[:, None], np.fft.rfftfreq(width)[None]
    noise *= np.exp(-2 * np.pi**2 * ((fx * across) ** 2 + (fy * along) ** 2))
    found = np.fft.irfft2(noise, (SURFACE, width))
    return (found / found.std()).astype(np.float32)


def _wall(rng: np.random.Generator) -> np.ndarray:
    """A wall: one brightness with faint marks, of a size that differs."""
    return 1 + rng.uniform(0, 0.25) * _streaks(rng, SURFACE, *rng.uniform(1, 60, 2))


_SURFACES = {
    "planks": _planks,
    "wall": _wall,
    "even": lambda rng: np.ones((SURFACE, SURFACE), np.float32),
}
