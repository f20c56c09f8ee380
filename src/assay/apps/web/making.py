"""Reports on demand, written by the command line in a separate process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assay.apps.web.pages import Site
from assay.core.errors import StoreError

__all__ = ["make_report"]

LONGEST = 600
"""Time limit in seconds."""


def make_report(study: str, site: Site, folder: Path) -> Path:
    """Write the report of a study into a folder.

    Raises:
        StoreError: it cannot be written; with the output of the command.
    """
    file = folder / "report.html"
    command = [sys.executable, "-m", "assay", "report", study, "--report", str(file)]
    command += ["--store", str(site.store)]
    command += ["--data", str(site.data_dir)] if site.data_dir else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise StoreError(f"the report of {study} took more than {LONGEST} seconds") from None
    if not file.is_file():
        raise StoreError(done.stderr.strip() or f"the report of {study} could not be made")
    return file
