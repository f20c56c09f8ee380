"""Labels of clock photos as others publish them: a picture, a box around the clock, and the time.

Read as they are: the CSV files of "It's About Time" (COCO, Open Images, Clock Movies) and
`annotations.json` of TickTockVQA.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, DataError, nearest
from assay.core.files import read_text
from assay.data.pictures import printable
from assay.subjects.clocks.reading.views import Square

__all__ = ["COLUMNS", "PhotoLabel", "read_labels"]

COLUMNS = {
    "picture": ("file_name", "image_path", "image_name"),
    "hour": ("hour",),
    "minute": ("minute",),
    "box": ("bbox_det", "bbox_gt"),
}
"""Value -> possible names of its column, of which the first one found is used. A box is [left, top,
width, height] in pixels, or a list of boxes, of which the largest is used."""

AROUND = 0.2
"""Margin of the square around the box, relative to the box's longer side."""

_HOURS, _MINUTES = 23, 59


@dataclass(frozen=True)
class PhotoLabel:
    """The label of a photo.

    Attributes:
        picture: name of its file, below the folder of the pictures.
        hour, minute: the time, hour 0..11.
        square: position of the clock with a margin; None if unknown.
        place: file and line, for messages.
    """

    picture: str
    hour: int
    minute: int
    square: Square | None
    place: str

    @property
    def part(self) -> str:
        """Top folder of the picture, which is the split in TickTockVQA; "" if there is none."""
        top, _, rest = self.picture.partition("/")
        return top if rest else ""


def read_labels(path: Path) -> list[PhotoLabel]:
    """Read a .csv or .json file of labels.

    Raises:
        DataError: the file, a time or a box is invalid; with file, line and column.
    """
    try:
        text = read_text(path, "utf-8-sig")
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({error.strerror})") from error
    found = list((_json if path.suffix.lower() == ".json" else _csv)(path, text))
    if not found:
        raise DataError(f"{printable(path)}: there are no labels in it")
    return found


def _csv(path: Path, text: str) -> Iterator[PhotoLabel]:
    lines = text.splitlines(keepends=True)
    rows = csv.reader(lines, strict=True)
    began, width, columns = 1, 0, {}
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{printable(path)}:{rows.line_num}: no CSV ({error})") from error
        if not columns:
            columns = _columns(row, f"{printable(path)}:{began}:1")
            width = len(row)
        elif row:
            starts = _starts("".join(lines[began - 1 : rows.line_num]))
            if len(row) != width:
                said = f"{len(row)} values, expected {width}, as in the first line"
                raise DataError(f"{printable(path)}:{began}:1: {said}")
            places = {k: f"{printable(path)}:{began}:{starts[i]}" for k, i in columns.items()}
            yield _label({k: row[i] for k, i in columns.items()}, places)
        began = rows.line_num + 1


def _starts(line: str) -> list[int]:
    """Return the column in which each value of a CSV line begins, counted from 1."""
    found, quoted = [1], False
    for i, letter in enumerate(line, 1):
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            found.append(i + 1)
    return found


def _columns(names: list[str], place: str) -> dict[str, int]:
    found = {}
    for what, known in COLUMNS.items():
        name = next((n for n in known if n in names), None)
        if name is not None:
            found[what] = names.index(name)
        elif what != "box":
            said = f"no column {' or '.join(known)} among {', '.join(map(printable, names))}"
            raise DataError(f"{place}: {said}{_renaming(known, names)}")
    return found


def _renaming(known: Sequence[str], names: Sequence[str]) -> str:
    """Say how to mend a line of columns without the `known` names of one of them."""
    others = [mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]]
    if others:
        return f"; the columns are separated by {others[0]!r}, expected ','"
    close = ((nearest(name, names), name) for name in known)
    said = (f"; rename column {printable(own)!r} to {name!r}" for own, name in close if own)
    return next(said, "")


def _json(path: Path, text: str) -> Iterator[PhotoLabel]:
    try:
        records = json.loads(text)
    except ValueError as error:
        at = f"{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else "1:1"
        said = getattr(error, "msg", error)
        raise DataError(f"{printable(path)}:{at}: no JSON ({said})") from error
    if not isinstance(records, list):
        said = f"expected a list of records, got {type(records).__name__}"
        raise DataError(f"{printable(path)}:1:1: {said}")
    for number, record in enumerate(records):
        place = f"{printable(path)}: record {number}"
        if not isinstance(record, Mapping):
            raise DataError(f"{place}: expected a mapping, got {type(record).__name__}")
        columns = _columns([str(key) for key in record], place)
        names = list(record)
        places = {what: f"{place}, {names[i]}" for what, i in columns.items()}
        yield _label({what: record[names[i]] for what, i in columns.items()}, places)


def _label(values: Mapping[str, Any], places: Mapping[str, str]) -> PhotoLabel:
    hour = _whole(values["hour"], _HOURS, "an hour", places["hour"])
    minute = _whole(values["minute"], _MINUTES, "a minute", places["minute"])
    name = str(values["picture"]).replace("\\", "/")
    if not name or name.startswith("/") or ".." in name.split("/"):
        said = f"expected the name of a picture in the folder, got {printable(name)!r}"
        raise DataError(f"{places['picture']}: {said}")
    square = _square(values["box"], places["box"]) if "box" in values else None
    return PhotoLabel(name, hour % 12, minute, square, places["picture"])


def _whole(value: object, most: int, what: str, place: str) -> int:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not (0 <= number <= most and number == int(number)):
        raise DataError(f"{place}: expected {what} from 0 to {most}, got {str(value)[:40]!r}")
    return int(number)


def _square(value: Any, place: str) -> Square | None:
    """Return the square around a box, in pixels; None without a box."""
    if value is None or value == "":
        return None
    try:
        boxes = json.loads(value) if isinstance(value, str) else value
        boxes = boxes if isinstance(boxes[0], list) else [boxes]
        sizes = [[float(v) for v in box] for box in boxes]
        left, top, width, height = max(sizes, key=lambda box: box[2] * box[3])
        if not (min(width, height) > 0 and left + top + width + height < float("inf")):
            raise ConfigError("no extent")
    except (ValueError, TypeError, LookupError, ConfigError):
        said = "expected a box [left, top, width, height] or a list of them"
        raise DataError(f"{place}: {said}, got {str(value)[:60]!r}") from None
    side = (1 + 2 * AROUND) * max(width, height)
    return Square(left + width / 2 - side / 2, top + height / 2 - side / 2, side)
