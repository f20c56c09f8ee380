"""What machine this is, for provenance: enough to judge a time by, nothing personal."""

from __future__ import annotations

import functools
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cpu_name", "machine", "own_version"]

DISTRIBUTIONS = ("assay-lab", "assay")
"""Names under which assay may be installed: its own, and the one before it."""


def own_version() -> str:
    """The version of assay, or "0+unknown" where its source runs without being installed."""
    for name in DISTRIBUTIONS:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "0+unknown"


@functools.cache
def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def machine() -> dict[str, str | int]:
    """Processor, cores, system and versions."""
    return {
        "assay": own_version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
    }
