"""Shortening of a paper: which figures and tables are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.core.errors import ConfigError, unknown_name
from assay.reports.paper.blocks import Exhibit, Manuscript, exhibits

__all__ = ["chosen", "numbered", "shortened"]


def numbered(paper: Manuscript) -> dict[str, str]:
    """Return the figures of a paper: number as text -> label, in order."""
    figures = [e for e in exhibits(paper) if e.kind == "figure"]
    return {str(i): e.label for i, e in enumerate(figures, 1)}


def chosen(paper: Manuscript, wanted: Sequence[str]) -> set[str]:
    """Return the labels of the figures that were not chosen.

    Args:
        wanted: numbers of the whole paper ("3"), labels ("mnist-reference/curves") or their last
            part ("curves", of every study).

    Raises:
        ConfigError: there is no such figure.
    """
    known = numbered(paper)
    kept: set[str] = set()
    for name in wanted:
        found = {label for number, label in known.items()
                 if name in (number, label, label.rpartition("/")[2])}  # fmt: skip
        if not found:
            labels = [f"{n} ({label})" for n, label in known.items()]
            names = [*known, *known.values(), *{v.rpartition("/")[2] for v in known.values()}]
            hint = unknown_name("figure", name, names).partition(" (known")[0]
            raise ConfigError(f"{hint} (known: {', '.join(labels) or 'none'})")
        kept |= found
    return set(known.values()) - kept


def shortened(
    paper: Manuscript, most: int, pages: Callable[[Manuscript], int]
) -> tuple[set[str], int]:
    """Return the labels to remove so that a paper has at most so many pages, and its pages.

    The least important exhibits are removed first, and among equals the last one. All are removed
    if the paper is too long even then.

    Args:
        pages: function that typesets and counts the pages.
    """
    order = _order(exhibits(paper))
    now = pages(paper)
    if now <= most:
        return set(), now
    low, high = 0, len(order)  # `low` is too long; `high` is the fewest known to fit, or all
    fits = pages(paper.without(set(order)))
    while high - low > 1:
        middle = (low + high) // 2
        number = pages(paper.without(set(order[:middle])))
        if number <= most:
            high, fits = middle, number
        else:
            low = middle
    gone = set(order[:high])
    for label in reversed(order[:high]):  # a small one may still fit
        number = pages(paper.without(gone - {label}))
        if number <= most:
            gone, fits = gone - {label}, number
    return gone, fits


def _order(shown: Sequence[Exhibit]) -> list[str]:
    """Return labels, the least important first."""
    places = list(enumerate(shown))
    return [e.label for _, e in sorted(places, key=lambda p: (-p[1].lesser, -p[0]))]
