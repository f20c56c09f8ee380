"""What a registered part must be: an object of a class, or one with the members of a protocol."""

from __future__ import annotations

import inspect
from typing import Any

from assay.core.errors import AssayError, ConfigError

__all__ = ["fitting", "made"]


def fitting(entry: Any, contract: type[Any]) -> Any:
    """Return the entry, of which a class is instantiated where a protocol is expected.

    Raises:
        ConfigError: it does not satisfy `contract`.
    """
    if not getattr(contract, "_is_protocol", False):
        if not isinstance(entry, contract):
            where = f"{contract.__module__}.{contract.__name__}"
            raise ConfigError(f"expected one of {where}, got {entry!r}")
        return entry
    entry = made(entry) if isinstance(entry, type) else entry
    names = {*vars(contract), *getattr(contract, "__annotations__", {})}
    lacking = sorted(n for n in names if not n.startswith("_") and not hasattr(entry, n))
    if lacking:
        raise ConfigError(
            f"it has no {', '.join(lacking)}; expected all of {contract.__module__}."
            f"{contract.__name__}, got {entry!r}"
        )
    return entry


def made(kind: type[Any], **settings: object) -> Any:
    """Return an instance of a registered class.

    Args:
        settings: all arguments that it gets.

    Raises:
        ConfigError: it needs other arguments, or its own code fails.
    """
    try:
        inspect.signature(kind).bind(**settings)
    except TypeError as error:
        given = f"with {', '.join(settings)} alone" if settings else "without arguments"
        raise ConfigError(f"{kind.__name__} is made {given}: {error}") from None
    except ValueError:
        pass  # of a library, which has no signature in Python
    try:
        return kind(**settings)
    except AssayError:
        raise
    except Exception as error:  # the user's code
        from assay.core.plugins import told

        raise ConfigError(f"{kind.__name__} cannot be made: {told(error)}") from error
