"""A sheet of the clocks that the readers get wrong, the most confident readings first.

    python benchmarks/clocks_wrong.py benchmarks/results/clocks-DATE-any-and-course.json OUT.png

The pictures are drawn again, as `clocks.py` draws them; those of sets from elsewhere are left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clocks import sets

ACROSS, DOWN, GAP, LINE = 8, 4, 6, 20


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    found = json.loads(given.results.read_text())["sets"]
    styles = ("any", "course")
    most = next(entry["n"] for name, entry in found.items() if name.startswith("rendered"))
    wrong = []
    for name, images, _ in sets(styles, most):
        if name.startswith("rendered"):
            wrong += [(row, images[row["number"]][..., 0]) for row in found[name]["wrong"]]
    wrong.sort(key=lambda pair: -pair[0]["certainty"])
    sheet([(image, _text(row)) for row, image in wrong[: ACROSS * DOWN]]).save(
        given.out, optimize=True
    )
    print(f"written: {given.out}, {min(ACROSS * DOWN, len(wrong))} of {len(wrong)} wrong readings")


def _text(row: dict[str, object]) -> str:
    certainty = float(str(row["certainty"]))
    percent = f"{certainty:.0%}" if certainty < 0.995 else ">99%"  # as a reading is printed
    return f"{row['true']} read {row['read']}, {percent}"


def sheet(entries: list[tuple[np.ndarray, str]]) -> Image.Image:
    """Return pictures in rows, each with a line of text below."""
    side = len(entries[0][0])
    rows = -(-len(entries) // ACROSS)
    size = ACROSS * (side + GAP) - GAP, rows * (side + LINE + GAP) - GAP
    whole = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(12)
    for i, (image, text) in enumerate(entries):
        left, top = i % ACROSS * (side + GAP), i // ACROSS * (side + LINE + GAP)
        whole.paste(Image.fromarray(image), (left, top))
        pen.text((left, top + side + 2), text, fill=0, font=font)
    return whole


if __name__ == "__main__":
    main()
