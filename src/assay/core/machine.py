"""What machine this is, for provenance: enough to judge a time by, nothing personal."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cpu_features", "cpu_name", "machine", "memory_bytes", "own_version"]

MEMORY_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Where Linux says what a container may use (control groups, version 2 and 1)."""

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
def cpu_features() -> frozenset[str]:
    """Features that the processor names itself ("avx2", ...); empty where nothing says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


@functools.cache
def memory_bytes() -> int | None:
    """Memory that this process may use: of the machine, or of its container; None if unknown."""
    sizes = [_limit(Path(path)) for path in MEMORY_LIMITS]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((size for size in sizes if size), default=None)


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not in such a container, or "max"
        return None


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
