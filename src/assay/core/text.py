"""Names and texts from outside, made safe to print on a terminal or a page.

Names of files, labels and questions may hold anything: an escape sequence that recolours or renames
a terminal, a carriage return that hides what came before, bytes that are not UTF-8.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["REPLACE", "encodable", "visible"]

REPLACE = "assay.replace"
"""Error handler of a codec: a character that it has not becomes the nearest in ASCII, `±` `+-`."""

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline: ESC, CR, CSI, ...
    "\u061c\u2028-\u202e\u2066-\u2069"  # they break lines or turn the direction of what follows
    "\ud800-\udfff]"  # what Python makes of bytes that are not UTF-8
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
    r"""Return text with what a terminal would act on as an escape, like repr().

    Tabs and newlines stay; a byte that is not UTF-8 is shown as such.

    Example:
        >>> print(visible("\x1b[31mred caf\udce9"))
        \x1b[31mred caf\xe9
    """
    return _ESCAPED_BYTE.sub(r"\\x\1", _UNSAFE.sub(lambda found: _escape(found[0]), text))


def encodable(text: str, encoding: str | None) -> str:
    """Return text as a stream of that encoding can show it.

    Example:
        >>> encodable("97.7 ± 0.1", "ascii")
        '97.7 +- 0.1'
    """
    encoding = encoding or "utf-8"
    return text.encode(encoding, REPLACE).decode(encoding)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte is the lower half
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
