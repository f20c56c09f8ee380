"""Pictures of any size and kind as arrays of one size; what is wrong with one is named."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "open_picture",
    "quiet_decoders",
    "read_picture",
    "read_pictures",
]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MAX_PIXELS = 64_000_000
"""A picture may unpack to a thousand times its file; more pixels than this are not read."""
_SHOWN = 5


def read_picture(
    path: Path, size: tuple[int, int], grayscale: bool
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read one picture and bring it to `size`.

    It is turned as its EXIF data say, put on white where it is transparent, and resized with
    Lanczos filtering. Of an animation the first frame counts.

    Args:
        path: the file.
        size: (height, width) wanted.
        grayscale: one channel instead of three.

    Returns:
        uint8 (height, width, 1 or 3), and the picture's own (height, width).

    Raises:
        DataError: naming the file, when it is unreadable or too large.
    """
    from PIL import Image

    plain = _open(path, "L" if grayscale else "RGB")
    own = (plain.height, plain.width)
    if own != size:
        plain = plain.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(plain).reshape(*size, -1), own


def open_picture(path: Path, grayscale: bool = False) -> np.ndarray:
    """Read one picture in its own size, uint8 (height, width, 1 or 3); see `read_picture`.

    Raises:
        DataError: naming the file, when it is not there, unreadable or too large.
    """
    with quiet_decoders():
        plain = _open(path, "L" if grayscale else "RGB")
    return np.asarray(plain).reshape(plain.height, plain.width, -1)


def _open(path: Path, mode: str) -> Image:
    """A picture of mode "L" or "RGB"; its size is looked at before anything is unpacked."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                raise DataError(f"{path}: {pixels:,} pixels, at most {MAX_PIXELS:,} are read")
            return _plain(ImageOps.exif_transpose(picture), mode)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path}: more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise DataError(f"{path}: unreadable picture ({error})") from error


def _plain(picture: Image, mode: str) -> Image:
    """Convert to `mode`: 16 bits to 8, transparent to white."""
    from PIL import Image

    if picture.mode.startswith("I"):
        values = np.clip(np.asarray(picture), 0, 65_535)
        picture = Image.fromarray((values // 257).astype(np.uint8))
    elif picture.mode == "F":
        raise ValueError("floating-point values have no range to map to 0..255")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert(mode)


def read_pictures(
    paths: Sequence[Path], size: tuple[int, int], grayscale: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Read many pictures, on several threads.

    Returns:
        Images uint8 (n, height, width, channels) in the order of `paths`, and their own
        (height, width), int64 (n, 2).

    Raises:
        DataError: naming the first few pictures that cannot be read, and how many there are.
    """
    images = np.empty((len(paths), *size, 1 if grayscale else 3), dtype=np.uint8)
    own = np.empty((len(paths), 2), dtype=np.int64)

    def read(index: int) -> str:
        try:
            images[index], own[index] = read_picture(paths[index], size, grayscale)
        except DataError as error:
            return str(error)
        return ""

    with quiet_decoders(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        failures = [text for text in pool.map(read, range(len(paths))) if text]
    if failures:
        more = f"\n  and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
        raise DataError("\n  ".join(failures[:_SHOWN]) + more)
    return images, own


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Make a decompression bomb an error and keep decoders' small talk from the terminal."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
