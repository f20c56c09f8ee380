"""Classes that are registered as parts: dataclasses whose fields are their settings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from assay.core.config import Entry, Option, read_options
from assay.core.contracts import check_signatures, made
from assay.core.errors import ConfigError
from assay.core.options import REQUIRED, as_option, named_schema, needs, options_of
from assay.core.records import Spec
from assay.core.registry import Registry

__all__ = ["check_defaults", "check_part", "class_schema", "has_one", "read_settings", "refused"]

P = TypeVar("P")


def check_defaults(options: Mapping[str, object]) -> None:
    """Check that each setting accepts its own default.

    Raises:
        ConfigError: one does not.
    """
    for name, option in options.items():
        default = as_option(option).default
        if default is None or default is REQUIRED or isinstance(default, tuple):
            continue  # as in `check_fields`
        try:
            as_option(option).read(Entry(default, (name,)))
        except ConfigError as error:
            raise ConfigError(f"the default of {name} is outside its own range: {error}") from None


def check_part(name: str, cls: object, base: type[P]) -> type[P]:
    """Check the class that was registered as a part, and set its name.

    Args:
        base: its required base class, a dataclass whose fields are its settings.

    Raises:
        ConfigError: it is not a subclass of `base`, not a dataclass itself, or cannot be made from
            its settings, or a method takes other arguments than that of `base`.
    """
    if not (isinstance(cls, type) and issubclass(cls, base) and cls is not base):
        raise ConfigError(f"expected a subclass of {base.__name__}, got {cls!r}")
    hints = vars(cls).get("__annotations__", {})
    written = {name for name, hint in hints.items() if "ClassVar" not in str(hint)}
    if missing := sorted(written - {f.name for f in fields(cls)}):  # type: ignore[arg-type]
        raise ConfigError(
            f"{missing[0]} is not a setting yet; write @dataclass(frozen=True) above the class"
        )
    try:
        settings = options_of(cls)
    except Exception as error:  # of a type that is text
        said = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the types of its settings cannot be read: {said}") from error
    check_defaults(settings)
    check_signatures(cls, base)
    _check_call(cls, settings)
    cls.kind = name  # type: ignore[attr-defined]
    if REQUIRED not in (option.default for option in settings.values()):
        made(cls)
    return cls


def _check_call(cls: type, settings: Mapping[str, object]) -> None:
    """Raise ConfigError unless a class is made from its settings by name."""
    signature = inspect.signature(cls)
    try:
        signature.bind(**settings)
    except TypeError as error:
        takes, expected = ", ".join(signature.parameters), ", ".join(settings)
        raise ConfigError(
            f"{cls.__name__} is made with ({takes}), expected its settings ({expected}): {error}; "
            "write each setting as a field of the dataclass, and no __init__"
        ) from None


def has_one(cls: type[P], base: type[P], *methods: str) -> type[P]:
    """Return a class that has one of the methods which its base class leaves to it.

    Raises:
        ConfigError: it has none.
    """
    if all(getattr(cls, name) is getattr(base, name) for name in methods):
        takes = ", ".join(inspect.signature(getattr(base, methods[0])).parameters)
        raise ConfigError(f"{cls.__name__} has no {methods[0]}; expected {methods[0]}({takes})")
    return cls


def read_settings(entry: Entry, part: str, options: Mapping[str, Option]) -> Spec:
    """Read the settings of a part into canonical plain data; see `read_options`.

    Args:
        part: its name in messages: "optimizer sgd".

    Raises:
        ConfigError: a required setting is missing.
    """
    for key, option in options.items():
        if option.default is REQUIRED and entry.value.get(key) is None:
            raise entry.error(needs(part, key, option))
    return read_options(entry, f"setting of {part}", options)


def refused(registry: Registry[P], name: str) -> Option:
    """Declare a setting that is the name of a part which cannot be used: reading it says why."""
    return Option(lambda entry: registry[name], None, "", {})


def class_schema(registry: Registry[type[P]]) -> dict[str, object]:
    """Return the schema of the name of a registered class that can be used, or of a mapping with
    its settings."""
    return named_schema("name", {n: options_of(registry[n]) for n in registry.usable()})
