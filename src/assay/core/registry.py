"""Registries, which find a dataset, network, task, metric, ... by its name.

assay's own parts and those of plugins are registered by the same call. An entry can be given as a
string "module:attribute", which is imported when the name is first looked up; so the names are
known immediately at no cost.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from assay.core.contracts import fitting
from assay.core.errors import AssayError, ConfigError, unknown_name

__all__ = [
    "CodePlace",
    "Registered",
    "Registry",
    "code_digest",
    "forget",
    "installing",
    "places",
    "register",
    "settle",
]

T = TypeVar("T")


@dataclass(frozen=True)
class CodePlace:
    """Where something was registered: a module, its file and the line.

    Attributes:
        digest: of the file when it was imported; "" of assay's own, and of code without a file.
        in_cell: whether it is a cell of a notebook or a line at a prompt, which no other process
            can read.
    """

    module: str
    file: str
    line: int
    digest: str = field(default="", compare=False)
    in_cell: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Registered:
    """An entry, or where it is imported from, and the place that registered it."""

    entry: Any
    place: CodePlace
    help: str = ""
    version: int = 1
    ready: bool = False
    source: str = ""
    """The entry as it was registered, if that was text."""
    plugin: str = ""
    """The installed plugin whose import registered it."""


_LOADING = threading.RLock()

_INSTALLED: list[str] = []
"""The installed plugin that is being imported, if any."""

_TABLES: dict[str, dict[str, Registered]] = {}
"""Kind -> name -> entry, for all registries."""

_REGISTRIES: dict[str, Registry[Any]] = {}
"""Kind -> its registry, once the module that defines it is imported."""


def register(kind: str, name: str, entry: object, help: str = "", version: int = 1) -> None:
    """Register `entry` under `name` as a part of one kind.

    Args:
        kind: "dataset", "network family", "task", ...: its name in error messages.
        name: its name in studies, commands and tables.
        entry: the part itself, or "module:attribute" to import it when it is first needed.
        help: one line for lists of parts, which then need not import it.
        version: increased when a change affects the numbers of runs that use it; from 2 on, it is
            part of their names. Where it depends on the part's settings, the entry also has
            `version_of(spec)`.

    Raises:
        ConfigError: another place has registered this name before.
    """
    place, table = _caller(), _TABLES.setdefault(kind, {})
    known = table.get(name)
    if known and not _again(known.place, place):
        _refuse(kind, name, known, f"at {place}", _is_own(place))
    plugin = _INSTALLED[-1] if _INSTALLED else ""
    table[name] = Registered(entry, place, help, version, plugin=plugin)


def _is_own(place: CodePlace) -> bool:
    return place.module.startswith("assay.")


def _refuse(kind: str, name: str, known: Registered, where: str, own: bool = True) -> None:
    """Say that a name is registered twice: in a warning if `own` code of assay needs the name of an
    installed plugin, which loses it; otherwise in a ConfigError."""
    said = f"{kind} {name!r} is registered twice: at {known.place} and {where}"
    if not (own and known.plugin) or _is_own(known.place):
        raise ConfigError(f"{said}; choose another name")
    warnings.warn(f"plugin {known.plugin!r}: {said}; the plugin's is left out", stacklevel=3)


@contextmanager
def installing(plugin: str) -> Iterator[None]:
    """Within this context an installed plugin registers its parts; none of them if it fails."""
    _INSTALLED.append(plugin)
    try:
        yield
    except BaseException:
        for table in _TABLES.values():
            for name in [name for name, known in table.items() if known.plugin == plugin]:
                del table[name]
        raise
    finally:
        _INSTALLED.pop()


def _again(before: CodePlace, now: CodePlace) -> bool:
    """Whether a registration replaces an earlier one: its line or a cell was executed again, or
    its file after a change. An edited cell has another file."""
    if before.in_cell and now.in_cell:
        return True
    changed = before.line == now.line or before.digest != now.digest
    return before.file == now.file and changed


def forget(file: str) -> None:
    """Remove all registrations of a file, because it is read again or cannot be used."""
    for table in _TABLES.values():
        for name in [name for name, known in table.items() if known.place.file == file]:
            del table[name]


def settle(file: str) -> None:
    """Load assay's own parts of each kind of which a file has registered parts.

    Raises:
        ConfigError: the file has registered a name that assay itself registers.
    """
    kinds = {k for k, table in _TABLES.items() for e in table.values() if e.place.file == file}
    for kind in kinds & _REGISTRIES.keys():
        _REGISTRIES[kind].load()


def places() -> Iterator[CodePlace]:
    """Return the places of all registrations so far."""
    for table in _TABLES.values():
        yield from (known.place for known in table.values())


def _caller() -> CodePlace:
    """Return the first place in the call stack outside the functions that register."""
    frame = sys._getframe(1)
    own = (__name__, "assay.core.extend")
    while frame.f_back and (
        frame.f_globals.get("__name__") in own or frame.f_code.co_name.startswith("register_")
    ):
        frame = frame.f_back
    name, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
    digest = ""
    if not name.startswith("assay."):
        with suppress(OSError):
            digest = code_digest(Path(file).read_bytes())
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    in_cell = name == "__main__" and (script is None or Path(script) != Path(file))
    return CodePlace(name, file, frame.f_lineno, digest, in_cell)


def code_digest(content: bytes) -> str:
    """Return the digest of a file of code, 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def _function(written: str) -> Callable[..., Any]:
    module, _, name = written.partition(":")
    return getattr(import_module(module), name)


