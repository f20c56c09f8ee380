"""An author's own text: Markdown whose headings name chapters of the paper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from assay.core.errors import ConfigError, MissingExtraError, did_you_mean, install_extra, nearest
from assay.core.files import read_text
from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Citation,
    Exhibit,
    Inline,
    Link,
    Paragraph,
    Printout,
    Styled,
    Subheading,
)
from assay.reports.paper.content import chapter_called
from assay.reports.paper.material import slug

__all__ = ["read_prose"]

PICTURES = (".png", ".jpg", ".jpeg")

_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:")
_CITED = re.compile(r"\[(@[\w:.-]+(?:\s*;\s*@[\w:.-]+)*)\]")
_SPACED = re.compile(r"!\[[^\]]*\]\(([^()<>\"']*\s[^()<>\"']*)\)")
"""What looks like a picture and is text in Markdown, because its name has a space."""


def read_prose(
    path: Path, chapters: Mapping[str, str], known: Sequence[str]
) -> dict[str, list[Block]]:
    """Return the author's blocks by the name of their chapter.

    The headings of the highest level name chapters, by name or title; deeper ones are the author's
    own. `[@key]` cites. The address of a link follows its words in parentheses. The file is not
    changed.

    Args:
        chapters: name -> title of the existing chapters.
        known: BibTeX keys that can be cited.

    Raises:
        ConfigError: the file cannot be read, names no such chapter, cites an unknown key, shows a
            picture that is not there, has text before its first heading, or something where a paper
            has no place for it, such as a picture in a heading.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(f"the text {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise MissingExtraError(
            f"text for a paper needs markdown-it-py; {install_extra('paper')}"
        ) from error
    return _ProseReader(path, chapters, known, MarkdownIt("commonmark").parse(text)).read()


