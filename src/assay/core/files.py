"""Files: opening those that a user names, and atomic writing."""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

__all__ = [
    "make_folder",
    "open_file",
    "part_of",
    "read_text",
    "delete",
    "write_synced",
    "write_whole",
    "written_whole",
]


def open_file(path: str | Path) -> BufferedReader:
    """Open a regular file for reading.

    Named pipes, which could block, and devices, which may never end, are refused.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(0, "it is not a regular file")
    return stream


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """Return the text of a regular file.

    Raises:
        OSError: its `strerror` says why: it cannot be opened, or is not a regular file or no text.
    """
    try:
        with io.TextIOWrapper(open_file(path), encoding=encoding) as stream:
            return stream.read()
    except UnicodeDecodeError:
        raise OSError(0, "it is not UTF-8 text") from None


def part_of(path: Path, ending: str = "") -> Path:
    """Return the temporary name under which this process writes `path`.

    Args:
        ending: ending of the temporary name, for writers that choose a format by it.
    """
    return path.with_name(f".{path.name}.{os.getpid()}.tmp{ending}")


@contextmanager
def written_whole(path: Path, ending: str = "") -> Iterator[Path]:
    """Yield a temporary name to write to; at the end of the block, that file replaces `path`.

    Missing folders are created. If the block fails, the temporary file is removed and `path` is
    unchanged.

    Args:
        ending: see `part_of`.
    """
    part = part_of(path, ending)
    try:
        make_folder(path.parent)
        yield part
        part.replace(path)
    except OSError as error:
        if error.filename in (None, str(part)):  # nobody knows the temporary name
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            part.unlink()


def make_folder(folder: Path) -> None:
    """Create a folder and those above it.

    Raises:
        OSError: one cannot be created; the error says if it is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        name = next((p for p in (folder, *folder.parents) if p.exists()), folder)
        raise type(error)(error.errno, f"{name} is a file, not a folder", str(name)) from None


def delete(path: Path) -> None:
    """Delete a file, or a folder with all that is in it; nothing if there is none.

    Raises:
        OSError: it cannot be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and sync it to disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically and sync it to disk."""
    with written_whole(path) as part:
        write_synced(part, content)
