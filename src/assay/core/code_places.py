"""Where a class or function is written, and whose it is."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["defined_at", "is_own", "source_of"]


def is_own(part: object) -> bool:
    """Whether the class of a part (or the part, if it is one) is a user's own."""
    kind = part if isinstance(part, type) else type(part)
    return not kind.__module__.startswith("assay.")


def source_of(target: object) -> str:
    """Return "module:name" of a class or function."""
    name = getattr(target, "__qualname__", type(target).__qualname__)
    return f"{getattr(target, '__module__', '?')}:{name}"


def defined_at(target: object) -> str:
    """Return where a class or function is defined: "file:line"."""
    try:
        code: Any = inspect.unwrap(target) if callable(target) else target
        line = inspect.getsourcelines(code)[1]
        return f"{inspect.getsourcefile(code)}:{line}"
    except (OSError, TypeError):
        return source_of(target)
