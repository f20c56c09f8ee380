"""Standard output and standard error as they are met: of any encoding, closed, full, or a pipe that
nobody reads to its end. No command has to care: what it prints is never what stops it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from assay.core.text import REPLACE

__all__ = ["Stream", "streams"]


class Stream:
    """A stream that takes everything and, from its first failure on, drops it.

    Attributes:
        failure: why it could not be written, if so.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.failure: OSError | None = None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=REPLACE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it where nothing can be written."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """Write what is still held back, or drop it."""
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or error
        # what is held back must go somewhere, or Python would complain of it at its exit
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    @property
    def broken(self) -> bool:
        """Whether it failed for another reason than a reader who has read enough (`| head`)."""
        return self.failure is not None and self.failure.errno != errno.EPIPE


@contextmanager
def streams() -> Iterator[Stream]:
    """Make standard output and error safe to print to, and give the first."""
    _open_closed()
    out, err = sys.stdout, sys.stderr
    made = Stream(out or _nowhere())
    sys.stdout, sys.stderr = made, Stream(err or _nowhere())  # type: ignore[assignment]
    try:
        yield made
    finally:
        for stream in (made, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = out, err


def _open_closed() -> None:
    """Occupy the numbers 0, 1 and 2, lest the next file (the store) get what is printed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)  # workers are met with the same


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")
