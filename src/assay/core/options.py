"""Settings declared once: the declaration reads, checks, gives the default and tells of itself.

Each function returns an `Option`; `accepts` and `help` become the reference of the study language
(docs/studies.md), so a setting cannot be added without saying what it takes and what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from assay.core.config import Entry, Option

__all__ = ["choice", "flag", "integer", "number"]


def integer(
    default: int | None, low: int | None = None, high: int | None = None, *, help: str
) -> Option:
    """A whole number in [low, high]."""
    return Option(
        lambda entry: entry.integer(low, high), default, _said("whole number", low, high), help
    )


def number(
    default: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    help: str,
) -> Option:
    """A finite number in [low, high], greater than `above`, smaller than `below`."""

    def read(entry: Entry) -> float:
        value = entry.number(low, high)
        if above is not None and not value > above:
            raise entry.expected(f"a number > {above:g}")
        if below is not None and not value < below:
            raise entry.expected(f"a number in [{low or 0:g}, {below:g})")
        return value

    said = _said("number", low, high)
    said += f" > {above:g}" if above is not None else ""
    said += f", < {below:g}" if below is not None else ""
    return Option(read, default, said, help)


def flag(default: bool, *, help: str) -> Option:
    """true or false."""
    return Option(lambda entry: entry.flag(), default, "true or false", help)


def choice(
    kind: str, names: Collection[str] | Callable[[], Collection[str]], default: str, *, help: str
) -> Option:
    """One of some names.

    Args:
        kind: what they are called in error messages.
        names: a function where they are only known when all parts are registered.
    """

    def known() -> Collection[str]:
        return names() if callable(names) else names

    def read(entry: Entry) -> str:
        return entry.choice(kind, known())

    return Option(read, default, lambda: ", ".join(known()), help)


def _said(what: str, low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{what} from {low:g} to {high:g}"
    if low is not None:
        return f"{what} >= {low:g}"
    return what if high is None else f"{what} <= {high:g}"
