"""The grid sampler: every point of a space, in order."""

from __future__ import annotations

from assay.studies.search.samplers.sampler import SAMPLERS, Asked, Kind
from assay.studies.search.space import Space

__all__ = ["Grid"]


class Grid:
    """Proposes all points in order, the last parameter fastest."""

    def __init__(self, space: Space, seed: int, higher_is_better: bool):
        self._points = space.points()

    def ask(self) -> Asked | None:
        """See `Sampler`."""
        values = next(self._points, None)
        return None if values is None else Asked(values)

    def report(self, asked: Asked, epochs: int, value: float) -> None:
        """See `Sampler`."""

    def tell(self, asked: Asked, value: float | None, *, stopped: bool = False) -> None:
        """See `Sampler`."""


SAMPLERS.add("grid")(Kind(Grid, finite=True))
