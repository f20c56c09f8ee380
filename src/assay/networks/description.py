"""Descriptions as plain data: structure, values, and their conversion to JSON.

A field declared with `value(...)` is only a number in the program, so that the members of a cohort
may differ in it. Every other field changes the program. `structure` replaces each value by whether
it is nonzero (a dropout rate of 0 needs no dropout layer), and each size by its padded size. Runs
with equal structures can train together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from assay.core.config import Option
from assay.core.errors import ConfigError, NetworkError
from assay.core.options import check_fields, setting

__all__ = ["check", "free", "plain", "size", "structure", "value"]


def value(option: Option) -> Any:
    """Declare a number that may differ between cohort members, where 0 means "absent"."""
    return setting(option, value="present")


def free(option: Option) -> Any:
    """Declare a setting that never changes the program (an initializer, a learning rate)."""
    return setting(option, value="free")


def size(room: Callable[[int], int], option: Option) -> Any:
    """Declare a size that may differ between members that need equal `room`."""
    return setting(option, value=room)


def check(part: object, name: str) -> None:
    """Check the fields of a part of a network; raise NetworkError with its name."""
    try:
        check_fields(part)
    except ConfigError as error:
        raise NetworkError(f"{name}: {error}") from None


def plain(node: object) -> object:
    """Turn a description into JSON data; a layer becomes a mapping with its kind under `layer`."""
    if isinstance(node, (tuple, list)):
        return [plain(n) for n in node]
    if isinstance(node, dict):
        return {k: plain(v) for k, v in node.items()}
    if is_dataclass(node) and not isinstance(node, type):
        kind = getattr(node, "kind", None)
        data = {f.name: plain(getattr(node, f.name)) for f in fields(node)}
        return {"layer": kind, **data} if kind else data
    return node


def structure(node: object, numbers: bool = True) -> object:
    """Turn a description into JSON data that is equal for descriptions with equal programs.

    Args:
        numbers: whether it says which values and what room there are; without them it is equal for
            layers that compute the same from equal weights.
    """
    if isinstance(node, (tuple, list)):
        return [structure(n, numbers) for n in node]
    if isinstance(node, dict):
        return {k: structure(v, numbers) for k, v in node.items()}
    if not is_dataclass(node) or isinstance(node, type):
        return node
    data: dict[str, Any] = {"kind": getattr(node, "kind", None)}
    for f in fields(node):
        item = getattr(node, f.name)
        role = f.metadata.get("value")
        if role is None:
            data[f.name] = structure(item, numbers)
        elif role == "present" and numbers:
            data[f.name] = bool(item)
        elif callable(role) and numbers:
            data[f.name] = role(item)
    return data
