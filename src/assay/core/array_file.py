"""Reading arrays from .npy and .npz files without trusting their headers.

Only numbers, booleans and, on request, text are read, never Python objects. Memory is allocated
only after the shape in the header has been checked against the size of the file.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from assay.core.files import open_file

__all__ = ["MOST", "array_names", "map_array", "read_arrays", "read_into"]

MOST = 256 << 20
"""Maximum size in bytes of an array in a compressed file."""

_LONGEST = 10_000
"""Maximum size of a header in bytes, as in NumPy."""

_DIMENSIONS = 32
_CHUNK = 1 << 20

_ITEM = (
    r"""['"]descr['"]\s*:\s*['"](?P<type>[<>|=]?(?:b1|[iu][1248]|f[248]|[US][1-9]\d{0,6}))['"]"""
    r"""|['"]fortran_order['"]\s*:\s*(?P<fortran>True|False)"""
    r"""|['"]shape['"]\s*:\s*\((?P<shape>(?:\d{1,19}L?(?:,\s*|(?=\))))*)\)"""
)
_HEADER = re.compile(rf"\{{\s*(?:(?:{_ITEM})\s*(?:,\s*)?)+\}}\s*")


class _Header(NamedTuple):
    """The content of a .npy header, and the offset of the data."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    offset: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def map_array(path: str | Path, text: bool = False) -> np.ndarray:
    """Map a .npy file into memory, read-only.

    Args:
        text: also accept an array of text.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or not an array of numbers.
    """
    with open_file(path) as stream:
        header = _read_header(stream, os.fstat(stream.fileno()).st_size, text)
        if not header.bytes:
            return np.empty(header.shape, header.dtype)
        order = "F" if header.fortran else "C"
        return np.memmap(stream, header.dtype, "r", header.offset, header.shape, order)


def array_names(path: str | Path) -> list[str]:
    """The names of the arrays in a .npz file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged.
    """
    try:
        with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, struct.error, EOFError, OverflowError) as error:
        raise ValueError(str(error) or "it ends too early") from error
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def read_arrays(
    path: str | Path, *names: str, most: int = MOST, text: bool = False
) -> list[np.ndarray]:
    """Read the named arrays of a .npz file.

    Args:
        most: maximum size of an array in bytes.
        text: also accept arrays of text.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or an array is missing, too large or not numeric.
    """
    try:
        with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
            return [_read_member(archive, name, most, text) for name in names]
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError) as error:
        raise ValueError(str(error) or "it ends too early") from error
    except OverflowError as error:  # an offset too large for its number format
        raise ValueError(str(error)) from error


def read_into(stream: IO[bytes] | io.BufferedIOBase, array: np.ndarray) -> int:
    """Fill a contiguous array from a stream, piece by piece; return the number of bytes read."""
    room, found = array.reshape(-1).view(np.uint8), 0
    while found < len(room):
        piece = stream.read(min(_CHUNK, len(room) - found))
        if not piece:
            break
        room[found : found + len(piece)] = np.frombuffer(piece, np.uint8)
        found += len(piece)
    return found


def _read_member(archive: zipfile.ZipFile, name: str, most: int, text: bool) -> np.ndarray:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise ValueError(f"it has no array {name!r}") from None
    # other methods may need gigabytes of memory to unpack anything
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"array {name!r} is compressed by method {info.compress_type}")
    with archive.open(info) as stream:
        header = _read_header(stream, info.file_size, text)
        if header.bytes > most:
            raise ValueError(
                f"array {name!r} has {header.bytes:,} bytes, at most {most:,} are read"
            )
        flat = np.empty(math.prod(header.shape), header.dtype)
        # zipfile compares the checksum in the read after the last byte
        if read_into(stream, flat) != header.bytes or stream.read(1):
            raise ValueError(f"array {name!r} is truncated")
    if header.fortran:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)


def _read_header(stream: IO[bytes] | io.BufferedIOBase, size: int, words: bool) -> _Header:
    """Read the header of a .npy file of `size` bytes; the data must fill the rest of it."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY":
        raise ValueError("it does not start like a .npy file")
    if start[6] not in (1, 2, 3):
        raise ValueError(f"version {start[6]}.{start[7]} of .npy is unknown")
    form = "<H" if start[6] == 1 else "<I"
    wide = struct.calcsize(form)
    length = int.from_bytes(stream.read(wide), "little")
    if length > _LONGEST:
        raise ValueError(f"its header has {length:,} bytes, at most {_LONGEST:,} are read")
    text = stream.read(length).decode("latin1")
    if len(text) != length:
        raise ValueError("it ends inside its header")
    said = _HEADER.fullmatch(text)
    whole = said is not None and None not in (said["type"], said["fortran"], said["shape"])
    if said is None or not whole or (not words and said["type"].lstrip("<>|=")[0] in "US"):
        raise ValueError(
            f"its header does not describe an array of numbers: {text.strip()[:120]!r}"
        )
    shape = tuple(int(side.rstrip("L")) for side in re.findall(r"\d+L?", said["shape"]))
    header = _Header(np.dtype(said["type"]), shape, said["fortran"] == "True", 8 + wide + length)
    # an empty array has no bytes but may have impossible dimensions
    if len(shape) > _DIMENSIONS or (not header.bytes and max(shape, default=0) > size):
        raise ValueError(f"no array has the shape {shape}")
    if header.bytes != size - header.offset:
        raise ValueError(
            f"its header says {header.dtype} {shape}, {header.bytes:,} bytes, but "
            f"{size - header.offset:,} follow"
        )
    return header
