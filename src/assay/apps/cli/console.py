"""Writing to a terminal or a pipe: tables that fit, text without truncation, errors on stderr.

All output passes through `shown`, so that labels, questions, file names and arguments contain no
escape sequences and only characters of the terminal's encoding.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from math import inf, isfinite
from textwrap import wrap
from typing import TYPE_CHECKING

from assay.core.text import encodable, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = [
    "document",
    "error",
    "fields",
    "heading",
    "json",
    "json_text",
    "points",
    "progress",
    "remark",
    "say",
    "shown",
    "smallest_width",
    "styled",
    "table",
    "terminal",
]

PIPE_WIDTH = 200
NEWLINE = "\n"
HEADING = 15
"""Minimum width at which the heading of a numeric column is wrapped."""
QUIET = 2.0
"""Work that ends within so many seconds reports no progress."""
SOON = 0.02
"""Fraction of the work after which the time left can be estimated."""


def terminal() -> Console:
    """The console of standard output; a pipe gets wide lines instead of 80 columns."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=sys.stdout, width=wide, highlight=False, emoji=False)


def shown(value: object, stream: object = None) -> str:
    """Return text that a stream can encode, with escape sequences made visible.

    Args:
        stream: standard output by default.
    """
    return encodable(visible(str(value)), getattr(stream or sys.stdout, "encoding", None))


def styled(value: object, style: str = "") -> Text:
    """The same as `shown`, for rich, which then finds no markup in it."""
    from rich.text import Text

    return Text(shown(value), style)


def say(text: str = "", style: str = "") -> None:
    """Print text without markup; lines are wrapped only in a terminal."""
    terminal().print(styled(text, style), soft_wrap=not sys.stdout.isatty())


def document(text: str) -> None:
    """Print text with its own format (CSV, LaTeX, code) without wrapping lines."""
    sys.stdout.write(f"{shown(text).removesuffix(NEWLINE)}{NEWLINE}")


def json(data: object) -> None:
    """Print data as strict JSON; non-finite numbers become null."""
    from json import dumps

    json_text(dumps(_plain(data), indent=2, allow_nan=False))


def json_text(text: str) -> None:
    """Print the result of `dumps` unchanged: it is ASCII, and its escapes must stay."""
    sys.stdout.write(text.replace("\x7f", r"\u007f") + NEWLINE)


def _plain(data: object) -> object:
    if isinstance(data, dict):
        return {str(name): _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float):
        return data if isfinite(data) else None
    return data if data is None or isinstance(data, str | int) else str(data)


def remark(text: str) -> None:
    """Print a remark to standard error."""
    print(shown(text, sys.stderr), file=sys.stderr, flush=True)


def heading(text: str) -> None:
    """Print a heading."""
    say()
    say(text, style="bold")


def error(text: str) -> None:
    """Print `error: text` to standard error, in colour only in a terminal."""
    mark = "error:"
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        mark = "\x1b[1;31merror:\x1b[0m"
    separator = "\n" if "\n" in text else " "
    print(f"{mark}{separator}{shown(text, sys.stderr)}", file=sys.stderr)


def points(texts: Sequence[str]) -> None:
    """Print each text after a dash; in a terminal, further lines are indented below the first."""
    from rich.table import Table

    texts = [text.replace(NEWLINE, " ") for text in texts]
    if not sys.stdout.isatty():
        for text in texts:
            print(f"- {shown(text)}")
        return
    view = Table.grid(padding=(0, 1))
    for text in texts:
        view.add_row("-", styled(text))
    terminal().print(view)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "") -> None:
    """Print a table; if it does not fit, print each row as lines `column: value`.

    Args:
        columns: headings; ">" at the start marks a numeric column, aligned right.
        rows: cells, shown with str(); None is shown as an empty cell.
        empty: text to print if there are no rows.
    """
    if not rows:
        say(empty)
        return
    columns = [shown(column) for column in columns]
    names = [c.removeprefix(">") for c in columns]
    cells = [["" if cell is None else shown(cell) for cell in row] for row in rows]
    console = terminal()
    if smallest_width(columns, cells) > console.width:
        for row in cells:
            fields({n: c for n, c in zip(names, row, strict=True) if c})
            say()
        return
    from rich import box
    from rich.table import Table

    view = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    heads = []
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        number = column.startswith(">")
        if number:  # numbers are never wrapped, but their heading may be
            longest = max(len(row[i]) for row in cells)
            name = NEWLINE.join(wrap(name, max(longest, *map(len, name.split()), HEADING)))
        heads.append(name)
        view.add_column(styled(name), justify="right" if number else "left", no_wrap=number)
    if _natural_width(heads, cells) <= console.width:
        # no cell is wrapped: printing one row takes a quarter of the time, and a study may have a
        # thousand trials
        cells = [[NEWLINE.join(column) for column in zip(*cells, strict=True)]]
    for row in cells:
        view.add_row(*map(styled, row))
    console.print(view)


def _natural_width(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> float:
    """Width at which no cell is wrapped; infinite if a cell contains line breaks or columns."""
    from rich.cells import cell_len

    if any(NEWLINE in cell or "\t" in cell for row in cells for cell in row):
        return inf
    widths = [
        max(map(cell_len, (*head.split(NEWLINE), *column)))
        for head, *column in zip(heads, *cells, strict=True)
    ]
    return sum(widths) + 3 * (len(widths) - 1)


def fields(pairs: dict[str, object]) -> None:
    """Print names and values in two columns; long values are wrapped within theirs."""
    from rich.table import Table

    if not pairs:
        return
    console = terminal()
    if 2 * max(map(len, pairs)) > console.width:
        for name, value in pairs.items():
            say(f"{name}: {value}")
        return
    view = Table.grid(padding=(0, 2))
    view.add_column(no_wrap=True, style="dim")
    view.add_column(overflow="fold")
    for name, value in pairs.items():
        view.add_row(styled(name), styled(value))
    console.print(view)


def smallest_width(
    columns: Sequence[str], cells: Sequence[Sequence[str]], whole: bool = False
) -> int:
    """Width below which a table would split numbers or words.

    Args:
        whole: also keep texts of up to 24 characters on one line.
    """
    total = 0
    for column, *texts in zip(columns, *cells, strict=True):
        name = column.removeprefix(">")
        lines = max(map(len, texts), default=0)
        words = max((len(word) for text in (name, *texts) for word in text.split()), default=0)
        if column.startswith(">"):
            total += max(words, lines, min(len(name), HEADING))
        else:
            total += min(24, lines if whole else words)
    return total + 3 * (len(columns) - 1)


def progress() -> Callable[[float, str], None]:
    """Show the progress of one long piece of work on standard error, with the time left.

    Returns:
        A function to call with the fraction done, 0 to 1, and the current step.
    """
    began, said = time.monotonic(), [-1]

    def told(share: float, doing: str) -> None:
        tenth, passed = int(10 * share), time.monotonic() - began
        if tenth != said[0] and 0 < share < 1 and passed > QUIET and share > SOON:
            said[0] = tenth
            left = passed * (1 - share) / share
            remark(f"{share:.0%} {doing}, about {left:.0f} s left")

    return told
