"""Starts `assay serve` for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(store: Path, *more: str, said: list[str] | None = None) -> Iterator[str]:
    """Run `assay serve` on a free port; yields its address. It must end in time when it is asked.

    Args:
        said: given all that it has printed, at the end.
    """
    command = [sys.executable, "-m", "assay", "serve", "--store", str(store), "--port", "0", *more]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            text = ""
            while not (found := re.search(r"open\s+(http://\S+)", text)):
                line = process.stdout.readline()
                assert line, f"the server ended: {text}"
                text += line
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
                if said is not None:
                    said.append(text + process.stdout.read())
            finally:
                process.kill()
