"""Figures as parts of a page, drawn for wide and narrow windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from assay.core.errors import AssayError
from assay.core.text import visible
from assay.reports.style import NARROW, WIDE
from assay.reports.svg import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Failure", "Plot", "forgiving", "guarded", "reason"]

Failure = tuple[str, Exception]
"""(title, reason) of a part that could not be made."""

T = TypeVar("T")

_failures: ContextVar[list[Failure] | None] = ContextVar("failures", default=None)


@contextmanager
def forgiving() -> Iterator[list[Failure]]:
    """Context that collects errors of parts, so that the rest of a report is written."""
    found: list[Failure] = []
    token = _failures.set(found)
    try:
        yield found
    finally:
        _failures.reset(token)


def guarded(title: str, make: Callable[[], T], instead: T) -> T:
    """Return the result of `make`, or `instead` if it fails and failures are collected."""
    try:
        return make()
    except Exception as error:
        found = _failures.get()
        if found is None:
            raise
        found.append((title, error))
        return instead


@dataclass(frozen=True)
class Plot:
    """A figure with its texts, drawn on demand.

    Attributes:
        name: prefix of every id in its drawings, and its name on the command line.
        title: what it shows, in a few words.
        alt: alternative text.
        caption: caption, with n and units.
        draws: functions from a width in inches to a drawing; several, so that pages can break
            between them.
        small: whether its drawings can be side by side on paper.
        lesser: priority for removal if a paper is too long; 0 is kept longest.
    """

    name: str
    title: str
    alt: str
    caption: str
    draws: tuple[Callable[[float], Figure], ...]
    small: bool = False
    lesser: int = 5

    @cached_property
    def drawings(self) -> list[dict[str, str]]:
        """Each drawing as {"wide", "narrow"}, SVG for a page, which shows the one that fits its
        window; empty if they cannot be made and failures are collected."""

        def drawn() -> list[dict[str, str]]:
            return [
                {
                    "wide": svg(draw(WIDE), f"{self.name}-{i}", self.alt),
                    "narrow": svg(draw(NARROW), f"{self.name}-{i}n", self.alt),
                }
                for i, draw in enumerate(self.draws)
            ]

        return guarded(self.title, drawn, [])

    @property
    def missing(self) -> str | None:
        """Why there are no drawings."""
        return None if self.drawings else reason(_last())


def _last() -> Exception | None:
    found = _failures.get()
    return found[-1][1] if found else None


def reason(error: Exception | None) -> str:
    """Return an error in one line: "ValueError: no axes"."""
    said = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
    return " ".join(visible(said).split())[:300]
