"""Calls of the user's own code: what is wrong there is an error that names the file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assay.core.code_places import defined_at
from assay.core.errors import AssayError, ConfigError
from assay.core.plugins import culprit

__all__ = ["OwnPart", "watched"]


@contextmanager
def watched(part: str, place: str) -> Iterator[None]:
    """Raise any error inside as a ConfigError with the line of the user's code, or else `place`.

    Args:
        part: what the code belongs to, "sampler 'mine'".
    """
    try:
        yield
    except AssayError as error:
        said = str(error) if str(error).startswith(part) else f"{part}: {error}"
        raise ConfigError(f"{place}: {said}") from error
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
    """

    kind: str
    name: str
    part: Any

    def call(self, method: str, *given: object) -> object:
        """Return what a method returns; ConfigError if it fails."""
        function = getattr(self.part, method)
        with watched(f"{self.kind} {self.name!r}: {method}", defined_at(function)):
            return function(*given)

    def wrong(self, method: str, said: str) -> ConfigError:
        """Return the error that says what a method does: "returned None, expected a number"."""
        place = defined_at(getattr(self.part, method))
        return ConfigError(f"{place}: {self.kind} {self.name!r}: {method} {said}")
