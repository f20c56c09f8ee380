"""Figures as parts of a page, each drawn for a wide and a narrow window; one may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from assay.core.text import visible
from assay.reports.style import NARROW, WIDE
from assay.reports.svg import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Failure", "Section", "figure_section", "forgiving", "guarded", "reason"]

Section = dict[str, Any]
Failure = tuple[str, Exception]
"""Title of what could not be made, and why."""

T = TypeVar("T")

_failures: ContextVar[list[Failure] | None] = ContextVar("failures", default=None)


@contextmanager
def forgiving() -> Iterator[list[Failure]]:
    """Collect what goes wrong inside, so that the rest of a report stands; else it is raised."""
    found: list[Failure] = []
    token = _failures.set(found)
    try:
        yield found
    finally:
        _failures.reset(token)


def guarded(title: str, make: Callable[[], T], instead: T) -> T:
    """Return what `make` returns, or `instead` where it fails and failures are collected."""
    try:
        return make()
    except Exception as error:
        found = _failures.get()
        if found is None:
            raise
        found.append((title, error))
        return instead


def figure_section(
    name: str, title: str, alt: str, caption: str, *draws: Callable[[float], Figure]
) -> Section:
    """Return a figure with its words: {"name", "title", "caption", "drawings", "missing"}.

    Args:
        name: put before every id of its drawings.
        alt: what a person who does not see it should know.
        draws: from a width in inches to a drawing; several so that paper can break between them.
            Each is drawn twice: the page shows the one that fits its window.
    """

    def drawn() -> list[dict[str, str]]:
        return [
            {
                "wide": svg(draw(WIDE), f"{name}-{i}", alt),
                "narrow": svg(draw(NARROW), f"{name}-{i}n", alt),
            }
            for i, draw in enumerate(draws)
        ]

    drawings = guarded(title, drawn, [])
    missing = None if drawings else reason(_last())
    return {
        "name": name, "title": title, "caption": caption, "drawings": drawings, "missing": missing
    }  # fmt: skip


def _last() -> Exception | None:
    found = _failures.get()
    return found[-1][1] if found else None


def reason(error: Exception | None) -> str:
    """Return an error in one line: "ValueError: no axes"."""
    return " ".join(visible(f"{type(error).__name__}: {error}").split())[:300]
