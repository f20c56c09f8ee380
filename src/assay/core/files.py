"""Files: opening what a user names, and writing so that a file is whole or not there at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

__all__ = ["open_file", "part_of", "write_synced", "write_whole", "written_whole"]


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


def part_of(path: Path, ending: str = "") -> Path:
    """The name under which this process writes `path` until it is whole.

    Args:
        ending: what the name must end in, for writers that choose a format by it.
    """
    return path.with_name(f".{path.name}.{os.getpid()}.tmp{ending}")


@contextmanager
def written_whole(path: Path, ending: str = "") -> Iterator[Path]:
    """Give a name to write to; when the block ends, that file takes the place of `path`.

    Folders on the way are made. When the block fails, what it wrote is removed and what was at
    `path` stays as it was.

    Args:
        ending: see `part_of`.
    """
    part = part_of(path, ending)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and wait until the disk has it."""
    with written_whole(path) as part:
        write_synced(part, content)
