"""How fast this machine multiplies matrices, by the time of its cores and not of the clock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from assay.core.cores import physical_cores

__all__ = ["BUSY", "Speed", "busy_text", "measure_speed"]

BUSY = 0.2
"""From this share of the cores on, others slow down what is trained now."""


@dataclass(frozen=True)
class Speed:
    """Speed of all cores together on large float32 matrix products.

    Attributes:
        gflops: GFLOP/s if nothing else computes.
        busy: share of the cores that other programs had meanwhile, 0 to 1.
    """

    gflops: float
    busy: float


def measure_speed(seconds: float = 0.2, size: int = 512) -> Speed:
    """Measure products of two matrices of `size` on every core for about `seconds`.

    The time of a product is what its thread computed, and the best of many short ones counts, so
    that other programs on the machine change little.
    """
    from threadpoolctl import threadpool_limits

    cores = physical_cores()
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), np.float32) for _ in range(2))

    def measure(core: int) -> tuple[float, float, float]:
        best, began, spent = np.inf, time.perf_counter(), time.thread_time()
        while best == np.inf or time.perf_counter() < began + seconds:
            wall, own = time.perf_counter(), time.thread_time()
            a @ b
            wall, own = time.perf_counter() - wall, time.thread_time() - own
            best = min(best, own or wall)  # some systems count in steps of 16 ms
        return best, time.thread_time() - spent, time.perf_counter() - began

    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        found = list(pool.map(measure, range(cores)))
    best, own, wall = (np.array(column) for column in zip(*found, strict=True))
    busy = 1 - float(own.sum() / max(wall.sum(), 1e-9))
    return Speed(float((2 * size**3 / best).sum()) / 1e9, min(max(busy, 0.0), 1.0))


def busy_text(busy: float) -> str:
    """Say that others compute on this machine, as the end of a sentence; "" if they do not."""
    if busy < BUSY:
        return ""
    return (
        f"; the machine is busy: other programs have {100 * busy:.0f} % of its cores now, so it "
        "takes longer until they end"
    )
