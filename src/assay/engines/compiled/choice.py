"""Choice of the fastest program on this machine: measured once, then remembered.

A measurement is valid for a processor, its cores, the versions of libraries and networks of similar
size. It takes a second and loads PyTorch. The choice never changes a run's identity.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from math import log2
from pathlib import Path
from typing import Any

from assay.core.cores import physical_cores, waited
from assay.core.files import written_whole
from assay.core.machine import cpu_name, own_version
from assay.data.storage import cache_dir
from assay.engines.compiled.coverage import torch_version
from assay.engines.engine import Member, Resources

__all__ = ["COMPILED", "fastest", "known", "remembered", "remembered_product"]

COMPILED = "compiled"
BATCHED, ONEDNN = "PyTorch, batched product", "PyTorch, oneDNN"
BFLOAT16, ALL_THREADS = "PyTorch, bfloat16", "PyTorch, all threads"

MOST_WAITED = 0.05
"""Maximum fraction of a measurement during which other processes used the core."""

Rates = dict[str, float]
"""Images a second on one core, by program."""

_found: dict[str, Rates] = {}


def fastest(member: Member, resources: Resources) -> str:
    """Return the fastest program for networks like this member's, measured if unknown.

    Only programs with the study's precision are compared.
    """
    wish = str(member.config.get("precision", "auto"))
    wish = wish if resources.precision == "auto" else resources.precision
    rates = _rates(member, "float64" if wish == "float64" else "float32")
    if wish != "auto":
        rates = {name: rate for name, rate in rates.items() if name != BFLOAT16}
    return max(rates, key=lambda name: rates[name])


def remembered_product(member: Member) -> bool | None:
    """Whether oneDNN is faster than PyTorch's other products; None if not measured."""
    rates = _remembered().get(f"{_machine()}, {_size(member, 'float32')}", {})
    return rates[ONEDNN] > rates[BATCHED] if {ONEDNN, BATCHED} <= rates.keys() else None


def remembered(what: str, measure: Callable[[], Rates]) -> Rates:
    """Return the rates for networks of this size, by program; measured if unknown.

    Measurements disturbed by other programs are only used in this process.
    """
    key = f"{_machine()}, {what}"
    if rates := _remembered().get(key):
        return rates
    began, before = time.perf_counter(), waited()
    _found[key] = measure()
    if waited() - before <= MOST_WAITED * (time.perf_counter() - began):
        _keep({**_remembered(), key: _found[key]})
    return _found[key]


def known() -> dict[str, Rates]:
    """Return the measurements on this machine with these versions, by size of network."""
    start = f"{_machine()}, "
    return {k.removeprefix(start): r for k, r in _remembered().items() if k.startswith(start)}


def _rates(member: Member, precision: str) -> Rates:
    def measure() -> Rates:
        from assay.engines.compiled.measuring import measured

        return measured(member, precision)

    return remembered(_size(member, precision), measure)


def _size(member: Member, precision: str) -> str:
    """Return precision and size: multiply-adds rounded to a factor of 2, batches to 1.4."""
    macs = 4 ** round(log2(max(1, member.network.macs)) / 2)
    batch = 2 ** round(log2(member.training.batch_size))
    return f"{precision}, about {macs:,} multiply-adds, batch {batch:,}"


def _machine() -> str:
    try:
        numba = version("numba")
    except PackageNotFoundError:
        numba = "-"
    versions = f"assay {own_version()}, numba {numba}, torch {torch_version()}"
    return f"{cpu_name()}, {physical_cores()} cores, {versions}"


def _file() -> Path:
    return cache_dir() / "programs.json"


def _remembered() -> dict[str, Rates]:
    """Return measurements of this or an earlier process; empty if the file cannot be read."""
    with suppress(OSError, ValueError):
        read: Any = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(read, dict):
            sound = {k: r for k, r in read.items() if _sound(r)}
            return {**sound, **_found}
    return _found


def _sound(rates: Any) -> bool:
    return (
        isinstance(rates, dict)
        and len(rates) > 0
        and all(isinstance(rate, (int, float)) for rate in rates.values())
    )


def _keep(rates: dict[str, Rates]) -> None:
    """Write the file atomically."""
    with suppress(OSError), written_whole(_file()) as part:
        part.write_text(json.dumps(rates, indent=1) + "\n", encoding="utf-8")
