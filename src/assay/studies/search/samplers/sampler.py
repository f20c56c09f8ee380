"""The interface of samplers; each kind of sampler is one file in this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from assay.core.registry import Registry
from assay.studies.search.space import Space, Values

__all__ = ["SAMPLERS", "Asked", "Kind", "Sampler"]


@dataclass(frozen=True)
class Asked:
    """A point that a sampler proposed, with what the sampler needs to recognise it."""

    values: Values
    token: Any = None


class Sampler(Protocol):
    """Proposes points. Equal seeds and equal results must give equal proposals."""

    def ask(self) -> Asked | None:
        """Return the next point, possibly one that was proposed before; None if none is left."""

    def report(self, asked: Asked, epochs: int, value: float) -> None:
        """Receive the objective of a point after some epochs, while it continues."""

    def tell(self, asked: Asked, value: float | None, *, stopped: bool = False) -> None:
        """Receive the final objective of a point; None if it failed or is not allowed. `stopped`
        if it ended before its budget."""


@dataclass(frozen=True)
class Kind:
    """A registered kind of sampler.

    Attributes:
        make: makes the sampler from a space, a seed and whether higher is better.
        batch: number of points to propose before results arrive; None for all of them, if the
            sampler does not learn from results.
        numbers: number of unconditional int or float parameters that it needs.
        finite: whether it needs a finite space.
    """

    make: Callable[[Space, int, bool], Sampler]
    batch: int | None = None
    numbers: int = 0
    finite: bool = False


SAMPLERS: Registry[Kind] = Registry("sampler", "assay.studies.search.samplers", contract=Kind)
"""Name -> kind."""
