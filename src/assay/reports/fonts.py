"""Characters that no font of this machine has, so that a page shows boxes for them here."""

from __future__ import annotations

import warnings
from pathlib import Path

__all__ = ["unshown"]

_LATIN = 0x250
"""Every font that matters has the characters below."""


def unshown(text: str, fonts: list[str] | None = None) -> str:
    """Return the characters of a text that no installed font has, each once, in their order.

    Figures hold their text as text: what shows a page takes any font that has a character.

    Args:
        fonts: files of fonts to look into; those that matplotlib finds when not given.
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
            warnings.simplefilter("ignore")  # what it says of odd fonts is nothing to the user
            try:
                known = ft2font.FT2Font(file).get_charmap()
            except (OSError, RuntimeError, ValueError):
                continue  # no font after all
        missing = {code: c for code, c in missing.items() if code not in known}
    return "".join(missing.values())
