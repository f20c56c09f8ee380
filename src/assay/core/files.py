"""Opening what a user names: only a regular file, which begins at once and comes to an end."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

__all__ = ["open_file"]


def open_file(path: str | Path) -> BufferedReader:
    """Open a regular file to be read.

    A named pipe would be waited for, and a device may never end, so both are refused.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(0, "it is not a regular file")
    return stream


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
