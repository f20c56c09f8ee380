"""Designs: which combinations of levels become trials, and which trials are compared."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.config import Entry
from assay.core.errors import ConfigError
from assay.core.options import REQUIRED, integer
from assay.core.seeds import stream
from assay.studies.factors import Factor, Level
from assay.studies.settings import SECTIONS

__all__ = [
    "DESIGNS",
    "MAX_RUNS",
    "MAX_TRIALS",
    "RANDOM",
    "Cell",
    "Design",
    "cells",
    "check_runs",
    "read_design",
]

MAX_TRIALS = 10_000
MAX_RUNS = 100_000
DESIGNS = ("one_at_a_time", "full_factorial", "random")
RANDOM = integer(
    REQUIRED, low=2, high=MAX_TRIALS, help="Number of trials of a random design.", example=40
)

Cell = tuple[Level | None, ...]
"""One level of each factor, in order; None for the baseline's own value."""


@dataclass(frozen=True)
class Design:
    """How trials are made: "one_at_a_time", "full_factorial", "random" or "trials"."""

    name: str
    count: int = 0


def read_design(entry: Entry) -> Design:
    """Read a design's name, or {random: number of trials}."""
    if isinstance(entry.value, dict):
        given = entry.keys("design", ("random",))
        if "random" not in given:
            raise entry.error("a design must be a name or {random: number of trials}")
        return Design("random", RANDOM.read(given["random"]))
    name = entry.choice("design", DESIGNS)
    if name == "random":
        raise entry.error("a random design needs its number of trials: {random: 40}")
    return Design(name)


def cells(design: Design, factors: Sequence[Factor], seed: int, entry: Entry) -> list[Cell]:
    """List the trials of a design.

    one_at_a_time: the baseline, then each level of each factor. full_factorial: every combination.
    random: `design.count` different combinations, drawn by `seed`.

    Raises:
        ConfigError: at `entry`, if there are too many or too few combinations.
    """
    if design.name == "one_at_a_time":
        base: Cell = (None,) * len(factors)
        varied = (
            (*base[:i], level, *base[i + 1 :])
            for i, factor in enumerate(factors)
            for level in factor.levels
        )
        return [base, *varied]
    sizes = [len(f.levels) for f in factors]
    total = math.prod(sizes)
    if design.name == "random":
        if design.count > total:
            said = f"random: {design.count}, but there are only {total} combinations"
            raise entry.error(f"{said}; use full_factorial")
        chosen = _sample(total, design.count, seed)
        picks = [np.unravel_index(c, sizes) for c in chosen]
        return [tuple(f.levels[int(i)] for f, i in zip(factors, p, strict=True)) for p in picks]
    if total > MAX_TRIALS:
        said = f"full_factorial has {total:,} combinations, more than {MAX_TRIALS:,}"
        raise entry.error(f"{said}; use {{random: 100}}")
    return list(itertools.product(*(f.levels for f in factors)))


def check_runs(trials: int, repeats: int) -> None:
    """Raise ConfigError for more runs than can be planned."""
    if trials * repeats > MAX_RUNS:
        said = f"{trials:,} trials, {repeats:,} times each"
        raise ConfigError(f"{said}, are more than {MAX_RUNS:,} runs")


def _sample(total: int, count: int, seed: int) -> list[int]:
    """Return different numbers below `total`, sorted, so that trials are in a readable order."""
    rng = stream(seed, "design")
    chosen: set[int] = set()
    while len(chosen) < count:
        chosen.update(int(n) for n in rng.integers(total, size=count - len(chosen)))
    return sorted(chosen)


def trial_label(levels: dict[str, str], names: Sequence[str]) -> str:
    """Name a trial by some of its levels: "activation = tanh", "mnist, MLP, permuted"."""
    last = Counter(name.rsplit(".", 1)[-1] for name in names)
    parts = []
    for name, label in levels.items():
        short = name.rsplit(".", 1)[-1]
        path = "." in name and name.split(".", 1)[0] in SECTIONS
        parts.append(f"{short if last[short] == 1 else name} = {label}" if path else label)
    return ", ".join(parts)
