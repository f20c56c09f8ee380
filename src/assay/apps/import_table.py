"""Reading runs of a CSV file, for `assay import`."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from assay.apps.imported import ImportedRun, full_name, number
from assay.core.errors import ConfigError, brief, unknown_name

__all__ = ["read_table"]

Line = tuple[int, list[str]]
"""The number of a line of the file, counted from 1, and its cells."""

_SEPARATORS = {";": "';'", "\t": "tabs"}


def read_table(path: Path, factors: Sequence[str]) -> list[ImportedRun]:
    """Read a CSV file: a row for each run; numbers are metrics, texts are levels of factors.

    An empty cell is a missing value; nan and inf are values.

    Args:
        factors: columns that are factors although they hold numbers.

    Raises:
        ConfigError: it is no CSV file, has no row or no metric, or has an invalid value.
    """
    (top, header), *rows = _lines(path)
    names = [name for name in header if name]
    _check_header(path, top, header)
    if not rows:
        raise ConfigError(f"{path} has a header ({', '.join(names)}) but no row")
    _check_rows(path, (top, header), rows)
    for name in factors:
        if name not in names:
            raise ConfigError(f"{path}: {unknown_name('column', name, names)}")
    table = [(line, dict(zip(header, row, strict=True))) for line, row in rows]
    used = [n for n in names if n in factors or any(row[n].strip() for _, row in table)]
    measured = [
        name
        for name in used
        if name not in ("seed", "trial", *factors) and _numeric(row[name] for _, row in table)
    ]
    if not measured:
        raise ConfigError(
            f"{path} has no column of numbers for the metric (columns: {', '.join(names)})"
        )
    _check_meanings(f"{path}:{top}", measured)
    found = []
    for line, row in table:
        seed = row.get("seed")
        if seed is not None and not re.fullmatch(r"\s*\d{1,99}\s*", seed):
            said = f"a seed must be a whole number, got {brief(repr(seed))}"
            raise ConfigError(f"{path}:{line}: {said}")
        levels = {n: row[n] for n in used if n != "seed" and n not in measured}
        metrics = {n: _value(row[n], f"{path}:{line}") for n in measured}
        found.append(
            ImportedRun(levels, None if seed is None else int(seed), metrics, f"{path}:{line}")
        )
    return found


def _value(cell: str, place: str) -> float | None:
    """Return the number in a cell, None for an empty one; 1e999 is no infinity of a run."""
    if not (text := cell.strip()):
        return None
    value = float(text)
    if math.isinf(value) and "inf" not in text.lower():
        raise ConfigError(f"{place}: {brief(text)} is too large for a number")
    return value


def _lines(path: Path) -> list[Line]:
    """Return the lines with something in them, each with the number of its first line.

    A line of separators alone, as spreadsheets write at the end, names no run.
    """
    found: list[Line] = []
    end = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if any(cell.strip() for cell in row):
                    found.append((end + 1, row))
                end = reader.line_num
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is not a CSV file: {error}") from None
    if not found:
        raise ConfigError(f"{path} is empty")
    return found


def _check_header(path: Path, line: int, header: Sequence[str]) -> None:
    """Raise ConfigError if the columns are not separated by commas, or have equal names."""
    for mark, told in _SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            convert = f"pandas.read_csv({path.name!r}, sep={mark!r}, decimal=',')"
            raise ConfigError(
                f"{path}:{line}: the values are separated by {told}, expected ',' between values "
                f"and '.' in decimals; save it anew, or convert it in Python: "
                f"{convert}.to_csv('commas.csv', index=False)"
            )
    twice = next((n for i, n in enumerate(header) if n and n in header[:i]), None)
    if twice is not None:
        raise ConfigError(f"{path}:{line}: column {twice!r} is given twice")


def _check_rows(path: Path, top: Line, rows: Sequence[Line]) -> None:
    """Raise ConfigError unless each row has a value for each column, and the file is a table."""
    above, header = top
    wrong = next(((line, row) for line, row in rows if len(row) != len(header)), None)
    if len(header) == 1 and (wrong or not _numeric(row[0] for _, row in rows)):
        raise ConfigError(
            f"{path}:{above}: expected a CSV file with the names of its columns, separated by "
            f"commas, and a column of numbers; got {brief(header[0])!r}"
        )
    if wrong:
        line, row = wrong
        raise ConfigError(
            f"{path}:{line}: expected {len(header)} values, one for each column of the header "
            f"({brief(', '.join(header))}), got {len(row)}"
        )


def _check_meanings(place: str, measured: Sequence[str]) -> None:
    """Raise ConfigError if two columns are the same metric, such as accuracy and test_accuracy."""
    known: dict[str, str] = {}
    for name in measured:
        other = known.setdefault(full_name(name), name)
        if other != name:
            raise ConfigError(
                f"{place}: columns {other!r} and {name!r} are the same metric; expected one of them"
            )


def _numeric(cells: Iterable[str]) -> bool:
    """Whether all cells that are not empty are numbers, and there are some."""
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(number(cell) is not None for cell in filled)
