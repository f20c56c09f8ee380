"""The versions that must be equal on all machines that train a study."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from assay.core.machine import own_version, source

__all__ = ["differences", "versions"]

LIBRARIES = ("numpy", "scipy", "numba", "torch", "keras", "tensorflow", "tensorflow-cpu", "jax")
"""Libraries that compute results."""


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    code = str(source()["source"])
    found = {"python": platform.python_version(), "assay": own_version(), "source": code}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return tuple(found.items())


def versions() -> dict[str, str]:
    """Return the versions of Python and assay, a digest of its source, and those of LIBRARIES."""
    return dict(_versions())


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
