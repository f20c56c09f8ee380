"""Conversion of figures to SVG elements whose colours and fonts follow the page."""

from __future__ import annotations

import base64
import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from assay.core.text import visible
from assay.data.arrays import displayable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "CELLS",
    "DARK",
    "GRID",
    "INK",
    "LIGHT",
    "PALETTE",
    "PAPER",
    "in_style",
    "png_uri",
    "svg",
]

# Okabe and Ito's colours, with the light ones darkened to a contrast of 3:1 against white; the dark
# page lightens them. As matplotlib colours they suit white paper.
PALETTE = ("#0072b2", "#d55e00", "#00845f", "#b0548a", "#b07100", "#2f8dc4")
CELLS = ("#0072b3", "#d55e01")
INK, GRID, PAPER = "#1b1f24", "#d4d8de", "#fefefe"

LIGHT = {f"--c{i}": color for i, color in enumerate(PALETTE)}
LIGHT |= {"--grid": GRID, "--paper": "#ffffff", "--cell0": CELLS[0], "--cell1": CELLS[1]}
DARK = {
    **{
        f"--c{i}": color
        for i, color in enumerate(
            ("#56b4e9", "#f0803c", "#1fc191", "#dd94bc", "#f0b030", "#9ad7fa")
        )
    },
    "--grid": "#3a404a",
    "--paper": "#14171c",
    "--cell0": "#1a6ea6",
    "--cell1": "#b3560f",
}
"""CSS variables for the colours of a figure."""

_SWAP = {color: f"var(--c{i})" for i, color in enumerate(PALETTE)}
_SWAP |= {INK: "currentColor", GRID: "var(--grid)", PAPER: "var(--paper)"}
_SWAP |= {color: f"var(--cell{i})" for i, color in enumerate(CELLS)}


_STYLE = {
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,  # text is wider in other resolutions
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,  # labels are not formulas
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "axes.unicode_minus": True,
    # text remains text: the reader of the page may have fonts that are not installed here
    "svg.fonttype": "none",
    "svg.hashsalt": "assay",
}


@contextmanager
def in_style() -> Iterator[None]:
    """Draw and write figures in the style of the report, without warnings about fonts."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # widths of characters without a font here are guessed; the reader's browser shows them
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        yield


def svg(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as an SVG element to be put into a page.

    Args:
        name: prefix of every id, so that two figures in one page do not share ids.
        alt: alternative text.
    """
    out = io.StringIO()
    with in_style():
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.S)  # it would restyle the whole page
    text = re.sub(r"\s*font-family: [^;\"]*;?", "", text)  # that of the page
    text = re.sub(r" transform=\"rotate\(-0 [^\"]*\"", "", text)
    text = re.sub(r'\s*xmlns:xlink="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    text = re.sub(r"#[0-9a-f]{6}\b", lambda m: _SWAP.get(m[0], m[0]), text)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)
    title = f'<title id="{name}-title">{html.escape(visible(alt))}</title>'
    head = f'<svg role="img" aria-labelledby="{name}-title"'
    text = text.replace("<svg", head, 1)
    end = text.index(">") + 1
    return text[:end] + title + text[end:]


def png_uri(image: np.ndarray) -> str:
    """Return an image (height, width, channels) as a data URI; see `displayable`."""
    from PIL import Image

    shown = displayable(image)
    array = np.ascontiguousarray(shown[..., 0] if shown.shape[-1] == 1 else shown)
    out = io.BytesIO()
    Image.fromarray(array).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
