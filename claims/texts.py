"""The texts whose numbers are checked: their words in one line each, and where each one stood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NUMBER", "Text", "read_text", "text_files"]

NUMBER = r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?"
"""A number as people write it: 1,797, -0.3, 97.90."""

_NUMBERS = re.compile(rf"(?<![\w.]){NUMBER}(?!\w|\.\d)")
_SPACE = re.compile(r"\s+")

_CODE = r"(?<!`)`(?!`)(?:(?!\n\n)[^`])+`"

_MARKDOWN = {
    "code block": r"(?ms)^```(?!text)\w+$.*?^```$",
    "indented code": r"(?m)^(?:    .*\n?)+",
    "code": _CODE,
    "target of a link": r"\]\([^)]*\)",
    "size of a picture": r'\b(?:width|height)="\d+"',
    "number of a list's item": r"(?m)^\d+\.(?= )",
}
"""What is no sentence in Markdown. Blocks of output (```text) are sentences."""

_ANYWHERE = {
    "file": r"\b(?:results|docs|tests)/[\w*./-]+",
    "date": r"\b\d{4}-\d\d-\d\d\b",
    "name with digits": r"[A-Za-z_#]\w*\d[\w.]*",
    "name with a number": r"\b(?:[A-Z]+-\d+|3[dr]d)\b",
    "power of ten, a setting": r"\b\d+(?:\.\d+)?e-?\d+\b",
    "size": r"\b\d+x\d+(?:x\d+)*\b",
    "units of a network": r"\b\d+(?:-\d+)+\b",
    "confidence of every interval": r"\b95 %(?= (?:CI|t-interval|interval|bootstrap))",
    "version": r"\b(?:PyTorch|TensorFlow|Keras|Python|opset|version) \d+(?:\.\d+)*",
    "year of a paper": r"\b(?:al\.|MLSys|ICLR|ed\.) \d{4}\b",
    "place in a file": r"\.yaml:\d+:\d+",
}
"""What is a number and no result, wherever it stands."""


@dataclass
class Text:
    """A text, its white space made single so that a phrase may go over the end of a line.

    Attributes:
        name: of the file, from the root of the repository.
        words: the text.
        lines: the line of each character of `words`.
        passed: whether each character belongs to what `_MARKDOWN` and `_ANYWHERE` pass over.
    """

    name: str
    words: str
    lines: list[int]
    passed: list[bool]

    def numbers(self) -> list[re.Match[str]]:
        """Every number that is not passed over, in its order."""
        return [m for m in _NUMBERS.finditer(self.words) if not self.passed[m.start()]]

    def place(self, position: int) -> str:
        """FILE:LINE of a character."""
        return f"{self.name}:{self.lines[position]}"


GENERATED = {"docs/studies.md", "docs/results.md"}
"""Written from declarations and from records, which tests compare with them."""


def text_files(root: Path) -> list[str]:
    """Every text of the repository whose numbers are checked."""
    patterns = (
        "README.md",
        "docs/*.md",
        "benchmarks/README.md",
        "src/assay/library/*.yaml",
        "src/assay/subjects/*/studies/*.yaml",
    )
    found = [str(p.relative_to(root)) for pattern in patterns for p in sorted(root.glob(pattern))]
    return [name for name in found if name not in GENERATED]


def read_text(name: str, raw: str) -> Text:
    """Take a text apart.

    Args:
        name: of the file; of a study (.yaml) only the comment at its head is read.
    """
    markdown = not name.endswith(".yaml")
    if not markdown:
        head = re.match(r"(?:#.*\n)*", raw)
        raw = re.sub(r"(?m)^#", " ", head.group() if head else "")
    passed = [False] * len(raw)
    for pattern in _MARKDOWN.values() if markdown else [_CODE]:
        _mark(passed, pattern, raw)
    words, lines, kept = [], [], []
    line = 1
    for match in re.finditer(r"\s+|\S", raw):
        words.append(" " if match.group().isspace() else match.group())
        lines.append(line)
        kept.append(passed[match.start()])
        line += match.group().count("\n")
    for pattern in _ANYWHERE.values():
        _mark(kept, pattern, "".join(words))
    return Text(name, "".join(words), lines, kept)


def _mark(passed: list[bool], pattern: str, text: str) -> None:
    """Note what matches as passed over."""
    for match in re.finditer(pattern, text):
        passed[match.start() : match.end()] = [True] * (match.end() - match.start())
