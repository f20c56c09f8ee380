"""What a file of code imports from beside it, found by reading it, whatever is loaded."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from assay.core.errors import ConfigError

__all__ = ["check_imports", "imported_beside", "is_library"]

_NOT_THEIRS = {"assay", *sys.stdlib_module_names}


def is_library(file: Path) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    paths = map(Path, {sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")})
    return any(path in file.parents for path in paths)


def imported_beside(file: Path) -> dict[Path, str]:
    """Return the files that a file imports from its own folder, or that of its package, and those
    that these import, with the name of each module.

    Imports in functions count as well; those of a name that is computed do not, nor do those of
    installed packages, which may be thousands of files and are not edited.
    """
    if is_library(file):
        return {}
    found: dict[Path, str] = {}
    waiting = [file]
    while waiting:
        for name, path in _imported(waiting.pop()):
            if path != file and path not in found:
                found[path] = name
                waiting.append(path)
    return found


def _imported(file: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules beside a file that it imports itself."""
    folder, package = file.parent, []
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        package.insert(0, folder.name)
        folder = folder.parent
    for level, name in _names(file.read_bytes()):
        inside = package[: len(package) - level + 1] if level else []
        names = [*inside, *filter(None, name.split("."))]
        if names[:1] == package[:1] or names[0] not in _NOT_THEIRS:
            yield from _modules(folder, names)


def _modules(folder: Path, names: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the packages and the module of a dotted name that are files in a folder."""
    for count in range(1, len(names) + 1):
        place = folder.joinpath(*names[:count])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield ".".join(names[:count]), path
                break


@lru_cache(maxsize=256)
def _names(content: bytes) -> tuple[tuple[int, str], ...]:
    """Return the dots and the name of each import of a file; what is imported from a module may be
    a module of it."""
    found: dict[tuple[int, str], None] = {}
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return ()  # importing it says so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(0, alias.name): None for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {(node.level, f"{base}.{alias.name}"): None for alias in node.names}
    return tuple(found)


def check_imports(name: str, path: Path) -> None:
    """Require that a plugin gets the modules beside it which it imports.

    Args:
        name: the plugin, as the study names it.
        path: its file.

    Raises:
        ConfigError: it would get another module of that name.
    """
    for file, module in imported_beside(path).items():
        if module in sys.modules:
            other = getattr(sys.modules[module], "__file__", None)
        else:
            top = importlib.util.find_spec(module.partition(".")[0])
            other = top.origin if top and "." not in module else str(file)
        if other is not None and Path(other).resolve() != file:
            raise ConfigError(
                f"plugin {name!r} imports {module} and would get {other} instead of {file}, which "
                "is beside it; rename one of them, or use another process if the other belongs to "
                "another study"
            )
