"""Calls of the user's own code: what is wrong there is an error that names the file and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assay.core.errors import AssayError, ConfigError
from assay.core.plugins import culprit

__all__ = ["OwnPart", "defined_at", "is_own", "source_of", "watched"]


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


@contextmanager
def watched(part: str, place: str) -> Iterator[None]:
    """Raise any error inside as a ConfigError with the line of the user's code, or else `place`.

    Args:
        part: what the code belongs to, "sampler 'mine'".
    """
    try:
        yield
    except AssayError as error:
        raise ConfigError(f"{place}: {part}: {error}") from error
    except Exception as error:  # the user's code
        where = culprit(error, libraries=False) or place
        said = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
        raise ConfigError(f"{where}: {part} failed: {said}") from error


@dataclass(frozen=True)
class OwnPart:
    """A part of the user's own whose methods are tried before anything is trained.

    Attributes:
        kind, name: "schedule", and its name in studies.
        part: the part itself.
        contract: the class or protocol whose methods it has.
    """

    kind: str
    name: str
    part: Any
    contract: type

    def call(self, method: str, *given: object, **named: object) -> Any:
        """Return what a method returns.

        Raises:
            ConfigError: it takes other arguments or fails.
        """
        function = getattr(self.part, method)
        try:
            inspect.signature(function).bind(*given, **named)
        except TypeError:
            takes, expected = _names(function), _names(getattr(self.contract, method))
            raise self.wrong(method, f"takes ({takes}), expected ({expected})") from None
        except ValueError:
            pass  # of a library, which has no signature in Python
        with watched(f"{self.kind} {self.name!r}: {method}", self._place(method)):
            return function(*given, **named)

    def wrong(self, method: str, said: str) -> ConfigError:
        """Return the error that says what a method does: "returned None, expected a number"."""
        return ConfigError(f"{self._place(method)}: {self.kind} {self.name!r}: {method} {said}")

    def _place(self, method: str) -> str:
        return defined_at(getattr(self.part, method, type(self.part)))


def _names(function: Callable[..., Any]) -> str:
    names = {"*": inspect.Parameter.VAR_POSITIONAL, "**": inspect.Parameter.VAR_KEYWORD}
    stars = {kind: star for star, kind in names.items()}
    found = inspect.signature(function).parameters.values()
    return ", ".join(stars.get(p.kind, "") + p.name for p in found if p.name != "self")