class Registry(Generic[T]):
    """A mapping from names to parts of one kind; modules are imported on the first look-up.

    Args:
        kind: the kind of part in error messages ("dataset", "network family", ...).
        package: the package whose modules add entries when they are imported.
        adapt: "module:function" that converts other registered objects into entries, given the
            name and the object; it returns entries unchanged.
        contract: the type of entries: a class, or a protocol whose members they must have. If a
            class is registered where a protocol is expected, it is instantiated without arguments.
    """

    def __init__(
        self,
        kind: str,
        package: str | None = None,
        adapt: str = "",
        contract: type[object] | None = None,
    ):
        self.kind = kind
        self._package, self._adapt, self._contract = package, adapt, contract
        self._entries = _TABLES.setdefault(kind, {})
        self._reserved: set[str] = set()
        _REGISTRIES[kind] = self

    def add(self, name: str, version: int = 1) -> Callable[[T], T]:
        """Return a decorator that registers its argument under `name`; see `register`."""

        def register_entry(entry: T) -> T:
            register(self.kind, name, entry, version=version)
            return entry

        return register_entry

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names of this kind that assay has without registering them from being taken."""
        self._reserved |= set(names)

    def __getitem__(self, name: str) -> T:
        self.load()
        if name not in self._entries:
            raise ConfigError(unknown_name(self.kind, name, self._entries))
        found = self._entries[name]
        with _LOADING:
            if not found.ready:
                if isinstance(found.entry, str):
                    found.source = found.entry
                try:
                    found.entry = self._made(name, found.entry)
                except ConfigError as error:
                    raise ConfigError(f"{found.place}: {self.kind} {name!r}: {error}") from error
                found.ready = True
        return found.entry

    def _made(self, name: str, entry: Any) -> Any:
        """Return the entry itself, imported and checked."""
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            try:
                entry = getattr(import_module(module), attribute)
            except AssayError:  # for example a missing extra
                raise
            except (ImportError, AttributeError) as error:
                raise ConfigError(f"{entry} cannot be imported: {error}") from error
        if self._contract is not None:
            entry = fitting(entry, self._contract)
        return _function(self._adapt)(name, entry) if self._adapt else entry

    def written(self) -> dict[str, Registered]:
        """Return everything as it was registered, including strings that are imported later."""
        return {name: self._entries[name] for name in self}

    def get(self, name: str) -> T | None:
        """Return the entry of that name, or None."""
        return self[name] if name in self else None  # noqa: SIM401

    def names(self) -> list[str]:
        """Return the names that are known without importing the package with the others."""
        self._load_plugins()
        return sorted(self._entries)

    def usable(self) -> list[str]:
        """Return the names that can be looked up. A plugin's part that breaks its contract is an
        error of the studies that name it only."""
        found = []
        for name in self:
            with suppress(Exception):  # of the plugin's own code, which may raise anything
                self[name]
                found.append(name)
        return found

    def place(self, name: str) -> CodePlace:
        """Return where `name` was registered; raises ConfigError like a look-up."""
        return self._registered(name).place

    def modules(self, name: str) -> set[str]:
        """Return the names of the modules in which `name` is written, which may be others than
        that which registers it."""
        entry = self[name]
        source = self._registered(name).source.partition(":")[0]
        return {str(getattr(entry, "__module__", "")), source} - {""}

    def version(self, name: str) -> int:
        """Return the version of `name`; raises ConfigError like a look-up."""
        return self._registered(name).version

    def _registered(self, name: str) -> Registered:
        if name not in self._entries:
            self[name]
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(sorted(self._entries))

    def load(self) -> None:
        """Import the modules of the package and the installed plugins, once."""
        with _LOADING:  # other threads must not see a half-loaded registry
            if self._package is not None:
                package, self._package = self._package, None
                import pkgutil

                try:
                    for module in pkgutil.iter_modules(import_module(package).__path__):
                        if not module.name.startswith("_"):
                            import_module(f"{package}.{module.name}")
                except BaseException:
                    self._package = package  # the rest has not been imported yet
                    raise
            self._load_plugins()
            for name in self._reserved & self._entries.keys():
                _refuse(self.kind, name, self._entries[name], "by assay itself")
                del self._entries[name]

    @staticmethod
    def _load_plugins() -> None:
        from assay.core.installed import load_installed

        with _LOADING:
            load_installed()
