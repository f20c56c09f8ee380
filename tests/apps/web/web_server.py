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
def serving(store: Path, *more: str) -> Iterator[str]:
    """Run `assay serve` on a free port; yields its address."""
    command = [sys.executable, "-m", "assay", "serve", "--store", str(store), "--port", "0", *more]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            said = ""
            while not (found := re.search(r"open\s+(http://\S+)", said)):
                line = process.stdout.readline()
                assert line, f"the server ended: {said}"
                said += line
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            finally:
                process.kill()
