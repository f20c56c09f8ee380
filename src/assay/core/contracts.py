"""What a registered part must be: of a class, or with the members of a protocol."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, cast

from assay.core.code_places import defined_at
from assay.core.errors import AssayError, ConfigError

__all__ = ["check_signatures", "fitting", "made"]

T = TypeVar("T")


def fitting(entry: object, contract: type[T]) -> T:
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
    check_signatures(entry, contract)
    return cast("T", entry)


def check_signatures(part: object, contract: type) -> None:
    """Check that the methods of a part, or of its class, can be called as those of its contract.

    Raises:
        ConfigError: one takes other arguments.
    """
    for name in vars(contract):
        own = getattr(part, name, None)
        if name.startswith("_") or not (callable(own) and callable(getattr(contract, name))):
            continue
        try:
            takes, expected = (_signature(x, name, contract) for x in (part, contract))
        except ValueError:  # of a library, which has no signature in Python
            continue
        given = [p for p in expected.parameters.values() if p.kind is not p.KEYWORD_ONLY]
        named = [p for p in expected.parameters if p not in {g.name for g in given}]
        try:
            takes.bind(*given, **dict.fromkeys(named))
        except TypeError:
            said = (
                ", ".join(map(str, map(_bare, s.parameters.values()))) for s in (takes, expected)
            )
            raise ConfigError(
                "{} takes ({}), expected ({}); see {}".format(name, *said, defined_at(own))
            ) from None


def _signature(owner: object, name: str, contract: type) -> inspect.Signature:
    """Return what a method of a part or of its class takes, without `self`."""
    found = list(inspect.signature(getattr(owner, name)).parameters.values())
    both = [inspect.getattr_static(cls, name) for cls in (owner, contract)]
    if isinstance(owner, type) and all(map(inspect.isfunction, both)):
        found = found[1:]
    return inspect.Signature(found)


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    empty = inspect.Parameter.empty
    return parameter.replace(annotation=empty, default=empty)


def made(kind: Callable[..., T], *given: object) -> T:
    """Return an instance of a registered class, or what a function makes.

    Args:
        given: all that it gets.

    Raises:
        ConfigError: it needs other arguments, or its own code fails.
    """
    name = getattr(kind, "__name__", repr(kind))
    try:
        inspect.signature(kind).bind(*given)
    except TypeError as error:
        how = f"from a {type(given[0]).__name__} alone" if given else "without arguments"
        raise ConfigError(f"{name} is made {how}: {error}") from None
    except ValueError:
        pass  # of a library, which has no signature in Python
    try:
        return kind(*given)
    except AssayError:
        raise
    except Exception as error:  # the user's code
        from assay.core.plugins import told

        raise ConfigError(f"{name} cannot be made: {told(error)}") from error