class _ProseReader:
    """Reads the tokens of markdown-it in one pass."""

    def __init__(
        self, path: Path, chapters: Mapping[str, str], known: Sequence[str], tokens: list[Any]
    ):
        self.path, self.chapters, self.known, self.tokens = path, chapters, known, tokens
        levels = [int(t.tag[1]) for t in tokens if t.type == "heading_open"]
        self.top = min(levels, default=1)
        self.found: dict[str, list[Block]] = {}
        self.blocks: list[Block] | None = None
        self.line = 1
        self.pictures = 0
        self.waiting: list[Exhibit] = []  # pictures of a paragraph or list that is being read

    def wrong(self, said: str) -> ConfigError:
        return ConfigError(f"{self.path}:{self.line}: {said}")

    def read(self) -> dict[str, list[Block]]:
        at = 0
        while at < len(self.tokens):
            token = self.tokens[at]
            self.line = token.map[0] + 1 if token.map else self.line
            at = self._one(token, at)
        return self.found

    def _one(self, token: Any, at: int) -> int:
        """Read the block that begins here; return the position of the next one."""
        if token.type == "heading_open":
            level = int(token.tag[1])
            parts = self._inlines(self.tokens[at + 1])
            if self.waiting or any(isinstance(part, Citation) for part in parts):
                raise self.wrong("a heading has a picture or a citation, expected only text; put "
                                 "it below the heading")  # fmt: skip
            title = "".join(map(_plain, parts))
            if level == self.top:
                self.blocks = self.found.setdefault(self._chapter(title), [])
            else:
                self._put(Subheading(title, min(1 + level - self.top, 3)))
            return at + 3
        if token.type == "paragraph_open":
            self._paragraph(self.tokens[at + 1])
            return at + 3
        if token.type in ("bullet_list_open", "ordered_list_open"):
            return self._points(at, token.type.startswith("ordered"))
        if token.type in ("fence", "code_block"):
            self._put(Printout(token.content.rstrip("\n")))
        self._refuse_html(token)
        return at + 1

    def _refuse_html(self, token: Any) -> None:
        if token.type == "html_block" and not token.content.startswith("<!--"):
            raise self.wrong("HTML is not supported; write Markdown")

    def _put(self, block: Block) -> None:
        if self.blocks is None:
            raise self.wrong("text before the first heading, expected a heading that names a "
                             f"section: {self._names()}")  # fmt: skip
        if self.blocks is self.found.get("abstract") and not isinstance(block, Paragraph):
            raise self.wrong("an abstract has only paragraphs of text; put lists, pictures, code "
                             "and headings into another section")  # fmt: skip
        self.blocks.append(block)

    def _put_waiting(self) -> None:
        for picture in self.waiting:
            self._put(picture)
        self.waiting = []

    def _names(self) -> str:
        return ", ".join(self.chapters)

    def _chapter(self, title: str) -> str:
        if (name := chapter_called(title, self.chapters)) is not None:
            return name
        hint = did_you_mean(nearest(slug(title), self.chapters))
        raise self.wrong(f"no such section {title!r}{hint} (known: {self._names()})")

    def _paragraph(self, inline: Any) -> None:
        parts = self._inlines(inline)
        self._put_waiting()
        if parts:
            self._put(Paragraph((tuple(parts),)))

    def _picture(self, child: Any) -> Exhibit:
        name = unquote(str(child.attrs["src"]))  # markdown-it encodes addresses
        source = self.path.parent / name
        if source.suffix.lower() not in PICTURES or not source.is_file():
            raise self.wrong(
                f"the picture {name!r} is not there, expected a file that ends in "
                f"{', '.join(PICTURES)}"
            )
        self.pictures += 1
        caption = child.content or source.stem
        return Exhibit(f"own/{slug(source.stem)}-{self.pictures}", str(source), caption, 0)

    def _points(self, at: int, numbered: bool) -> int:
        """Read a list, whose pictures are placed behind it; return the position of what follows."""
        depth, points = 0, []
        while True:
            token = self.tokens[at]
            self.line = token.map[0] + 1 if token.map else self.line
            depth += token.nesting if "_list_" in token.type else 0
            if token.type == "inline" and (parts := self._inlines(token)):
                points.append(tuple(parts))
            elif token.type in ("fence", "code_block"):
                raise self.wrong("a list has a block of code, expected only text and pictures; put "
                                 "it above or below the list")  # fmt: skip
            self._refuse_html(token)
            at += 1
            if depth == 0:
                break
        if points:
            self._put(Bullets(tuple(points), numbered))
        self._put_waiting()
        return at

    def _inlines(self, inline: Any) -> list[Inline]:
        """Read text; its pictures wait for `_put_waiting`."""
        first = self.line
        parts: list[Inline] = []
        style: list[str] = []
        joined, opened, address = "", 0, ""
        for child in inline.children or ():
            if child.type in ("text", "softbreak", "hardbreak"):
                joined += child.content if child.type == "text" else " "
                self.line += child.type != "text"
                continue
            parts += self._cited(joined, style)
            joined = ""
            if child.type == "code_inline":
                parts.append(Styled(child.content, "code"))
            elif child.type in ("em_open", "strong_open"):
                style.append("emphasis" if child.type == "em_open" else "strong")
            elif child.type in ("em_close", "strong_close"):
                style.pop()
            elif child.type == "image":
                self.waiting.append(self._picture(child))
            elif child.type == "link_open":
                opened, address = len(parts), str(child.attrs["href"])
            elif child.type == "link_close":
                parts[opened:] = _linked(parts[opened:], address)
            elif child.type == "html_inline":
                joined += child.content
        parts += self._cited(joined, style)
        self.line = first
        return parts

    def _cited(self, text: str, style: Sequence[str]) -> list[Inline]:
        if found := _SPACED.search(text):
            raise self.wrong(
                f"the name of the picture {found[1]!r} has a space; write it in angle brackets, "
                f"![](<{found[1]}>)"
            )
        parts: list[Inline] = []
        for i, piece in enumerate(_CITED.split(text)):
            if i % 2:
                keys = tuple(key.strip()[1:] for key in piece.split(";"))
                for key in keys:
                    if key not in self.known:
                        hint = did_you_mean(nearest(key, self.known))
                        raise self.wrong(f"no reference has the key {key!r}{hint}")
                parts.append(Citation(keys))
            elif piece:
                parts.append(Styled(piece, style[-1]) if style else piece)
        return parts


def _linked(parts: list[Inline], address: str) -> list[Inline]:
    """Return the words of a link with its address, which paper cannot hide behind them."""
    shown = unquote("".join(map(_plain, parts)))
    if not address or address == f"mailto:{shown}":
        return parts
    whole = Link(address) if _SCHEME.match(address) else unquote(address)
    return [whole] if shown in ("", unquote(address)) else [*parts, " (", whole, ")"]


def _plain(part: Inline) -> str:
    if isinstance(part, Link):
        return part.url
    return part if isinstance(part, str) else getattr(part, "text", "")
