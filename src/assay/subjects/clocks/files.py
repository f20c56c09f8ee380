"""Rendered clocks as files in the format of the course, with a contact sheet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from assay.apps.sheets import contact_sheet
from assay.core.errors import ConfigError, StoreError
from assay.core.files import written_whole

__all__ = ["write_clocks"]

BLOCK = 720
SHEET = 48

FILES = ("images.npy", "labels.npy", "angles.npy", "sheet.png")

MOST, LARGEST = 1_000_000, 2048
"""Maximum number of clocks, and of pixels along a side."""


def write_clocks(
    folder: str | Path,
    n: int = 18_000,
    style: str = "course",
    size: int = 150,
    seed: int = 0,
    device: str = "cpu",
    on_progress: Callable[[float, str], None] = lambda share, doing: None,
) -> float:
    """Draw `n` clocks, all 720 times equally often and in order, and write

    - images.npy: uint8 (n, size, size);
    - labels.npy: uint8 (n, 2), hour 0..11 and minute 0..59;
    - angles.npy: float32 (n, 3), directions of the 12, the minute hand and the hour hand on the
      dial, in turns clockwise from what is up in the picture;
    - sheet.png: a contact sheet.

    Args:
        n, size: their number, and width in pixels.
        style, seed, device: see `assay.subjects.clocks.render.render`.
        on_progress: called with the fraction done.

    Returns:
        Elapsed seconds.

    Raises:
        ConfigError: an unknown style, an invalid number or size, or the folder has such files that
            were not drawn.
        StoreError: the folder cannot be written; no image file is left half-written.
    """
    import numpy as np
    from numpy.lib.format import open_memmap

    from assay.data.storage import save_array
    from assay.subjects.clocks.render import draw_scene, make_scene, targets_of

    _check_numbers(n, size)
    _check_folder(folder := Path(folder))
    began = time.monotonic()
    minutes = np.sort(np.arange(n) % 720)
    scene = make_scene(minutes, style, seed, ("files",))
    targets = targets_of(scene)
    try:
        with written_whole(folder / "images.npy") as part:
            _check_room(folder, n * size * size)
            # first, because it says whose files these are
            save_array(folder / "angles.npy", targets[:, 2:])
            images = open_memmap(part, "w+", np.uint8, (n, size, size))
            for start in range(0, n, BLOCK):
                rows = slice(start, start + BLOCK)
                images[rows] = draw_scene(scene[rows], style, size, device)
                on_progress(min(start + BLOCK, n) / n, "drawing")
            images.flush()
            some = np.random.default_rng(seed).choice(n, min(n, SHEET), replace=False)
            with written_whole(folder / "sheet.png") as sheet:
                contact_sheet(images[some]).save(sheet, "PNG")
        save_array(folder / "labels.npy", targets[:, :2].astype(np.uint8))
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}") from error
    return time.monotonic() - began


def _check_numbers(n: int, size: int) -> None:
    if not (1 <= n <= MOST and 8 <= size <= LARGEST):
        expected = f"--n from 1 to {MOST:,} and --size from 8 to {LARGEST:,}"
        raise ConfigError(f"expected {expected}, got {n} and {size}")


def _check_folder(folder: Path) -> None:
    """Keep files of the user's own: only clocks that were drawn have their angles beside them."""
    there = [name for name in FILES if (folder / name).exists()]
    if there and "angles.npy" not in there:
        said = f"would overwrite {there[0]}, which assay did not draw; choose another folder"
        raise ConfigError(f"--out {folder}: {said}")


def _check_room(folder: Path, needed: int) -> None:
    if (room := shutil.disk_usage(folder).free) < needed:
        said = f"{needed:,} bytes are needed, {room:,} are free"
        raise StoreError(f"cannot write {folder}: {said}")
