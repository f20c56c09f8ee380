"""What a sampler is asked and told; a new one is one file in this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from assay.core.registry import Registry
from assay.studies.search.space import Space, Values

__all__ = ["SAMPLERS", "Asked", "Kind", "Sampler"]


@dataclass(frozen=True)
class Asked:
    """A point that a sampler proposed, with what it needs to recognise it again."""

    values: Values
    token: Any = None


class Sampler(Protocol):
    """Proposes points. With an equal seed, and told the same, it proposes the same."""

    def ask(self) -> Asked | None:
        """The next point, perhaps one that was proposed before; None when there is none left."""

    def report(self, asked: Asked, epochs: int, value: float) -> None:
        """The objective of a point after so many epochs, while it goes on."""

    def tell(self, asked: Asked, value: float | None, *, stopped: bool = False) -> None:
        """The objective of a point at its end; None when there is none (it is not allowed, or it
        failed); `stopped` when it ended before its budget."""


@dataclass(frozen=True)
class Kind:
    """One sampler by name.

    Attributes:
        make: from a space, a seed and whether higher is better to the sampler.
        batch: how many points are asked for before any is told; None is all of them, for a sampler
            that does not learn.
        numbers: how many int or float parameters without a condition it needs.
        finite: whether it needs a space whose points can be counted.
    """

    make: Callable[[Space, int, bool], Sampler]
    batch: int | None = None
    numbers: int = 0
    finite: bool = False


SAMPLERS: Registry[Kind] = Registry("sampler", "assay.studies.search.samplers", contract=Kind)
"""Name -> kind."""
