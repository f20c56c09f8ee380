"""Makes names and texts from outside safe to print in a terminal or on a page.

File names, labels and questions may contain anything: an escape sequence that recolours or renames
a terminal, a carriage return that hides what came before, bytes that are not UTF-8.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["REPLACE", "encodable", "visible"]

REPLACE = "assay.replace"
"""Codec error handler: replaces unsupported characters by similar ASCII (`±` by `+-`)."""

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline: ESC, CR, CSI, ...
    "\u061c\u2028-\u202e\u2066-\u2069"  # they break lines or change the direction of text
    "\ud800-\udfff]"  # how Python represents bytes that are not UTF-8
)
_ESCAPED_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
"""The same bytes after repr()."""

_NEAREST = {
    "±": "+-", "×": "x", "·": "*", "•": "*", "−": "-", "‐": "-", "‑": "-", "–": "-", "—": "-",
    "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=",
    "→": "->", "←": "<-", "µ": "u", "μ": "u", "°": " deg", "²": "^2", "³": "^3", "√": "sqrt ",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "✓": "*", "█": "#", "▏": "|",
    "─": "-", "━": "-", "╴": "-", "╶": "-", "╸": "-", "╺": "-", "═": "-", "│": "|", "┃": "|",
    "║": "|",
}  # fmt: skip


def visible(text: str) -> str:
    r"""Return text with control characters escaped as in repr().

    Tabs and newlines are kept; bytes that are not UTF-8 are escaped.

    Example:
        >>> print(visible("\x1b[31mred caf\udce9"))
        \x1b[31mred caf\xe9
    """
    return _ESCAPED_BYTE.sub(r"\\x\1", _UNSAFE.sub(lambda found: _escape(found[0]), text))


def encodable(text: str, encoding: str | None) -> str:
    """Return text in characters that a stream of that encoding can show.

    Example:
        >>> encodable("97.7 ± 0.1", "ascii")
        '97.7 +- 0.1'
    """
    encoding = encoding or "utf-8"
    return text.encode(encoding, REPLACE).decode(encoding)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the lower half is the byte
        code -= 0xDC00
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_nearest, lacking)), error.end


def _nearest(character: str) -> str:
    box = "+" if "\u2500" <= character <= "\u257f" else ""  # a corner or a crossing of lines
    return _NEAREST.get(character) or box or _escape(character)


codecs.register_error(REPLACE, _replace)
