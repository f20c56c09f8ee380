"""Tables: plain rows for programs, columns of text for readers, and common formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from assay.core.errors import ConfigError, MissingExtraError, install_extra, unknown_name
from assay.core.text import visible
from assay.reports.flat import Row, flat

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMATS", "LATEX", "MARKDOWN", "Column", "Row", "Table"]

FORMATS = ("csv", "json", "markdown", "latex")

LATEX = {
    "\\": r"\textbackslash{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": "$-$",
    "[": "{[}",  # at the start of a row it would be an option of the preceding \\
    "]": "{]}",
    "|": r"\textbar{}",
    "\n": " ",
    "\r": " ",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters of text that a spreadsheet would evaluate (OWASP, "CSV injection")."""
MARKDOWN = {**{c: f"\\{c}" for c in "\\|`*_[]<>$~"}, "&": "&amp;", "\n": " ", "\r": " "}


@dataclass(frozen=True)
class Column:
    """A printed column.

    Attributes:
        header: the header, with its unit.
        text: returns the text of a row's cell.
        align: "right" for numbers.
    """

    header: str
    text: Callable[[Row], str]
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Table:
    """Rows with all values, and the columns to print.

    Attributes:
        title: what the table shows.
        columns: the columns to print, in order; the first one names the row.
        entries: the data of the rows; all have the same keys.
        command: the command that makes this table.
        notes: notes below the table.
    """

    title: str
    columns: tuple[Column, ...]
    entries: tuple[Row, ...]
    command: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """The entries with plain values only, for programs (see `flat`)."""
        return tuple(map(flat, self.entries))

    @property
    def headers(self) -> list[str]:
        """Headers of the printed columns."""
        return [column.header for column in self.columns]

    def texts(self) -> list[list[str]]:
        """Return the printed cells, one list for each row."""
        return [[column.text(row) for column in self.columns] for row in self.entries]

    def format(self, name: str) -> str:
        """Return the table as "csv", "json", "markdown" or "latex"; ConfigError otherwise."""
        if name not in FORMATS:
            raise ConfigError(unknown_name("format of a table", name, FORMATS))
        return getattr(self, f"to_{name}")()

    def to_csv(self) -> str:
        """Return the rows as comma-separated values with a header; None becomes an empty cell.

        Text that a spreadsheet would evaluate, such as `=SUM(A1)`, is prefixed by an apostrophe.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([_cell(name) for name in self.rows[0]] if self.rows else [])
        writer.writerows([_cell(value) for value in row.values()] for row in self.rows)
        return out.getvalue()

    def to_json(self) -> str:
        """Return title, command, notes and rows as JSON."""
        data = {"title": self.title, "command": self.command, "notes": self.notes}
        return json.dumps({**data, "rows": self.rows}, indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """Return the printed columns as a GitHub table."""

        def line(cells: list[str]) -> str:
            return f"| {' | '.join(_escape(c, MARKDOWN) for c in cells)} |"

        rule = ["---" if c.align == "left" else "--:" for c in self.columns]
        lines = [line(self.headers), f"| {' | '.join(rule)} |", *map(line, self.texts())]
        notes = [f"\n{_escape(note, MARKDOWN)}" for note in self.notes]
        return "\n".join(lines + notes) + "\n"

    def to_latex(self) -> str:
        """Return the printed columns as a table for the package booktabs."""

        def line(cells: list[str]) -> str:
            return "  " + " & ".join(_escape(c, LATEX) for c in cells) + r" \\"

        align = "".join("l" if c.align == "left" else "r" for c in self.columns)
        lines = [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_escape(' '.join((self.title + '.', *self.notes)), LATEX)}}}",
            rf"  \begin{{tabular}}{{{align}}}",
            r"  \toprule",
            line(self.headers),
            r"  \midrule",
            *map(line, self.texts()),
            r"  \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError(
                f"a DataFrame needs pandas, which is not installed; {install_extra('pandas')}"
            ) from error
        return pandas.DataFrame(list(self.rows))


def _cell(value: Any) -> Any:
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    if not isinstance(value, str):
        return value
    computed = value.startswith(_FORMULA) and not _is_number(value)
    return visible(f"'{value}" if computed else value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _escape(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
