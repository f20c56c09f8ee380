"""The versions that must be equal on all machines that train a study."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assay.core.machine import own_version

__all__ = ["differences", "versions"]

LIBRARIES = ("numpy", "scipy", "numba", "torch", "keras", "tensorflow", "tensorflow-cpu", "jax")
"""Libraries that compute results."""


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version(), "assay": own_version(), "source": _source()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return tuple(found.items())


def versions() -> dict[str, str]:
    """Return the versions of Python and assay, a digest of its source, and those of LIBRARIES."""
    return dict(_versions())


def _source() -> str:
    """Return a digest of all of assay's Python files, 12 hexadecimal digits."""
    root = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        total.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:12]


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Describe differences; "" for none. An optional library that is missing on one side is
    ignored, because the engine that needs it reports this."""
    node = platform.node()
    wrong = [
        f"{name} {found[name]} instead of {own}"
        for name, own in expected.items()
        if name in found and found[name] != own
    ]
    if not wrong:
        return ""
    return f"{node} has {', '.join(wrong)}; install the same versions on every machine"
