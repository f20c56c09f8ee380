"""File formats: IDX (used by MNIST) and concatenated pictures."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from assay.core.array_file import MOST, read_into
from assay.core.errors import DataError
from assay.core.files import open_file

__all__ = ["decode", "pieces", "read_idx"]

_UNSIGNED_BYTE = 0x08
_DEFLATED = 1032
"""Maximum ratio of unpacked to compressed size of a gzip file."""


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read a (gzipped) IDX file of unsigned bytes.

    Args:
        path: the file; gzipped if its name ends in ".gz".
        dimensions: 3 for images (n, height, width), 1 for labels (n,).

    Returns:
        uint8 with the shape in the header.

    Raises:
        DataError: the file is truncated, damaged, of another kind, too large, or does not match its
            header.

    References:
        Y. LeCun, C. Cortes and C. Burges, "The MNIST database", section "FILE FORMATS".
    """
    zipped = path.name.endswith(".gz")
    try:
        with open_file(path) as file, gzip.open(file) if zipped else file as stream:
            magic = int.from_bytes(_exactly(stream, 4, path), "big")
            expected = _UNSIGNED_BYTE << 8 | dimensions
            if magic != expected:
                raise DataError(f"{path}: wrong magic number {magic}, expected {expected}")
            shape = tuple(
                int.from_bytes(_exactly(stream, 4, path), "big") for _ in range(dimensions)
            )
            promised = math.prod(shape)
            said = f"{path}: header promises {promised:,} bytes {shape}"
            possible = path.stat().st_size * (_DEFLATED if zipped else 1)
            if promised > possible:
                raise DataError(f"{said}, found no more than {possible:,}")
            if promised > MOST:
                raise DataError(f"{said}, at most {MOST:,} are read")
            if 0 in shape:
                raise DataError(f"{said}, expected at least one")
            content = np.empty(shape, np.uint8)
            found = read_into(stream, content)
            if found < promised or stream.read(1):
                size = f"only {found:,}" if found < promised else "more"
                raise DataError(f"{said}, found {size}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or truncated gzip file ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return content


def _exactly(stream: IO[bytes] | io.BufferedIOBase, count: int, path: Path) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise DataError(f"{path}: ends inside its header")
    return found


def pieces(content: np.ndarray, offsets: np.ndarray, most: int) -> list[bytes]:
    """Split concatenated files.

    Args:
        content: their bytes, uint8 (bytes,).
        offsets: where each begins, and the end; whole numbers (files + 1,).
        most: maximum number of files.

    Raises:
        ValueError: the arrays are not of this form.
    """
    if content.ndim != 1 or content.dtype != np.uint8:
        raise ValueError(f"expected bytes, uint8 (n,), got {content.dtype} {content.shape}")
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
        raise ValueError(
            f"offsets must be whole numbers (files + 1,), got {offsets.dtype} {offsets.shape}"
        )
    if len(offsets) - 1 > most:
        raise ValueError(f"{len(offsets) - 1:,} files, at most {most:,} are read")
    edges = offsets.tolist()
    if edges[0] != 0 or edges[-1] != len(content) or any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"offsets must rise from 0 to the number of bytes, {len(content):,}")
    return [content[start:stop].tobytes() for start, stop in pairwise(edges)]


def decode(content: bytes, kind: str, width: int, most: int) -> np.ndarray:
    """Unpack a small picture in colour, uint8 (height, width, 3).

    Args:
        content: the picture's file.
        kind: its format, as Pillow calls it.
        width: pixels across.
        most: maximum height in pixels.

    Raises:
        ValueError: it is unreadable or of another size; the size is checked before unpacking.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width == width and picture.height <= most:
                return np.asarray(picture.convert("RGB"))
            found = f"{picture.width}x{picture.height} pixels"
    except Exception as error:  # decoders raise almost any exception on damaged input
        raise ValueError(str(error) or type(error).__name__) from error
    raise ValueError(f"{found}, expected a width of {width} and a height of at most {most}")
