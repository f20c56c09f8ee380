"""Readers on clocks that other people drew: icons and clip art.

    for package in $(tail -n +2 benchmarks/drawings.csv | cut -d, -f1 | sort -u)
    do apt-get download $package; done; for file in *.deb; do dpkg -x $file FOLDER; done
    python benchmarks/drawings.py FOLDER [--reader FILE|any|course] [--sheet OUT.png]

`drawings.csv` names packages of Debian 12, their files, and the time, which a person read: that of
the minute hand, and the hour for which the hour hand is off by at most 12 degrees (24 minutes; in
icons it seldom is where it belongs). Drawings with other hands are left out. Pictures without a
time show no clock. `seen: yes` are those by which the readers were found wanting on 2026-12-01,
before dials without numerals or mark and bold hands were drawn for training; `no` were read
afterwards only. SVG files are drawn by `rsvg-convert` (librsvg2-bin) at 256 pixels, and everything
on white. Writes results/drawings-DATE-STYLE.json.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from assay.core.machine import machine
from assay.subjects.clocks.app import find_readers
from assay.subjects.clocks.reading.ensemble import Ensemble
from assay.subjects.clocks.reading.reader import CERTAIN, Sight
from assay.subjects.clocks.time import distance, text
from clocks_wrong import sheet

SIDE = 256
SURE = 0.9
SHOWN = 150


def picture(file: Path) -> Image.Image:
    """The picture of a file, on white."""
    if file.suffix == ".svg":
        command = ["rsvg-convert", "--width", str(SIDE), "--height", str(SIDE), str(file)]
        found = Image.open(io.BytesIO(subprocess.run(command, capture_output=True).stdout))
    else:
        found = Image.open(file)
    drawn = found.convert("RGBA")
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    return white.convert("RGB")


def minutes_of(time: str) -> int:
    """Minutes after 12:00 of "3:07"."""
    hour, minute = time.split(":")
    return int(hour) % 12 * 60 + int(minute)


def result(rows: list[dict[str, str]], sights: list[Sight]) -> dict[str, Any]:
    """What readings of clocks are worth; those that are off by more than a minute are named."""
    true = np.array([minutes_of(row["time"]) for row in rows])
    error = distance(np.array([s.minutes for s in sights]), true)
    sure = np.array([s.certainty > SURE for s in sights])
    wrong = [
        {"file": row["file"], "true": row["time"], "read": text(s.minutes), "minutes": float(e),
         "certainty": round(s.certainty, 3)}
        for row, s, e in zip(rows, sights, error, strict=True) if e > 1
    ]  # fmt: skip
    return {
        "n": len(rows), "within_1": int((error <= 1).sum()), "within_5": int((error <= 5).sum()),
        "unread": sum(not s.readable for s in sights), "sure": int(sure.sum()),
        "right_when_sure": int((error[sure] <= 1).sum()), "wrong": wrong,
    }  # fmt: skip


def main() -> None:
    """Read, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reader", help="a reader's file, or a style")
    parser.add_argument("--sheet", type=Path, help="PNG file of the clocks with their readings")
    given = parser.parse_args()
    reader, here = find_readers(given.reader), Path(__file__).parent
    with (here / "drawings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = [picture(given.folder / row["file"]) for row in rows]
    sights = [reader.read(np.asarray(image)) for image in pictures]
    readers = reader.readers if isinstance(reader, Ensemble) else (reader,)
    style, date = reader_name(readers), datetime.date.today().isoformat()
    found: dict[str, Any] = {"date": date, "machine": machine(), "readers": [
        {k: r.about.get(k) for k in ("run", "images", "style")} for r in readers
    ]}  # fmt: skip
    for seen in ("yes", "no"):
        some = [i for i, row in enumerate(rows) if row["time"] and row["seen"] == seen]
        name = "seen before" if seen == "yes" else "seen afterwards only"
        found[name] = result([rows[i] for i in some], [sights[i] for i in some])
    others = [s.certainty for s, row in zip(sights, rows, strict=True) if not row["time"]]
    found["no clock"] = {
        "n": len(others),
        "read": sum(certainty >= CERTAIN for certainty in others),
        "sure": sum(certainty > SURE for certainty in others),
    }
    print(json.dumps(found, indent=1))
    path = here / "results" / f"drawings-{date}-{style}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    if given.sheet:
        entries = [
            (np.asarray(image.convert("L").resize((SHOWN, SHOWN))),
             f"{row['time']}: {text(s.minutes)}, {s.percent}")
            for image, row, s in zip(pictures, rows, sights, strict=True) if row["time"]
        ]  # fmt: skip
        sheet(entries).save(given.sheet, optimize=True)


def reader_name(readers: tuple[Any, ...]) -> str:
    """Styles of the readers, for a file name."""
    return "-and-".join(str(reader.about["style"]) for reader in readers)


if __name__ == "__main__":
    main()
