"""Standard output and error of any kind: any encoding, closed, a full disk, or a pipe whose reader
has ended. Printing never stops a command."""

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
    """A stream that accepts all text and drops it after the first failure.

    Attributes:
        failure: the error that ended writing, if any.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.failure: OSError | None = None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=REPLACE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it if writing fails."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """Flush the buffer, or drop its content if writing fails."""
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or error
        # the buffer must be emptied, or Python would report an error at exit
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    @property
    def broken(self) -> bool:
        """Whether it failed, except by a reader that has ended (`| head`)."""
        return self.failure is not None and self.failure.errno != errno.EPIPE


@contextmanager
def streams() -> Iterator[Stream]:
    """Make standard output and error safe to print to; return standard output."""
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
    """Open file descriptors 0, 1 and 2, so that no later file (the store) receives printed text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)  # workers inherit them


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")
