"""The estimate: several initial guesses are annealed, and the one with the best energy is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt

import numpy as np

from assay.core.errors import ConfigError, DataError
from assay.core.seeds import stream
from assay.data.pictures import counted
from assay.subjects.unscrambling.solver.annealing import anneal, energy, temperature
from assay.subjects.unscrambling.solver.embedding import layout, neighbour_graph, on_grid
from assay.subjects.unscrambling.solver.similarity import (
    informative,
    partial_correlation,
    standardised,
)

__all__ = ["CONTRAST", "Restoration", "unscramble"]

RIDGE = 0.01
"""Ridge of the similarities in annealing; initial guesses use others as well."""

_GUESSES = ((0.03, 0.05), (0.01, 0.05), (0.1, 0.05), (0.01, 0.1))
STARTS = (*_GUESSES, *_GUESSES[:2], *_GUESSES[:2], *_GUESSES[:2])
"""(ridge, share of edges pruned) of the initial guesses, in order; each is annealed with its own
random numbers, so that the best ones are repeated."""

CONTRAST = 1.5
"""Minimum energy relative to shuffled pixels for spatial structure."""

STEPS_A_PIXEL = 80_000
ROLL_SHARE = 0.2
ROLL_HEAT = 0.4
"""Annealing after a roll: its steps and its starting temperature, as shares of a full one's."""

