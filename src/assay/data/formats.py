"""File formats: IDX (MNIST's own) and pictures, read with every defect named."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from assay.core.errors import DataError

__all__ = ["read_idx"]

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read a (gzipped) IDX file of unsigned bytes.

    Args:
        path: the file; gzipped when its name ends in ".gz".
        dimensions: 3 for images (n, height, width), 1 for labels (n,).

    Returns:
        uint8 with the shape that the header states.

    Raises:
        DataError: when the file is truncated, damaged, of another kind, or longer or shorter than
            its header says.

    References:
        Y. LeCun, C. Cortes and C. Burges, "The MNIST database", section "FILE FORMATS".
    """
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            magic = int.from_bytes(_exactly(stream, 4, path), "big")
            expected = _UNSIGNED_BYTE << 8 | dimensions
            if magic != expected:
                raise DataError(f"{path}: wrong magic number {magic}, expected {expected}")
            shape = tuple(
                int.from_bytes(_exactly(stream, 4, path), "big") for _ in range(dimensions)
            )
            # one byte more than promised, so that a longer file shows without being read whole
            content = stream.read(math.prod(shape) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or truncated gzip file ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) != math.prod(shape):
        size = "more" if len(content) > math.prod(shape) else f"only {len(content):,}"
        raise DataError(f"{path}: header promises {math.prod(shape):,} bytes {shape}, found {size}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _exactly(stream, count: int, path: Path) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise DataError(f"{path}: ends inside its header")
    return found
