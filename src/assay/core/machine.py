"""The machine, for provenance: enough to interpret times, nothing personal."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cpu_features", "cpu_name", "machine", "memory_bytes", "own_version", "source"]

CPU_FILE = Path("/proc/cpuinfo")
"""What Linux says of the processor."""

MEMORY_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Files with the memory limit of a container on Linux (control groups, version 2 and 1)."""

TELLING = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "i8mm")
"""Features of processors that determine the speed and formats of matrix products."""

DISTRIBUTIONS = ("assay-lab", "assay")
"""Names under which assay may be installed: its present and its former one."""


def own_version() -> str:
    """The version of assay, or "0+unknown" if it is not installed."""
    for name in DISTRIBUTIONS:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "0+unknown"


@functools.cache
def cpu_name() -> str:
    """Return the processor's name as reported by the system."""
    try:
        for line in CPU_FILE.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def cpu_features() -> frozenset[str]:
    """Return the features that the processor reports ("avx2", ...); empty if unknown."""
    try:
        lines = CPU_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line for line in lines if line.startswith(("flags", "Features")))  # x86, ARM
    return frozenset(next(named, "").split())


@functools.cache
def memory_bytes() -> int | None:
    """Return the memory limit of this process, by machine or container; None if unknown."""
    sizes = [_limit(Path(path)) for path in MEMORY_LIMITS]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((size for size in sizes if size), default=None)


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such container, or "max"
        return None


@functools.cache
def source() -> dict[str, str | bool]:
    """Return the version of the code: a digest of its files and, in a clone, the commit and whether
    its files have uncommitted changes ("dirty")."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    said: dict[str, str | bool] = {"source": digest.hexdigest()[:16]}
    clone = package.parents[1]
    if (clone / ".git").exists() and (clone / "pyproject.toml").exists():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            said["commit"] = _git(clone, "rev-parse", "HEAD")
            changed = _git(clone, "status", "--porcelain", "--untracked-files=no", "--", "src")
            said["dirty"] = bool(changed)
    return said


def _git(clone: Path, *command: str) -> str:
    done = subprocess.run(
        # a lock for a faster index would stand in the way of others, and stay after a timeout
        ["git", "--no-optional-locks", "-C", str(clone), *command],
        capture_output=True,
        text=True,
        timeout=5,
        check=True,
    )
    return done.stdout.strip()


@functools.cache
def machine() -> dict[str, str | int | bool | list[str]]:
    """Return processor, cores, system, library versions and version of the code."""
    return {
        "assay": own_version(),
        **source(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cpu_features": [name for name in TELLING if name in cpu_features()],
        "cores": os.cpu_count() or 1,
    }
