"""Contact sheets: many pictures in a grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.errors import DataError
from assay.core.files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from assay.data.dataset import Dataset

__all__ = ["contact_sheet", "example_images", "write_sheet"]

COLUMNS = 10
ROWS = 20
SIDE = 64
"""Pictures with shorter sides are enlarged."""


def contact_sheet(images: np.ndarray, columns: int = 8) -> Image:
    """Images, uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3), arranged as one picture."""
    from PIL import Image

    height, width = images.shape[1:3]
    rows = -(-len(images) // columns)
    mode = "RGB" if images.shape[3:] == (3,) else "L"
    size = (columns * (width + 2) - 2, rows * (height + 2) - 2)
    sheet = Image.new(mode, size, "white")
    for i, image in enumerate(images):
        down, right = divmod(i, columns)
        plain = image if mode == "RGB" else image.reshape(height, width)
        sheet.paste(Image.fromarray(plain), (right * (width + 2), down * (height + 2)))
    return sheet


def example_images(dataset: Dataset) -> np.ndarray:
    """Return training images for a sheet, uint8 (n, h, w, c): a row for each class, or any images
    without classes. A row with too few images ends in white."""
    import numpy as np

    from assay.data.arrays import displayable

    split, classes = dataset.train, len(dataset.class_names)
    if not classes:
        rows = [np.arange(min(len(split), COLUMNS * COLUMNS))]
    else:
        rows = [np.flatnonzero(split.targets == number)[:COLUMNS] for number in range(classes)]
    blocks = []
    for row in rows[:ROWS]:
        shown = displayable(split.images[row])
        count = -(-len(row) // COLUMNS or -1) * COLUMNS
        block = np.full((count, *shown.shape[1:]), 255, np.uint8)
        block[: len(row)] = shown
        blocks.append(block)
    images = np.concatenate(blocks)
    times = max(1, -(-SIDE // max(images.shape[1:3])))
    return images.repeat(times, axis=1).repeat(times, axis=2)


def write_sheet(dataset: Dataset, path: Path) -> None:
    """Write a PNG of some training images, atomically.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        with written_whole(path) as part:
            contact_sheet(example_images(dataset), COLUMNS).save(part, "PNG")
    except OSError as error:
        said = error.strerror or error
        raise DataError(f"{path}: the contact sheet cannot be written ({said})") from error
