"""Plugins: modules that register parts, from users' files, installed packages or assay's subjects.

An installed package announces a module (`assay.core.installed`); a study names files or modules
(`plugins: [my_parts.py]`). assay only imports the module; from then on, the parts that it
registers are known. Worker processes load the same plugins first.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from assay.core import registry
from assay.core.errors import AssayError, ConfigError
from assay.core.files import open_file
from assay.core.imports import check_imports, imported_beside, is_library
from assay.core.installed import load_installed

__all__ = [
    "Plugin",
    "culprit",
    "digest_of",
    "find_module",
    "leave_script",
    "load",
    "load_again",
    "load_main",
    "load_recorded",
    "loaded",
    "look_in",
    "told",
]


@dataclass(frozen=True)
class Plugin:
    """A plugin of a study.

    Attributes:
        name: its name in the study, of a file or a module.
        file: the file of its source.
        digest: 16 hexadecimal digits of its content.
        module: name of the module in `sys.modules`.
        script: whether it is the script that runs, whose parts are pickled as those of `__main__`.
        beside: the files that it imports from beside it; their registrations are its own.
    """

    name: str
    file: str
    digest: str
    module: str
    script: bool = False
    beside: tuple[str, ...] = ()

    def registered(self, place: registry.CodePlace) -> bool:
        """Whether a registration is this plugin's: its file's, or one's beside it."""
        return place.file == self.file or str(Path(place.file).resolve()) in self.beside


_loaded: dict[str, Plugin] = {}
_loading: list[Path] = []
_beside: Path | None = None
"""The folder of the study that was read last; None for the current folder."""


def load(name: str, beside: Path | None = None) -> Plugin:
    """Import a plugin of a study, once.

    Args:
        name: a Python file, absolute or relative to `beside`, or the name of an installed module.
        beside: the folder of the study file; None for the current folder.

    Raises:
        ConfigError: there is no such file or module, or importing it fails.
    """
    if name.endswith(".py"):
        return _load_file(name, (beside or Path.cwd()) / Path(name).expanduser())
    if name in _loaded:
        return _loaded[name]
    if name.partition(".")[0] in sys.stdlib_module_names:
        raise ConfigError(
            f"plugin {name!r} is part of Python and registers nothing; a file of your own is named "
            f"with its extension, {name}.py"
        )
    load_installed()
    try:
        module = import_module(name)
        registry.settle(getattr(module, "__file__", None) or "")
    except AssayError:
        _unload(name)
        raise
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise _failed(name, error) from error
        raise ConfigError(
            f"plugin {name!r}: no module of that name is installed; write a file with its "
            f"extension, {name}.py"
        ) from None
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error
    file = getattr(module, "__file__", None) or ""
    digest = digest_of(Path(file)) if file else ""
    _loaded[name] = Plugin(name, file, digest, name, beside=_beside_of(file))
    return _loaded[name]


def look_in(folder: Path | None) -> None:
    """Make `find_module` search the folder of this study, or the current folder."""
    global _beside
    _beside = folder


def find_module(name: str) -> Plugin:
    """Return the module that a study names: a file beside it, a plugin, or an installed module.

    Raises:
        ConfigError: there is no such module, or importing it fails.
    """
    folder = (_beside or Path.cwd()).resolve()
    if (folder / f"{name}.py").is_file():
        return load(f"{name}.py", folder)
    for plugin in _loaded.values():
        if plugin.module == name:
            return plugin
    first = name.partition(".")[0]
    if first in sys.stdlib_module_names:
        raise ConfigError(f"module {name!r} is part of Python and contains no networks")
    if first not in sys.modules and importlib.util.find_spec(first) is None:
        raise ConfigError(
            f"there is no module {name!r}: neither a file {name}.py in {folder} nor an installed "
            "module of that name"
        )
    return load(name)


def load_recorded(digests: Mapping[str, str]) -> None:
    """Load the plugins of a stored run from the study's folder or the current one, if they are
    there.

    Args:
        digests: name of a plugin's file -> digest of its content.

    Raises:
        ConfigError: a file differs from the one of the run, or importing it fails.
    """
    folder = (_beside or Path.cwd()).resolve()
    for name, digest in digests.items():
        file = folder / name
        if file.name == "__init__.py":
            continue  # of a package, which is imported by its name
        if name.removesuffix(".py") in sys.modules or not file.is_file():
            continue  # already loaded; otherwise its parts are reported as unknown
        if digest_of(file) != digest:
            raise ConfigError(
                f"{file} has changed since this run was trained: it has digest {digest_of(file)}, "
                f"expected {digest}"
            )
        load(name, folder)


def told(error: BaseException) -> str:
    """Return the type and message of an error, after the line of the user's code where it happened:
    "parts.py:7: KeyError: 'mean'"."""
    place = Path(culprit(error, libraries=False)).name
    return f"{place and f'{place}: '}{type(error).__name__}: {error}"


def culprit(error: BaseException, libraries: bool = True) -> str:
    """Return where in the user's code an error happened, "file:line"; "" if it is not involved.

    This is the innermost line that is neither assay's nor a library's.

    Args:
        libraries: return the innermost line of a library if there is no other.
    """
    own = Path(__file__).resolve().parents[1]
    found, library, trace = "", "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        line, trace = trace.tb_lineno, trace.tb_next
        if file.startswith("<") or own in Path(file).parents:
            continue
        library = f"{file}:{line}"
        if not is_library(Path(file)):
            found = library
    return found or (library if libraries else "")