ROLLS = ((1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (-2, 0), (0, 2), (0, -2))
"""Rows down and columns right."""

AT_ONCE = 2
"""Number of starts, or rolls, tried at the same time, on any number of cores."""

SAME = 1e-5
"""Two starts agree if their energies differ by less than this fraction."""

LEAST = 9
"""Minimum number of varying pixels."""

Report = Callable[[float, str], None]
"""Called with the fraction done, 0 to 1, and the current step."""


@dataclass(frozen=True)
class Restoration:
    """The estimated position of every pixel.

    Attributes:
        cells: int64 (pixels,), the cell (row * width + column) of each pixel of the input.
        known: bool (pixels,), whether the pixel varies; the others fill the remaining cells
            arbitrarily.
        shape: (height, width).
        energy: sum of partial correlations over touching cells.
        energies: of every start that was annealed.
        null_energy: energy after annealing if each pixel's values are shuffled over the images.
        seconds: elapsed time.
    """

    cells: np.ndarray
    known: np.ndarray
    shape: tuple[int, int]
    energy: float
    energies: tuple[float, ...]
    null_energy: float
    seconds: float

    @property
    def order(self) -> np.ndarray:
        """int64 (pixels,): the restored vector is x[order]."""
        return np.argsort(self.cells)

    @property
    def contrast(self) -> float:
        """Energy relative to that of shuffled pixels; about 1 without structure."""
        return self.energy / max(self.null_energy, 1e-12)

    @property
    def found(self) -> bool:
        """Whether there is spatial structure."""
        return self.contrast >= CONTRAST

    @property
    def agreeing(self) -> int:
        """How many of the starts ended at the best energy."""
        return sum(e >= self.energy * (1 - SAME) for e in self.energies)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Put vectors (images, pixels) or images (images, height, width, channels) in order."""
        flat = x.reshape(len(x), len(self.cells), -1)
        return np.ascontiguousarray(flat[:, self.order]).reshape(x.shape)


def unscramble(
    x: np.ndarray,
    shape: tuple[int, int] | None = None,
    seed: int = 0,
    effort: float = 1.0,
    on_progress: Report = lambda share, doing: None,
) -> Restoration:
    """Estimate the position of every pixel from images whose pixels were all permuted alike.

    Args:
        x: (images, pixels), (images, pixels, channels) or (images, height, width, channels);
            uint8, or any numbers.
        shape: (height, width); the square when the number of pixels is one.
        seed: equal seeds give equal estimates.
        effort: share of the usual annealing steps; less is faster and worse.
        on_progress: called with the progress.

    Raises:
        ConfigError: the shape does not fit.
        DataError: the array cannot be images, or hardly a pixel varies.

    References:
        N. Le Roux et al., "Learning the 2-D Topology of Images", NIPS 2007, asked the question.
    """
    began = time.perf_counter()
    vectors, shape = _vectors(x, shape)
    known = informative(vectors)
    if known.sum() < LEAST:
        raise DataError(
            f"too few pixels vary from image to image: {known.sum()} of {len(known)} in "
            f"{counted(len(x), 'image')}; expected at least {LEAST}"
        )
    on_progress(0.0, "similarities")
    z = standardised(vectors[:, known])
    p = partial_correlation(z, RIDGE)
    search = _Search(z, p, shape, seed, effort, on_progress)
    null = search.null()
    cells, energies = search.starts()
    cells = search.roll(cells)
    whole = _fill(cells, known, shape)
    on_progress(1.0, "done")
    seconds = time.perf_counter() - began
    return Restoration(whole, known, shape, energy(p, cells, shape), tuple(energies), null, seconds)


def _vectors(x: np.ndarray, shape: tuple[int, int] | None) -> tuple[np.ndarray, tuple[int, int]]:
    """Images as (images, pixels, channels) in 0..255, and the shape of the grid."""
    if x.ndim == 4 and x.size:
        shape = shape or (x.shape[1], x.shape[2])
        x = x.reshape(len(x), -1, x.shape[-1])
    if x.ndim not in (2, 3) or not x.size or not np.issubdtype(x.dtype, np.number):
        raise DataError(
            f"cannot unscramble an array {x.shape} of {x.dtype}; expected numbers (images, pixels) "
            "or (images, pixels, channels)"
        )
    x = x.reshape(len(x), x.shape[1], -1)
    pixels = x.shape[1]
    side = isqrt(pixels)
    if shape is None and side * side != pixels:
        raise ConfigError(
            f"{pixels} pixels do not form a square; give the shape, e.g. --shape 28x28"
        )
    height, width = shape or (side, side)
    if height < 1 or width < 1 or height * width != pixels:
        raise ConfigError(f"shape {height}x{width} has {height * width} pixels, images {pixels}")
    if not np.isfinite(x).all():
        raise DataError("the images contain numbers that are not finite")
    if x.dtype != np.uint8:  # any scale: the root needs numbers >= 0, the threshold a range
        low, high = float(x.min()), float(x.max())
        x = (x - low) * (255 / max(high - low, 1e-12))
    return x, (height, width)


def _fill(cells: np.ndarray, known: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return cells for all pixels; constant ones get the remaining cells, in order."""
    whole = np.empty(len(known), np.int64)
    whole[known] = cells
    left = np.setdiff1d(np.arange(shape[0] * shape[1]), cells)
    whole[~known] = left
    return whole


class _Search:
    """Starts, restarts and rolls over one set of similarities.

    Annealing releases the GIL, so that several run in parallel; their number is fixed, so that the
    result does not depend on the number of cores.
    """

    def __init__(
        self,
        z: np.ndarray,
        p: np.ndarray,
        shape: tuple[int, int],
        seed: int,
        effort: float,
        report: Report,
    ):
        self.z, self.p, self.shape, self.seed, self.report = z, p, shape, seed, report
        self.hot = temperature(p)
        self.steps = int(effort * STEPS_A_PIXEL * len(p))
        self.done = 0.0

    def _anneal(
        self, p: np.ndarray, cells: np.ndarray, share: float, hot: float, name: str
    ) -> tuple[float, np.ndarray]:
        """Energy and cells after annealing with the random numbers called `name`."""
        own = int(stream(self.seed, "anneal", name).integers(2**62))
        found = anneal(p, cells, self.shape, int(share * self.steps), own, hot)
        self.done += share
        self.report(min(0.95, self.done / (len(STARTS) + 3 * len(ROLLS) * ROLL_SHARE)), name)
        return energy(p, found, self.shape), found

    def null(self) -> float:
        """Return the energy that annealing reaches for independent pixels."""
        rng = stream(self.seed, "null")
        shuffled = np.empty_like(self.z)
        for i in range(self.z.shape[1]):
            shuffled[:, i] = self.z[rng.permutation(len(self.z)), i]
        p = partial_correlation(shuffled, RIDGE)
        cells = rng.permutation(self.shape[0] * self.shape[1])[: len(p)]
        return self._anneal(p, cells, ROLL_SHARE, temperature(p), "shuffled pixels")[0]

    def _start(self, number: int) -> tuple[float, np.ndarray]:
        """One first guess, annealed."""
        ridge, prune = STARTS[number]
        guess = self.p if ridge == RIDGE else partial_correlation(self.z, ridge)
        cells = on_grid(layout(neighbour_graph(guess, prune)), self.shape)
        return self._anneal(self.p, cells, 1.0, self.hot, f"start {number + 1}")

    def starts(self) -> tuple[np.ndarray, list[float]]:
        """Return the best of several annealed initial guesses; two that agree are sufficient."""
        found: list[tuple[float, np.ndarray]] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for first in range(0, len(STARTS), AT_ONCE):
                found += pool.map(self._start, range(len(STARTS))[first : first + AT_ONCE])
                top = sorted(score for score, _ in found)[-2:]
                if top[0] >= top[1] * (1 - SAME):
                    break
        best = max(found, key=lambda pair: pair[0])[1]
        return best, [score for score, _ in found]

    def roll(self, cells: np.ndarray) -> np.ndarray:
        """Roll the grid by a row or two and anneal again, as long as that helps: it repairs a
        border that landed on the wrong side."""
        best, score, turn = cells, energy(self.p, cells, self.shape), 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while True:
                turn += 1
                tries = [(best, move, turn) for move in ROLLS]
                found, where = max(pool.map(self._rolled, tries), key=lambda pair: pair[0])
                if found <= score * (1 + 1e-6):
                    return best
                best, score = where, found

    def _rolled(self, given: tuple[np.ndarray, tuple[int, int], int]) -> tuple[float, np.ndarray]:
        cells, (down, right), turn = given
        rows, columns = np.divmod(cells, self.shape[1])
        rows, columns = (rows + down) % self.shape[0], (columns + right) % self.shape[1]
        name = f"border {down} {right}, turn {turn}"
        tried = rows * self.shape[1] + columns
        return self._anneal(self.p, tried, ROLL_SHARE, ROLL_HEAT * self.hot, name)
