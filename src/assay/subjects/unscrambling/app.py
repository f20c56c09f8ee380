"""The work of `assay unscramble`: an estimate, files and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import DataError
from assay.core.files import written_whole
from assay.data.pictures import printable

if TYPE_CHECKING:
    import numpy as np

    from assay.data.dataset import Dataset
    from assay.subjects.unscrambling.solver import Restoration
    from assay.subjects.unscrambling.truth import Quality

__all__ = ["FILES", "Unscrambled", "read_vectors", "truth_of", "write_files"]

FILES = ("permutation.npy", "restored.npy", "images.png", "grid.gif")
"""Files that are written, the last one only if the true order is known."""

SHOWN = 8
"""Number of images in the picture."""


@dataclass(frozen=True)
class Unscrambled:
    """Permuted images and the estimate.

    Attributes:
        images: uint8 or float (n, height, width, channels), as given.
        dataset: their dataset, if it is in the catalog.
    """

    images: np.ndarray
    restoration: Restoration
    dataset: Dataset | None = None


def read_vectors(path: Path) -> np.ndarray:
    """Read a user's own array; raises DataError if it is not a numeric array."""
    from assay.core.array_file import map_array

    try:
        return map_array(path)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise DataError(
            f"cannot read {printable(path)} as a .npy array of numbers: {said}"
        ) from None


def truth_of(found: Unscrambled) -> Quality | None:
    """Evaluate the estimate, if the true order is known."""
    import numpy as np

    from assay.subjects.unscrambling.truth import quality

    if found.dataset is None or found.dataset.permutation is None:
        return None
    flat = found.images.reshape(len(found.images), len(found.restoration.cells), -1)
    deviation = flat.astype(np.float32).std(0).max(-1)
    truth = found.dataset.permutation
    return quality(found.restoration.cells, truth, deviation, found.restoration.shape)


def write_files(found: Unscrambled, folder: Path) -> list[Path]:
    """Write the estimate, the restored images, a picture and an animation; returns the files."""
    import numpy as np

    from assay.reports.pixel_grid import animation

    folder.mkdir(parents=True, exist_ok=True)
    r = found.restoration
    writers = [
        lambda p: _save(p, r.order),
        lambda p: _save(p, r.apply(np.asarray(found.images))),
        lambda p: _picture(found).save(p, "PNG"),
    ]
    if found.dataset is not None and found.dataset.permutation is not None:
        truth = found.dataset.permutation
        writers.append(lambda p: p.write_bytes(animation(truth, r.cells, r.shape)))
    written = []
    for name, write in zip(FILES, writers, strict=False):
        path = folder / name
        try:
            with written_whole(path) as part:
                write(part)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror or error}") from error
        written.append(path)
    return written


def _save(path: Path, array: np.ndarray) -> None:
    import numpy as np

    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _picture(found: Unscrambled) -> Any:
    """Rows of images: plain (where known), permuted, restored."""
    import numpy as np

    r = found.restoration
    given = np.asarray(found.images[:SHOWN])
    given = given.reshape(len(given), *r.shape, -1)
    rows = [given, r.apply(given)]
    if found.dataset is not None:
        from assay.data import restore

        if found.dataset.permutation is not None:
            rows.insert(0, restore(given, found.dataset.permutation))
    return _tile(rows)


def _tile(rows: list[np.ndarray], scale: int = 3, gap: int = 2) -> Any:
    """Rows of images as one picture with gaps, each pixel `scale` wide."""
    import numpy as np
    from PIL import Image

    count, height, width = rows[0].shape[:3]
    canvas = np.full(
        (len(rows) * (height * scale + gap) + gap, count * (width * scale + gap) + gap, 3),
        255,
        np.uint8,
    )
    for i, row in enumerate(rows):
        low, high = float(row.min()), float(row.max())
        if row.dtype != np.uint8:
            row = ((row - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
        for j, image in enumerate(row):
            colour = image if image.shape[-1] == 3 else np.repeat(image[..., :1], 3, -1)
            large = colour.repeat(scale, 0).repeat(scale, 1)
            top, left = gap + i * (height * scale + gap), gap + j * (width * scale + gap)
            canvas[top : top + height * scale, left : left + width * scale] = large
    return Image.fromarray(canvas)
