"""`assay doctor`: the hardware, versions, folders and datasets that assay finds."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator

from assay.apps.cli import console
from assay.apps.cli.options import Json, PlaceName, Places
from assay.core.errors import AssayError, MissingExtraError
from assay.core.machine import cpu_features, memory_bytes

__all__ = ["doctor"]

LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "matplotlib", "pandas")
MATRIX_UNITS = {  # flag of the CPU -> what it provides
    "avx2": "AVX2 (float32)",
    "avx512f": "AVX-512 (float32)",
    "avx512_bf16": "AVX-512 BF16 (bfloat16)",
    "amx_bf16": "AMX (bfloat16 tiles)",
}


def doctor(
    *, on: PlaceName | None = None, json: Json = False, places: Places | None = None
) -> None:
    """Show the hardware, versions, folders and datasets that assay finds.

    Args:
        on: Connect to this place instead (ray:auto, ray://HOST:PORT, slurm) and list its nodes.
    """
    places = places or Places()
    if on:
        from assay.apps.cli.nodes import show_nodes

        show_nodes(on, places, json)
        return
    found = {
        "machine": _machine(),
        **dict(_engines()),
        "measured speed": _programs(),
        "versions": _versions(),
        "folders": _folders(places),
        "datasets": _datasets(places),
    }
    if json:
        console.json(found)
        return
    for title, pairs in found.items():
        console.heading(title)
        console.fields(pairs)


def _machine() -> dict[str, object]:
    from assay.core.machine import cpu_name

    flags = cpu_features()
    units = [text for flag, text in MATRIX_UNITS.items() if flag in flags]
    return {
        "system": platform.platform(),
        "processor": cpu_name(),
        "cores": _cores(),
        "matrix units": ", ".join(units) if flags else "not known on this system",
        "memory": _memory(),
    }


def _cores() -> str:
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return str(total) if usable == total else f"{usable} of {total} available"


def _memory() -> str:
    size = memory_bytes()
    return "not known on this system" if size is None else f"{size / 2**30:.1f} GiB"


def _engines() -> Iterator[tuple[str, dict[str, object]]]:
    from assay.engines.engine import ENGINES, Resources

    for name in ENGINES:
        try:
            said = ENGINES[name]().describe(Resources())
        except MissingExtraError as error:
            said = {"state": f"not installed: {error}"}
        except AssayError as error:
            said = {"error": error}
        shown = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in said.items()}
        yield f"engine {name}", {k: v for k, v in shown.items() if k != "engine"}


def _programs() -> dict[str, object]:
    """Measured speed of each program by size of network, in images a second on one core."""
    from assay.engines.compiled.choice import known

    shown: dict[str, object] = {}
    for size, rates in known().items():
        order = sorted(rates, key=lambda name: -rates[name])
        shown[size] = ", ".join(f"{name} {rates[name]:,.0f} images/s" for name in order)
    return shown or {
        "fastest program": "not measured yet; the first study with such a network measures it"
    }


def _versions() -> dict[str, object]:
    from importlib.metadata import PackageNotFoundError, version

    from assay.core.machine import own_version

    found: dict[str, object] = {"python": sys.version.split()[0], "assay": own_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _folders(places: Places) -> dict[str, object]:
    store = places.store_path.absolute()
    existing = next(p for p in (store, *store.parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    return {
        "store": f"{store}{'' if store.exists() else ' (not there yet)'}",
        "free disk": f"{free:.1f} GiB",
        "data": places.data_path or "not set; use --data or ASSAY_DATA",
    }


def _datasets(places: Places) -> dict[str, object]:
    from assay.apps.cli.data import whereabouts
    from assay.data import entries

    return {entry.name: whereabouts(entry, places.data_path) for entry in entries()}
