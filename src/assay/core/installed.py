"""Installed plugins: modules that packages announce under the entry point group `assay.plugins`.

Every command needs the names that they register, even `assay --help`, so they are found in a few
milliseconds by reading the files `entry_points.txt`. `importlib.metadata.entry_points` does the
same, but takes longer to import.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from assay.core import registry

__all__ = ["GROUP", "announced", "load_installed"]

GROUP = "assay.plugins"
"""The entry point group of installed plugins."""

PLACES = ("*.dist-info", "*.egg-info")
"""Endings of the metadata folders of installed packages in `sys.path`."""

_loaded = False


def load_installed() -> None:
    """Import every installed plugin, once; if one fails, a warning names it and it is skipped."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    for name, module in sorted(announced().items()):
        _import(name, module)


def announced() -> dict[str, str]:
    """Return name -> module of each plugin; the first one in `sys.path` wins."""
    found: dict[str, str] = {}
    for folder in dict.fromkeys(sys.path):
        for place in PLACES:
            for file in sorted(Path(folder).glob(f"{place}/entry_points.txt")):
                found = dict(_entries(file)) | found
    return found


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    """Return name and module of the entries of our group in one INI file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return  # not a plugin
    ours = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            ours = line == f"[{GROUP}]"
        elif ours and "=" in line and line[0] not in "#;":
            name, _, value = line.partition("=")
            yield name.strip(), value.partition("[")[0].partition(":")[0].strip()


def _import(name: str, module: str) -> None:
    try:
        with registry.installing(name):
            import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            return  # its folder was deleted
        _warn(name, module, error)
    except (Exception, SystemExit) as error:  # assay continues without it, whatever it raises
        _warn(name, module, error)


def _warn(name: str, module: str, error: BaseException) -> None:
    from assay.core.plugins import culprit

    place = culprit(error)
    said = f"{place and f'{place}: '}{type(error).__name__}: {error}"
    warnings.warn(
        f"plugin {name!r} ({module}) cannot be imported and is left out: {said}",
        stacklevel=2,
    )
