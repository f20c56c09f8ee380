"""Registries: how a new family, dataset, task or engine is found without editing a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Generic, TypeVar

from assay.core.errors import ConfigError, unknown_name

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one kind; modules are imported only when a name is first looked up.

    Args:
        kind: what an entry is called in error messages ("dataset", "network family", ...).
        package: the package whose modules add entries when they are imported.
    """

    def __init__(self, kind: str, package: str | None = None):
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = package is None

    def add(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under `name`."""

        def register(entry: T) -> T:
            self._entries[name] = entry
            return entry

        return register

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._entries:
            raise ConfigError(unknown_name(self.kind, name, self._entries))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        import pkgutil

        package = import_module(self._package or "")
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                import_module(f"{self._package}.{module.name}")
