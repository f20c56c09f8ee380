"""A manuscript as a LaTeX folder: main.tex, references.bib, figures."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.core.text import visible
from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Citation,
    Exhibit,
    Inline,
    Link,
    Manuscript,
    Mention,
    Paragraph,
    Printout,
    Sentence,
    Styled,
    Subheading,
    exhibits,
)
from assay.reports.paper.drawn import (
    LETTERS,
    Drawing,
    Room,
    caption_height,
    continued,
    draw,
    packed,
)
from assay.reports.paper.material import slug
from assay.reports.paper.typst_exhibits import PageSize, minus, table_width
from assay.reports.tables import LATEX, Table
from assay.reports.texts import wrap

__all__ = ["latex", "latex_text"]

_GREEK = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "o",
    "pi",
    "rho",
    "varsigma",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
)
_LATIN_CAPITALS = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))
_SIGNS = {
    "“": "``", "”": "''", "‘": "`", "’": "'", "–": r"\textendash{}",
    "—": r"\textemdash{}", "…": r"\dots{}",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "≈": r"$\approx$", "≠": r"$\neq$", "·": r"$\cdot$",
    "°": r"\textdegree{}", "µ": r"$\mu$", "√": r"$\surd$", "∞": r"$\infty$", "\u00a0": "~",
    "\u2009": r"\,", "\u202f": r"\,", "\"": r"\textquotedbl{}", "²": r"$^2$", "³": r"$^3$",
}  # fmt: skip

PREAMBLE = r"""\documentclass[%(size)s,10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage{textcomp}
\usepackage[margin=2.3cm]{geometry}
\usepackage{graphicx}
\usepackage{booktabs}
\usepackage{tabularx}
\usepackage[hidelinks]{hyperref}
\setlength{\parskip}{0.5em}
\setlength{\parindent}{0pt}
\emergencystretch=3em
\setlength{\abovecaptionskip}{6pt}
\setlength{\belowcaptionskip}{6pt}
\renewcommand{\topfraction}{0.9}
\renewcommand{\floatpagefraction}{0.8}
"""


WIDER = 1.2
"""Width of Latin Modern relative to the font of Typst's templates."""


def latex(text: str) -> str:
    """Escape text for LaTeX; a character without a pdfTeX font becomes its code point."""
    shown = "".join(map(_sign, minus(visible(text))))
    return shown.replace("--", "-{}-")  # the two hyphens of an option are not a dash


def _sign(c: str) -> str:
    if c in _SIGNS:
        return _SIGNS[c]
    if c in LATEX:
        return LATEX[c]
    if ord(c) < 0x180:
        return c
    if "α" <= c <= "ω":
        name = _GREEK[ord(c) - ord("α")]
        return "o" if name == "o" else rf"$\{name}$"
    if c in _LATIN_CAPITALS:
        return _LATIN_CAPITALS[c]
    if "Α" <= c <= "Ω":
        name = _GREEK[ord(c) - ord("Α")]
        return rf"$\{name.capitalize()}$"
    plain = unicodedata.normalize("NFKD", c)
    if plain != c and all(ord(p) < 0x180 or unicodedata.combining(p) for p in plain):
        return "".join(_sign(p) for p in plain if not unicodedata.combining(p))
    return rf"\texttt{{U+{ord(c):04X}}}"


def latex_text(paper: Manuscript, folder: Path, size: str = "a4paper") -> str:
    """Write figures and references into a folder and return its main.tex.

    Args:
        size: page size, "a4paper" or "letterpaper".
    """
    writer = _LatexWriter(folder, {e.label: e.kind for e in (*exhibits(paper), *paper.appendix)})
    body = "\n".join(
        f"\\section{{{latex(chapter.title)}}}\n" + "\n\n".join(map(writer.block, chapter.blocks))
        for chapter in paper.chapters
    )
    appendix = "\n".join(writer.exhibit(e) for e in paper.appendix)
    authors = r" \and ".join(
        r"\\ ".join(latex(part) for part in (a.name, a.affiliation, a.email) if part)
        for a in paper.authors
    )
    abstract = writer.sentences(paper.abstract)
    keywords = ", ".join(map(latex, paper.keywords))
    parts = [
        PREAMBLE % {"size": size},
        f"\\hypersetup{{pdfkeywords={{{keywords}}}}}" if keywords else "",
        f"\\title{{{latex(paper.title)}}}\n\\author{{{authors}}}\n\\date{{{latex(paper.date)}}}",
        "\\begin{document}\n\\maketitle",
        f"\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}" if abstract else "",
        f"\\noindent\\textbf{{Keywords:}} {keywords}\n" if keywords else "",
        body,
        "\\bibliographystyle{unsrt}\n\\bibliography{references}" if writer.cited else "",
        f"\\clearpage\n\\appendix\n\\section*{{Appendix}}\n{appendix}" if appendix else "",
        "\\end{document}\n",
    ]
    if writer.cited:
        (folder / "references.bib").write_text(paper.references, encoding="utf-8")
    return "\n".join(part for part in parts if part)


class _LatexWriter:
    """Writes blocks, and records whether something was cited."""

    page = PageSize(6.4, 9.6)

    def __init__(self, folder: Path, kinds: Mapping[str, str]):
        self.folder, self.kinds, self.cited = folder, kinds, False

    def block(self, block: Block) -> str:
        if isinstance(block, Paragraph):
            text = self.sentences(block.sentences)
            return f"\\emph{{{text}}}" if block.style == "question" else text
        if isinstance(block, Bullets):
            kind = "enumerate" if block.numbered else "itemize"
            points = "\n".join(rf"\item {self.inlines(point)}" for point in block.points)
            return f"\\begin{{{kind}}}\n{points}\n\\end{{{kind}}}"
        if isinstance(block, Printout):
            lines = (rf"\texttt{{{latex(line)}}}" for line in block.text.split("\n"))
            return "\\begin{flushleft}\\small\n" + "\\\\\n".join(lines) + "\n\\end{flushleft}"
        if isinstance(block, Subheading):
            kind = {2: "subsection"}.get(block.level, "subsubsection*")
            return f"\\{kind}{{{latex(block.text)}}}"
        return self.exhibit(block)

    def sentences(self, sentences: Sequence[Sentence]) -> str:
        return "\n".join(self.inlines(sentence) for sentence in sentences)

    def inlines(self, sentence: Sentence) -> str:
        return "".join(self._inline(part) for part in sentence)

    def _inline(self, part: Inline) -> str:
        if isinstance(part, Styled):
            kind = {"strong": "textbf", "emphasis": "emph", "code": "texttt"}[part.style]
            return f"\\{kind}{{{latex(part.text)}}}"
        if isinstance(part, Citation):
            self.cited = True
            return f"\\cite{{{','.join(part.keys)}}}"
        if isinstance(part, Mention):
            kind = self.kinds.get(part.label)
            return f"{kind.capitalize()}~\\ref{{{slug(part.label)}}}" if kind else ""
        if isinstance(part, Link):
            return f"\\url{{{part.url}}}"
        return latex(part)

    def exhibit(self, exhibit: Exhibit) -> str:
        if isinstance(exhibit.content, Table):
            return _table(exhibit.content, latex(exhibit.caption), slug(exhibit.label))
        if isinstance(exhibit.content, str):
            name = f"{slug(exhibit.label)}{Path(exhibit.content).suffix}"
            (self.folder / name).write_bytes(Path(exhibit.content).read_bytes())
            return self._figure(exhibit, [Drawing(name, self.page.width, 0)], None)
        plot = exhibit.content
        room = Room(self.page.width, plot.small or len(plot.draws) > 1)
        files = draw(plot, room, self.folder, f"figure-{slug(exhibit.label)}", "pdf")
        high = self.page.height - caption_height(exhibit.caption, self.page.width)
        made, first = [], 0
        for part in packed(files, self.page.width, high):
            made.append(self._figure(exhibit, part, first if len(files) > 1 else None))
            first += len(part)
        return "\n".join(made)

    def _figure(self, exhibit: Exhibit, part: Sequence[Drawing], first: int | None) -> str:
        """Write the drawings of a figure on one page, with letters from `first` on."""
        shown = []
        for i, d in enumerate(part, first or 0):
            picture = rf"\includegraphics[width={d.width:.3f}in]{{{d.file}}}"
            if first is not None:
                picture = rf"\shortstack{{{picture}\\{{\footnotesize ({LETTERS[i % 26]})}}}}"
            shown.append(f"  {picture}")
        words, label = exhibit.caption, f"\n  \\label{{{slug(exhibit.label)}}}"
        if first:
            words, label = continued(exhibit.caption), ""
        return (
            ("\\addtocounter{figure}{-1}\n" if first else "")
            + "\\begin{figure}[tbp]\n  \\centering\n"
            + "\n".join(shown)
            + f"\n  \\caption{{{latex(words)}}}{label}\n\\end{{figure}}"
        )


def _table(table: Table, caption: str, name: str) -> str:
    """Write a table; if it is wider than the page, its longest texts are wrapped."""

    def line(cells: Sequence[str], bold: bool = False) -> str:
        shown = [rf"\textbf{{{latex(c)}}}" if bold and c else latex(c) for c in cells]
        return "    " + " & ".join(shown) + r" \\"

    texts = table.texts()
    wide = WIDER * table_width(table) > _LatexWriter.page.width
    align = ""
    for i, column in enumerate(table.columns):
        left = column.align == "left"
        breaks = wide and left and max((len(row[i]) for row in texts), default=0) > 20
        align += r">{\raggedright\arraybackslash}X" if breaks else "l" if left else "r"
    kind, room = ("tabularx", r"{\linewidth}") if "X" in align else ("tabular", "")
    heads = " & ".join(_head(c.header, c.align) for c in table.columns)
    rows = [line(t, bool(r.get("best"))) for r, t in zip(table.entries, texts, strict=True)]
    lines = [
        r"\begin{table}[tbp]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"  \caption{{{caption}}}",
        rf"  \label{{{name}}}",
        rf"    \begin{{{kind}}}{room}{{{align}}}",
        r"    \toprule",
        rf"    {heads} \\",
        r"    \midrule",
        *rows,
        r"    \bottomrule",
        rf"    \end{{{kind}}}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _head(text: str, align: str) -> str:
    """Write the header of a column, wrapped if it is long."""
    lines = wrap(text, 20).split("\n")
    if len(lines) == 1:
        return latex(text)
    side = "l" if align == "left" else "r"
    return rf"\shortstack[{side}]{{" + r"\\".join(map(latex, lines)) + "}"
