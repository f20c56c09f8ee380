"""Characters for which this machine has no font."""

from __future__ import annotations

import warnings
from pathlib import Path

__all__ = ["unshown"]

_LATIN = 0x250
"""All usual fonts have the characters below."""


def unshown(text: str, fonts: list[str] | None = None) -> str:
    """Return the characters of a text that no installed font has, each once, in order.

    Figures contain text as text, so that a viewer can use any font that has a character.

    Args:
        fonts: font files; by default those that matplotlib finds.
    """
    missing = {ord(c): c for c in text if ord(c) >= _LATIN and c.isprintable()}
    if not missing:
        return ""
    from matplotlib import font_manager, ft2font

    bundled = Path(font_manager.findfont("DejaVu Sans"))
    for file in fonts if fonts is not None else [str(bundled), *font_manager.findSystemFonts()]:
        if not missing:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # silence warnings about unusual fonts
            try:
                known = ft2font.FT2Font(file).get_charmap()
            except (OSError, RuntimeError, ValueError):
                continue  # not a font
        missing = {code: c for code, c in missing.items() if code not in known}
    return "".join(missing.values())
