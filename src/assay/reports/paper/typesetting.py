"""Typst as a library: from text to PDF, without downloads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, MissingExtraError, install_extra
from assay.reports.paper.typst_exhibits import PageSize

__all__ = ["STANDARDS", "Setter", "TemplateError", "Typeset"]

STANDARDS: tuple[tuple[str, ...], ...] = (("a-2a", "ua-1"), ("a-2a",), ("ua-1",), ("a-2b",), ())
"""PDF standards to try, the strictest first."""

_PACKAGE = re.compile(r"""["'](@[\w-]+/[\w.-]+(?::[\d.]+)?)["']""")
_PLACE = re.compile(r"┌─ (.+?):(\d+):(\d+)")


class TemplateError(ConfigError):
    """A template, or the content of the paper, cannot be typeset."""


@dataclass(frozen=True)
class Typeset:
    """A paper as PDF.

    Attributes:
        pdf: its content.
        pages: their number.
        standards: PDF standards that it satisfies: ("a-2a", "ua-1"), or fewer.
    """

    pdf: bytes
    pages: int
    standards: tuple[str, ...]


class Setter:
    """Typesets `main.typ` of a folder.

    Args:
        folder: the folder with all files that may be read.
        template: the user's file of which "template.typ" is a copy, for messages.
        timestamp: creation time in the PDF, in seconds since 1970.

    Raises:
        MissingExtraError: typst is not installed.
    """

    def __init__(self, folder: Path, template: Path | None, timestamp: int):
        try:
            import typst
        except ImportError as error:
            raise MissingExtraError(
                f"a PDF needs typst, which is not installed; {install_extra('paper')}"
            ) from error
        self.typst, self.folder, self.template = typst, folder, template
        self.timestamp = timestamp
        self._refuse_packages()
        self._compilers: dict[bool, Any] = {}

    def _refuse_packages(self) -> None:
        for file in sorted(self.folder.glob("*.typ")):
            for number, line in enumerate(file.read_text("utf-8", "replace").split("\n"), 1):
                if found := _PACKAGE.search(line):
                    shown = self.template if file.name == "template.typ" else file.name
                    raise TemplateError(
                        f"{shown}:{number}: the package {found[1]} would have to be downloaded, "
                        "which assay never does; write what you need into the template"
                    )

    def _compiler(self, system: bool) -> Any:
        """Return a compiler with the fonts of Typst and matplotlib, and optionally those of the
        machine."""
        if system not in self._compilers:
            import matplotlib

            fonts = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")
            self._compilers[system] = self.typst.Compiler(
                str(self.folder / "main.typ"), root=str(self.folder), font_paths=[fonts],
                ignore_system_fonts=not system, package_path=str(self.folder),
                package_cache_path=str(self.folder),
            )  # fmt: skip
        return self._compilers[system]

    def write(self, text: str) -> None:
        """Set the text to typeset."""
        (self.folder / "main.typ").write_text(text, encoding="utf-8")

    def page(self, size: str) -> PageSize:
        """Return the column width and count of the template's page.

        Raises:
            TemplateError: the template has no `paper`, or fails.
        """
        self.write(
            '#import "template.typ": paper\n#show: paper.with(title: "T", authors: (), abstract: '
            f'none, keywords: (), date: none, paper-size: "{size}", references: none, appendix: '
            "none)\n= A\nB\n#context layout(size => "
            "[#metadata((size.width.pt(), size.height.pt(), page.columns)) <assay-page>])\n"
        )
        import json

        found = json.loads(self._query("<assay-page>"))
        width, height, columns = found[0] if found else (468.0, 684.0, 1)
        return PageSize(width / 72, height / 72, int(columns or 1))

    def pages(self) -> int:
        """Return the number of pages."""
        import json

        found = json.loads(self._query("<assay-pages>"))
        return int(found[0]) if found else 0

    def _query(self, selector: str) -> str:
        try:
            return self._compiler(False).query(selector, field="value")
        except RuntimeError:  # without its place, which the compiler reports
            self.typeset(((),))
            raise

    def typeset(self, standards: Sequence[tuple[str, ...]] = STANDARDS) -> Typeset:
        """Return the PDF with the strictest standards that it can satisfy.

        Raises:
            TemplateError: it cannot be typeset at all.
        """
        last: Exception | None = None
        for kept in standards:
            for system in (False, True):
                try:
                    pdf = self._compiler(system).compile(
                        format="pdf", pdf_standards=list(kept), timestamp=self.timestamp
                    )
                    return Typeset(pdf, self.pages(), kept)
                except self.typst.TypstError as error:
                    last = error
                    if not str(error.message).startswith("PDF/"):
                        break
        try:  # an internal error of tagging, if two columns float
            pdf = self._compiler(True).compile(
                format="pdf", timestamp=self.timestamp, pdf_tags=False
            )
            return Typeset(pdf, self.pages(), ())
        except self.typst.TypstError as error:
            raise self._error(last or error) from None

    def _error(self, error: Any) -> TemplateError:
        place = _PLACE.search(str(getattr(error, "diagnostic", "")))
        said = " ".join(str(error.message).split())
        hints = "".join(f" ({hint})" for hint in getattr(error, "hints", [])[:2])
        where = ""
        if place:
            name = Path(place[1]).name
            shown = self.template if self.template and name == "template.typ" else name
            where = f"{shown}:{place[2]}:{place[3]}: "
            if self.template and name == "main.typ" and said == "unresolved import":
                where, said = f"{self.template}: ", "it does not define `paper`; see docs/paper.md"
            elif self.template and name == "main.typ" and "argument" in said:
                where = f"{self.template}: its `paper` must take the arguments of docs/paper.md: "
        return TemplateError(f"{where}{said}{hints}")
