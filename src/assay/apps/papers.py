"""Papers: writes stored studies, with an author's own text, as PDF, LaTeX or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import ConfigError, StoreError, unknown_name
from assay.core.files import read_text

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.reports.drawing import Plot
    from assay.reports.paper.blocks import Author, Manuscript
    from assay.reports.paper.material import Material
    from assay.reports.paper.writing import Written

__all__ = [
    "FORMATS",
    "PaperSettings",
    "material",
    "paper_command",
    "read_paper",
    "write_paper",
]

FORMATS = {"html": ".html", "pdf": ".pdf", "latex": "-latex", "markdown": ".md"}
"""Format of a paper -> ending of its file or folder."""


@dataclass(frozen=True)
class PaperSettings:
    """Settings of a paper; see docs/paper.md.

    Attributes:
        title: by default the question of the only study, or the names of all.
        authors: each an `Author`, "Name", "Name, affiliation" or "Name, affiliation, email".
        abstract: replaces the one that is generated from the results.
        order: names of chapters in their order.
        template: "course", "ieee", "icml" or a Typst file.
        size: "a4" or "letter".
        text: the author's own text, Markdown whose headings name chapters.
        references: BibTeX entries that the text cites.
        figures: figures to keep, by number or name.
        max_pages: maximum number of pages of the PDF.
        appendix: move what is left out to an appendix.
        keywords: shown below the abstract.
        command: command that the paper prints as its source; by default built from the other
            settings.
    """

    title: str | None = None
    authors: tuple[Author | str, ...] = ()
    abstract: str | None = None
    order: tuple[str, ...] = ()
    template: str = "course"
    size: str = "a4"
    text: Path | None = None
    references: Path | None = None
    figures: tuple[str, ...] = ()
    max_pages: int | None = None
    appendix: bool = False
    keywords: tuple[str, ...] = field(default=())
    command: str = ""


def read_paper(path: Path) -> tuple[list[str], PaperSettings] | None:
    """Return the studies and settings of a YAML file with the key `paper`; None for any other file.

    Its paths are relative to its folder.

    Raises:
        ConfigError: something in it is wrong, with line and column.
    """
    from assay.core.config import Entry, Problems
    from assay.core.yaml import read_yaml_file

    source = read_yaml_file(path, str(path))
    if not isinstance(source.data, dict) or "paper" not in source.data:
        return None
    problems = Problems()
    root = Entry(source.data, (), source, problems).keys("key of a paper's file", ["paper"])
    entries = root["paper"].keys("setting of a paper", _READERS)
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        with problems.collect(entry):
            found[name] = _READERS[name](entry)
    problems.raise_if_any()
    if not found.get("studies"):
        raise root["paper"].error("a paper needs `studies`, a list of names")
    for name in ("text", "references"):
        if name in found:
            found[name] = path.parent / found[name]
    if str(found.get("template", "")).endswith(".typ"):
        found["template"] = str(path.parent / found["template"])
    return found.pop("studies"), PaperSettings(**found)


def _texts(entry: Any) -> tuple[str, ...]:
    items = entry.items() if isinstance(entry.value, list) else [entry]
    return tuple(str(item.integer(1)) if isinstance(item.value, int) else item.text()
                 for item in items)  # fmt: skip


def _people(entry: Any) -> tuple[Author, ...]:
    from assay.reports.paper.blocks import Author

    people = []
    for item in entry.items() if isinstance(entry.value, list) else [entry]:
        with item.problems.collect(item):
            if not isinstance(item.value, dict):
                people.append(_author(item.text()))
                continue
            parts = item.keys("key of an author", ["name", "affiliation", "email"])
            if "name" not in parts:
                raise item.error(f"an author needs `name`, got {', '.join(parts) or 'no key'}")
            people.append(Author(**{key: part.text() for key, part in parts.items()}))
    return tuple(people)


_READERS: dict[str, Any] = {
    "title": lambda entry: entry.text(),
    "authors": _people,
    "abstract": lambda entry: entry.text(),
    "keywords": _texts,
    "studies": lambda entry: list(_texts(entry)),
    "order": _texts,
    "template": lambda entry: entry.text(),
    "size": lambda entry: entry.choice("size of paper", ["a4", "letter"]),
    "text": lambda entry: Path(entry.text()),
    "references": lambda entry: Path(entry.text()),
    "figures": _texts,
    "max_pages": lambda entry: entry.integer(1),
    "appendix": lambda entry: entry.flag(),
}


def material(results: Results) -> Material:
    """Return what a paper contains about one study.

    Raises:
        ConfigError: the store holds no run of the study.
    """
    from assay.reports.html import remember
    from assay.reports.names import named
    from assay.reports.paper.material import Material
    from assay.reports.protocol import training_command

    records = results.records()
    command = training_command(results.plan)
    if not records:
        raise ConfigError(
            f"study {results.name!r} has no runs in {str(results.store)!r}, so there is nothing to "
            f"report{f'; {command} trains them' if command else ''}"
        )
    plan = named(results.plan, short=True)
    lookup = remember(results.dataset)
    return Material(plan, records, results.tried(), lookup, results._network)


_OPTIONS = ("title", "template", "size", "text", "references", "max_pages")
"""Settings whose option has the same name."""


def paper_command(names: Sequence[str], to: str, settings: PaperSettings) -> str:
    """Return the command that writes a paper of these studies or this YAML file.

    Example:
        >>> paper_command(["tour"], "pdf", PaperSettings(title="A tour", max_pages=10))
        "assay report tour --title 'A tour' --max-pages 10 --to pdf"
    """
    import shlex

    usual = PaperSettings()
    words = ["assay", "report", *names]
    for author in settings.authors:
        parts = [author] if isinstance(author, str) else astuple(author)
        words += ["--author", ", ".join(part for part in parts if part)]
    for name in _OPTIONS:
        if (value := getattr(settings, name)) != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if settings.figures:
        words += ["--figures", ",".join(settings.figures)]
    return shlex.join([*words, *(["--appendix"] if settings.appendix else []), "--to", to])


def write_paper(
    studies: Sequence[Results], to: str, path: Path, settings: PaperSettings
) -> Written:
    """Write a paper about some studies.

    Args:
        to: "pdf", "latex" or "markdown".
        path: the file, or for LaTeX the folder.

    Raises:
        ConfigError: something that the settings name does not exist; a study is named twice; a
            template fails.
        MissingExtraError: typst is not installed.
    """
    from assay.reports.paper.writing import SIZES, write_latex, write_markdown, write_pdf

    if to not in FORMATS:
        raise ConfigError(unknown_name("format of a report", to, FORMATS))
    if settings.size not in SIZES:
        raise ConfigError(unknown_name("size of paper", settings.size, SIZES))
    if settings.max_pages is not None and settings.max_pages < 1:
        raise ConfigError(f"max-pages must be a whole number >= 1, got {settings.max_pages}")
    names = [results.name for results in studies]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"the study {twice!r} was named twice, expected each study once")
    if not settings.command:
        settings = replace(settings, command=paper_command(names, to, settings))
    paper = _manuscript([material(results) for results in studies], settings)
    shown: dict[str, Any] = {"figures": settings.figures, "appendix": settings.appendix}
    if to in ("latex", "markdown"):
        made = (
            write_latex(paper, path, size=settings.size, **shown)
            if to == "latex"
            else write_markdown(paper, path, **shown)
        )
        if settings.max_pages is None:
            return made
        note = (
            "max-pages counts the pages of a PDF, so it was ignored here; use --figures to choose "
            "figures"
        )
        return replace(made, notes=(*made.notes, note))
    return write_pdf(
        paper,
        path,
        template=settings.template,
        size=settings.size,
        max_pages=settings.max_pages,
        **shown,
    )


def _manuscript(studies: Sequence[Material], settings: PaperSettings) -> Manuscript:
    from assay.reports.paper.cited import bibliography, known_keys
    from assay.reports.paper.content import chapter_called, chapter_names, manuscript
    from assay.reports.paper.prose import read_prose

    chapters = chapter_names(studies)
    placed = {name: title for name, title in chapters.items() if name != "abstract"}
    order = []
    for text in settings.order:
        if (name := chapter_called(text, placed)) is None:
            raise ConfigError(unknown_name("section of the paper", text, placed))
        order.append(name)
    own = _bibtex(settings.references)
    known = known_keys(bibliography() + own)
    prose = read_prose(settings.text, chapters, known) if settings.text else {}
    return manuscript(
        studies,
        settings.title,
        [_author(one) if isinstance(one, str) else one for one in settings.authors],
        settings.abstract,
        order,
        prose,
        own,
        settings.command,
        settings.keywords,
    )


def _bibtex(path: Path | None) -> str:
    """The author's references; "" for none."""
    from assay.reports.paper.cited import known_keys

    if path is None:
        return ""
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(
            f"the references {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    if not known_keys(text):
        raise ConfigError(f"the references {str(path)!r} have no BibTeX entry (@article{{...}})")
    return text


def _author(text: str) -> Author:
    """An author from "Name, affiliation, email"."""
    from assay.reports.paper.blocks import Author

    name, *more = [part.strip() for part in text.split(",")]
    if not name:
        raise ConfigError(f"an author must have a name, got {text!r}")
    email = more.pop() if more and "@" in more[-1] else ""
    return Author(name, ", ".join(more), email)


def find_figure(results: Results, name: str | None) -> tuple[list[Plot], Plot | None]:
    """Return the figures of a study and the one with this name, None without a name.

    Raises:
        ConfigError: the study has no such figure.
    """
    from assay.reports.architecture import architecture_plot
    from assay.reports.gallery import gallery

    one = material(results)
    drawn = architecture_plot([(one.name, one.plan, one.network_of)])
    plots = [*gallery(one.plan, one.records, one.lookup, one.tried), *([drawn] if drawn else [])]
    if name is None:
        return plots, None
    known = {plot.name: plot for plot in plots}
    if name not in known:
        raise ConfigError(unknown_name(f"figure of {results.name}", name, known))
    return plots, known[name]


def save_figure(plot: Plot, path: Path, kind: str, width: float) -> list[Path]:
    """Write the drawings of a figure, `path` or `path` with a number; return the files.

    Raises:
        ConfigError: the width is not valid.
        StoreError: a file cannot be written.
    """
    import io

    from assay.core.files import write_whole
    from assay.reports.paper.drawn import save

    if not 2 <= width <= 40:
        raise ConfigError(f"width must be a number of inches in [2, 40], got {width:g}")
    files = []
    for i, draw in enumerate(plot.draws, 1):
        end = f"-{i}" if len(plot.draws) > 1 else ""
        file = path.with_name(f"{path.stem}{end}.{kind}")
        buffer = io.BytesIO()
        save(draw(width), buffer, kind)
        try:
            write_whole(file, buffer.getvalue())
        except OSError as error:
            raise StoreError(f"cannot write {file}: {error.strerror or error}") from error
        files.append(file)
    return files