def _load_file(name: str, path: Path) -> Plugin:
    try:
        path = path.resolve()
        with open_file(path) as stream:
            content = stream.read()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"plugin {name!r} cannot be read: {path}: {reason}") from None
    digest = registry.code_digest(content)
    known = _loaded.get(str(path))
    if known and known.digest == digest:
        return known
    _loaded.pop(str(path), None)  # if this fails, the earlier code is not there any more either
    _register_file(name, path)
    script = sys.modules[path.stem] is sys.modules.get("__main__")
    beside = _beside_of(str(path))
    _loaded[str(path)] = Plugin(name, str(path), digest, path.stem, script, beside)
    return _loaded[str(path)]


def _beside_of(file: str) -> tuple[str, ...]:
    return tuple(str(path.resolve()) for path in imported_beside(Path(file))) if file else ()


def _register_file(name: str, path: Path) -> None:
    """Import a file under its own name, so that `import` finds it as well."""
    if not path.stem.isidentifier():
        raise ConfigError(
            f"plugin {name!r}: a plugin is imported, so its file's name must be a Python "
            "identifier, such as my_parts.py"
        )
    main = sys.modules.get("__main__")
    if main is not None and _same_file(getattr(main, "__file__", None), path):
        sys.modules[path.stem] = main  # the script that runs is the plugin
        return
    taken = sys.modules.get(path.stem)
    if taken is not None and not _same_file(getattr(taken, "__file__", None), path):
        raise ConfigError(
            f"plugin {name!r}: there is another module {path.stem!r} "
            f"({getattr(taken, '__file__', 'built in')}); rename the file, or use another process "
            "if they belong to different studies"
        )
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for imports of modules beside it, now or later
    load_installed()
    registry.forget(str(path))
    check_imports(name, path)
    sys.modules[path.stem] = module
    _loading.append(path)
    try:
        with suppress(_End):
            found.loader.exec_module(module)
        registry.settle(str(path))
    except AssayError as error:
        _unload(path.stem)
        place = culprit(error, libraries=False)
        told_already = not place or place in str(error)
        raise ConfigError(str(error) if told_already else f"{place}: {error}") from error
    except (Exception, SystemExit) as error:
        _unload(path.stem)
        raise _failed(name, error, path) from error
    finally:
        _loading.pop()


def _unload(module: str) -> None:
    """Undo the registrations of a module, so that it can be corrected and loaded again."""
    failed = sys.modules.get(module)
    if module != "__main__":  # of a package that runs, which stays what it is
        sys.modules.pop(module, None)
    registry.forget(getattr(failed, "__file__", None) or "")


def leave_script() -> None:
    """If a plugin is being loaded, end its execution here; its registrations stay.

    A script that registers parts and then trains, without `if __name__ == "__main__"`, is such a
    plugin in its own workers, where it must not train again.
    """
    if _loading:
        raise _End


class _End(BaseException):
    """Raised in a worker where a script starts to train.

    It is a BaseException, so that no `except Exception` of the script catches it.
    """


def _same_file(file: str | None, path: Path) -> bool:
    return file is not None and Path(file).resolve() == path


def _failed(name: str, error: BaseException, path: Path | None = None) -> ConfigError:
    """Return the plugin's own error with the line of the plugin where it happened."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{path}:{line}: " if path and line else ""
    return ConfigError(
        f"{where}plugin {name!r} cannot be imported: {type(error).__name__}: {error}"
    )


def digest_of(path: Path) -> str:
    """Return the digest of a file, 16 hexadecimal digits."""
    return registry.code_digest(path.read_bytes())


def loaded() -> tuple[Plugin, ...]:
    """Return the plugins that studies have named so far, which workers have to load."""
    return tuple(_loaded.values())


def load_main() -> bool:
    """Treat the running script as a plugin if it has registered parts itself.

    Returns:
        False if parts were registered in a notebook or at a prompt, which other processes cannot
        read.
    """
    mine = [place for place in registry.places() if place.module == "__main__"]
    if not mine:
        return True
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if any(place.in_cell for place in mine) or file is None or not file.endswith(".py"):
        return False
    load(str(Path(file).resolve()))
    return True


def load_again(plugins: Iterable[Plugin]) -> None:
    """Load the plugins of the main process in a worker.

    Raises:
        ConfigError: a plugin is missing here or differs from that of the main process.
    """
    for plugin in plugins:
        path = Path(plugin.file)
        if _same_file(getattr(sys.modules.get(plugin.module), "__file__", None), path):
            # already imported, when a function of it was unpickled
            _loaded.setdefault(plugin.file, replace(plugin, digest=digest_of(path)))
        mine = load(plugin.file if plugin.name.endswith(".py") else plugin.name)
        if mine.digest != plugin.digest:
            raise ConfigError(
                f"plugin {plugin.name!r} differs here from the one in the process that started the "
                f"study: {mine.file} has digest {mine.digest}, expected {plugin.digest}"
            )
        if plugin.script:
            sys.modules["__main__"] = sys.modules[mine.module]  # where its parts are looked for
