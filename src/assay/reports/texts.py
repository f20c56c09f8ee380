"""Formatting of a study's texts: wrapping, and shortening that keeps labels distinct."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence

from assay.core.text import visible

__all__ = ["duration", "far_runs", "ns", "tell_apart", "width", "wrap"]

_SEPARATORS = " ,=/:"


def width(text: str) -> int:
    """Return the width of a text in columns: two for a wide character, none for a combining one."""
    return sum(_columns(c) for c in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def duration(seconds: float) -> str:
    """Format seconds in at most two units: "less than 1 s", "42 s", "3 h 12 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 0.5 else "less than 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def far_runs(count: int) -> str:
    """Say of bad runs: "2 runs lie far from the others of their trial"."""
    lie, their = ("1 run lies", "its") if count == 1 else (f"{count} runs lie", "their")
    return f"{lie} far from the others of {their} trial"


def ns(counts: Iterable[int]) -> str:
    """Return the numbers of runs for a caption: "n = 5", or "n = 3 to 5"."""
    found = sorted({int(n) for n in counts if n})
    if not found:
        return "n = 0"
    return f"n = {found[0]}" if len(found) == 1 else f"n = {found[0]} to {found[-1]}"


def wrap(text: str, length: int) -> str:
    """Wrap a text to lines of at most `length` columns, at spaces if possible."""
    lines, line, used = [], "", 0
    for word in text.split(" "):
        gap = 1 if line else 0
        if line and used + gap + width(word) > length:
            lines.append(line)
            line, used, gap = "", 0, 0
        line, used = line + " " * gap + word, used + gap + width(word)
        while used > length:
            head = _head(line, length)
            lines.append(head)
            line = line[len(head) :]
            used = width(line)
    return "\n".join([*lines, line] if line or not lines else lines)


def tell_apart(labels: Sequence[str], length: int, lines: int = 2) -> list[str]:
    """Return distinct labels for a figure, of at most `lines` lines of `length` columns.

    If a label is too long, a common beginning of all is removed, then the middle; if that would
    make two labels equal, the part in which they differ is kept.
    """
    texts = [" ".join(visible(label).split()) for label in labels]
    room = length * lines
    if len(set(texts)) > 1 and any(width(t) > room for t in texts):
        cut = _common(texts)
        texts = [t[cut:] for t in texts]
    halves = [_middle(t, room) for t in texts]
    short = list(halves)
    for i, text in enumerate(texts):
        twins = [t for t, half in zip(texts, halves, strict=True) if half == halves[i] != text]
        if len(set(twins)) > 1:
            short[i] = _around(text, _shared(twins), room)
    return [wrap(t, length) for t in _numbered(short, texts)]


def _shared(texts: Sequence[str]) -> int:
    """Return the length of the common beginning of all."""
    first, last = min(texts), max(texts)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return sum(1 for _ in same)


def _common(texts: Sequence[str]) -> int:
    """Return the length of the common beginning, up to the end of a word."""
    prefix = texts[0][: _shared(texts)]
    end = max((i + 1 for i, c in enumerate(prefix) if c in _SEPARATORS), default=0)
    return max(0, min(end, *(len(t) - 1 for t in texts)))


def _head(text: str, columns: int) -> str:
    used = 0
    for i, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[: max(i, 1)]
    return text


def _tail(text: str, columns: int) -> str:
    return _head(text[::-1], columns)[::-1]


def _middle(text: str, room: int) -> str:
    if width(text) <= room:
        return text
    return f"{_head(text, (room - 1) // 2)}…{_tail(text, (room - 1) // 2)}"


def _around(text: str, place: int, room: int) -> str:
    start = max(place - room // 4, 0)
    return f"{'…' * (start > 0)}{_middle(text[start:], room - 1)}"


def _numbered(short: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Number labels that became equal."""
    found = []
    for i, text in enumerate(short):
        others = dict.fromkeys(t for s, t in zip(short, texts, strict=True) if s == text)
        mark = f" ({list(others).index(texts[i]) + 1})" if len(others) > 1 else ""
        found.append(text + mark)
    return found
