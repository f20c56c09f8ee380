"""`assay report --to pdf`: options and messages of the command line for papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import stored_names
from assay.apps.cli.options import Drawn, OutFile, Places, StoredScale, figure_file
from assay.apps.places import HTML, check_ending

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.reports.paper.writing import Written

__all__ = ["PaperOptions", "To", "figure", "write"]

To = Annotated[Sequence[str], Parameter(consume_multiple=True, negative="", show_default=False)]
_Several = Annotated[Sequence[str], Parameter(negative="", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """Options of a paper (--to pdf, latex, markdown).

    Attributes:
        title: Its title [the question of the study].
        author: "Name, affiliation, email"; may be repeated.
        template: course, ieee, icml, or a file of Typst [course].
        size: a4 or letter [a4].
        text: Your own text, Markdown whose headings name sections of the paper.
        references: BibTeX of what your text cites.
        figures: Figures to keep, by number or name: 3,5 or curves,effects.
        max_pages: Maximum number of pages; the least important exhibits are left out first.
        appendix: Move what is left out to an appendix instead.
    """

    title: str | None = None
    author: _Several = ()
    template: str | None = None
    size: str | None = None
    text: Path | None = None
    references: Path | None = None
    figures: str | None = None
    max_pages: int | None = None
    appendix: Annotated[bool, Parameter(negative="", show_default=False)] = False

    def given(self) -> dict[str, Any]:
        """The settings that were given."""
        several = [part.strip() for part in (self.figures or "").split(",") if part.strip()]
        found = {
            "title": self.title, "authors": tuple(self.author), "template": self.template,
            "size": self.size, "text": self.text, "references": self.references,
            "figures": tuple(several), "max_pages": self.max_pages, "appendix": self.appendix,
        }  # fmt: skip
        return {
            name: value
            for name, value in found.items()
            if value not in (None, ()) and value is not False
        }


def write(
    studies: Sequence[str],
    to: Sequence[str],
    options: PaperOptions,
    path: Path | None,
    places: Places,
    scale: str | None = None,
) -> None:
    """Write a report in the requested format; print its path and what was left out."""
    from dataclasses import replace

    from assay.apps.cli.results import stored_results
    from assay.apps.papers import FORMATS, PaperSettings, paper_command, read_paper, write_paper
    from assay.core.errors import ConfigError, unknown_name

    if len(to) > 2 or not studies:
        raise ConfigError("name the studies before --to: assay report STUDY... --to pdf [FILE]")
    target, settings, kind, asked = path, PaperSettings(), "html", list(studies)
    if len(studies) == 1 and studies[0].endswith((".yaml", ".yml")):
        file = Path(studies[0])
        if (told := read_paper(file)) is not None:
            studies, settings = told
            kind, name = "pdf", file.stem
            target = target or places.store_path / "reports" / f"{name}{FORMATS[(*to, kind)[0]]}"
    kind = to[0] if to else kind
    if kind not in FORMATS:
        raise ConfigError(unknown_name("format of a report", kind, FORMATS))
    if len(to) > 1 and path is not None:
        raise ConfigError(f"--report {path} and --to {kind} {to[1]} name two files; leave out one")
    target = Path(to[1]) if len(to) > 1 else target
    given, option = options.given(), f"--to {kind}" if len(to) > 1 else "--report"
    found = [stored_results(study, places, scale) for study in studies]
    if kind == "html":
        if given:
            name = next(iter(given)).replace("_", "-").replace("authors", "author")
            raise ConfigError(f"--{name} is for --to pdf, latex or markdown, not for HTML")
        if target is not None:
            check_ending(option, target, HTML)
        _pages(found, target)
        return
    if scale is not None and asked == list(studies):
        asked = [results.name for results in found]
    command = paper_command(asked, kind, PaperSettings(**given))
    settings = replace(settings, **given, command=command)
    target = target or _target(places, [r.name for r in found], FORMATS[kind])
    if FORMATS[kind].startswith("."):  # of a paper in LaTeX, it is a folder
        check_ending(option, target, [FORMATS[kind]])
    _tell(write_paper(found, kind, target, settings))


def _pages(found: Sequence[Results], target: Path | None) -> None:
    from assay.apps.cli.outcome import tell_fonts
    from assay.core.errors import ConfigError

    if target is not None and len(found) > 1:
        raise ConfigError("an HTML page shows one study; name one, or use --to pdf")
    if target is not None and target.is_dir():
        raise ConfigError(f"{target} is a folder, expected a file name")
    for results in found:
        written = results.report(target)
        console.say(f"report: {written}")
        tell_fonts(written)


def _target(places: Places, names: Sequence[str], ending: str) -> Path:
    name = names[0] if len(names) == 1 else "paper"
    return places.store_path / "reports" / f"{name}{ending}"


def _tell(made: Written) -> None:
    kept = {"a-2a": "PDF/A-2a", "ua-1": "PDF/UA-1", "a-2b": "PDF/A-2b"}
    standards = " and ".join(kept[s] for s in made.standards)
    pages = f", {made.pages} {'page' if made.pages == 1 else 'pages'}" if made.pages else ""
    console.say(f"report: {made.path}{pages}{f', {standards}' if standards else ''}")
    if made.left_out:
        console.remark(f"left out: {', '.join(made.left_out)}")
    if made.moved:
        console.remark(f"moved to the appendix: {', '.join(made.moved)}")
    for note in made.notes:
        console.remark(note)


def figure(
    study: Annotated[str, Parameter(completer=stored_names)],
    name: str | None = None,
    /,
    *,
    to: Drawn | None = None,
    out: OutFile | None = None,
    width: float = 8.0,
    scale: StoredScale = None,
    places: Places | None = None,
) -> None:
    """Write one figure of a study, for slides; without NAME list them.

    Args:
        study: A study that the store holds, or its YAML file.
        name: Which figure: effects, curves, confusion, ...
        to: svg, pdf or png [the ending of --out, or else svg].
        out: The file [STUDY-NAME.svg here]; a figure of several drawings makes one file of each.
        width: Inches.
    """
    from assay.apps.cli.results import stored_results
    from assay.apps.papers import find_figure, save_figure
    from assay.core.errors import ConfigError

    if name is None and (out or to):
        option = f"--out {out}" if out else f"--to {to}"
        raise ConfigError(
            f"{option} is for one figure, which has to be named; `assay figure {study}` lists them"
        )
    usual = f"{study.rpartition('/')[2].removesuffix('.yaml')}-{name}.svg"
    base, kind = figure_file(out, to, usual)
    plots, wanted = find_figure(stored_results(study, places or Places(), scale), name)
    if wanted is None:
        console.table(("name", "shows"), [(plot.name, plot.title) for plot in plots])
        return
    for file in save_figure(wanted, base, kind, width):
        console.say(f"figure: {file}")
