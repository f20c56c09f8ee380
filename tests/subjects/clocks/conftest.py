"""Clocks drawn with a few lines of NumPy, to train on in seconds."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.seeds import stream
from assay.data.catalog import ENTRIES, DatasetEntry, Raw, Survey
from assay.data.dataset import Fresh, Split


def draw(minutes: np.ndarray, turns: np.ndarray, size: int = 45) -> np.ndarray:
    """Dark hands and a dot at the 12 on a light dial, uint8 (n, size, size, 1)."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = (g.astype(np.float32)[None] for g in np.meshgrid(line, line))
    ink = np.zeros((len(minutes), size, size), np.float32)
    hands = [
        (turns, 0.82, 0.92, 0.09),
        (turns + minutes / 60, -0.1, 0.75, 0.04),
        (turns + minutes / 720, -0.1, 0.45, 0.075),
    ]
    for turn, start, stop, width in hands:
        angle = (2 * np.pi * turn).astype(np.float32)[:, None, None]
        along = x * np.sin(angle) - y * np.cos(angle)
        across = x * np.cos(angle) + y * np.sin(angle)
        beyond = along - along.clip(start, stop)
        ink = np.maximum(ink, (width - np.hypot(beyond, across)) * size / 2 + 0.5)
    dial = np.where(np.hypot(x, y) < 0.97, 215, 130)
    return (dial * (1 - ink.clip(0, 1)) + 30 * ink.clip(0, 1)).astype(np.uint8)[..., None]


def clocks(count: int, *name: str | int, angles: bool = True) -> Split:
    """Clocks of all times, turned at random; the directions in the picture are known."""
    rng = stream(0, "sketched", *name)
    minutes, turns = rng.integers(0, 720, count), rng.random(count)
    columns = [minutes // 60, minutes % 60]
    if angles:
        columns += [turns, (turns + minutes / 60) % 1, (turns + minutes / 720) % 1]
    return Split(draw(minutes, turns), np.stack(columns, -1).astype(np.float32))


@functools.cache
def parts(angles: bool) -> tuple[Split, Split]:
    """Training and test part, drawn once for all tests: it takes a tenth of a second."""
    return clocks(2400, "train", angles=angles), clocks(600, "test", angles=angles)


@dataclass(frozen=True)
class Sketched(DatasetEntry):
    """The dataset of such clocks."""

    def survey(self, spec: Mapping[str, Any], data_dir: Path | None = None) -> Survey:
        return Survey((45, 45, 1), (), 2400, 600)

    def read(self, spec: Mapping[str, Any], data_dir: Path | None = None) -> Raw:
        return Raw(*parts(bool(spec["angles"])), ())

    def fresh(self, spec: Mapping[str, Any], count: int) -> Fresh | None:
        if not spec["fresh"]:
            return None
        return lambda epoch: clocks(count, "fresh", epoch, angles=bool(spec["angles"]))

    def strata(self, targets: np.ndarray) -> np.ndarray:
        return (60 * targets[:, 0] + targets[:, 1]).astype(int) // 60


SKETCHED = Sketched(
    "sketched-clocks",
    "clocks of three lines",
    "none",
    "none",
    train=2400,
    test=600,
    options={"fresh": False, "angles": True},
)


@pytest.fixture
def sketched() -> Iterator[str]:
    """Name of a dataset of small drawn clocks, in the catalog for the time of a test."""
    ENTRIES.add(SKETCHED.name)(SKETCHED)
    yield SKETCHED.name
    del ENTRIES._entries[SKETCHED.name]
