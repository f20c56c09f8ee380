"""`assay report`, `assay results` and `assay compare`, which only read the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import sides, stored_names
from assay.apps.cli.options import Json, OutFile, Places, StoredScale
from assay.apps.cli.papers import PaperOptions, To
from assay.core.errors import ConfigError

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.reports.tables import Table

__all__ = ["compare", "report", "results", "show_table", "stored_results"]

LESSER = ("median", "std", "images/s", "parameters", "best epoch", "s a run", "epochs", "state")
"""Columns to leave out in a narrow terminal, in this order."""

StoredStudy = Annotated[str, Parameter(completer=stored_names)]
Side = Annotated[str, Parameter(completer=sides)]


def report(
    *studies: StoredStudy,
    to: To = (),
    paper: PaperOptions | None = None,
    report: OutFile | None = None,
    scale: StoredScale = None,
    places: Places | None = None,
) -> None:
    """Write the report of a study again, from the store alone.

    One HTML page of a study, or a paper of one study or several (--to pdf).

    Args:
        studies: Studies that the store holds, or their YAML files.
        to: html, pdf (a typeset paper), latex or markdown, optionally followed by a path.
        report: Where to write it [STORE/reports/STUDY.html].
    """
    from assay.apps.cli.papers import write

    write(studies, tuple(to), paper or PaperOptions(), report, places or Places(), scale)


def results(
    study: StoredStudy,
    /,
    *,
    over: Literal["runs", "images"] = "runs",
    format: Literal["table", "csv", "json", "markdown", "latex"] = "table",
    scale: StoredScale = None,
    places: Places | None = None,
) -> None:
    """Print the results of a study as a table.

    Args:
        study: A study that the store holds, or its YAML file.
        over: What the intervals are over: runs, or test images (accuracy only).
        format: For a terminal, a spreadsheet, a program, a page or a paper.
    """
    found = stored_results(study, places or Places(), scale)
    with found.read_once():
        _print_results(found, over, format)


def _print_results(found: Results, over: str, format: str) -> None:
    from assay.core.plans import changes_of

    table = found.images_table() if over == "images" else found.trials_table()
    if table is None:
        raise ConfigError(
            f"study {found.plan['study']} has no intervals over images, which need accuracy as the "
            "main metric and predictions of the same test images by all runs of a trial"
        )
    if format != "table":
        show = console.json_text if format == "json" else console.document
        show(table.format(format))
        return
    console.heading(table.title)
    if changes := changes_of(found.plan.get("command", "")):
        console.say(f"with {changes}", style="dim")
    show_table(table)
    if over == "images":
        return
    if (others := found.metrics_table()) is not None:
        console.heading(others.title)
        show_table(others)
    console.say()
    console.points(found.sentences())


def compare(
    a: Side,
    b: Side,
    /,
    *,
    metric: str | None = None,
    json: Json = False,
    places: Places | None = None,
) -> None:
    """Compare two trials, runs or studies.

    Shows how their configurations differ, and whether their results differ significantly.

    Args:
        a: A trial (its label, STUDY:LABEL, or the start of its identity), a run (the start of its
            name), or a study, which stands for its best trial on validation.
        b: The other one.
        metric: The only metric to compare, e.g. test_loss [the study's main metric on the test set,
            which decides, and all others].
    """
    from assay.apps.comparing import compare_sides, find_side

    store = (places or Places()).store_path
    left, right = find_side(store, a), find_side(store, b)
    found = compare_sides(left, right, metric)
    verdict = f"{found.sentence.removesuffix('.')}."
    if json:
        settings = [dict(zip(("setting", "a", "b"), row, strict=True)) for row in found.settings]
        metrics = list(found.metrics.rows)
        sides = {"a": left.title, "b": right.title}
        told = {"metrics": metrics, "notes": list(found.metrics.notes), "sentence": verdict}
        console.json({**sides, "settings": settings, **told})
        return
    console.heading(f"A = {left.title}")
    console.say(f"B = {right.title}", style="bold")
    console.heading("configuration")
    console.table(("setting", "A", "B"), found.settings, empty="no difference")
    console.heading("results")
    show_table(found.metrics)
    console.say()
    console.say(verdict)


def show_table(table: Table) -> None:
    """Print a table of a report; a narrow terminal omits its less important columns."""
    columns, width = list(table.columns), console.terminal().width
    for lesser in (None, *LESSER):
        columns = [column for column in columns if column.header != lesser]
        headers = [(">" if c.align == "right" else "") + c.header for c in columns]
        cells = [[column.text(row) for column in columns] for row in table.entries]
        if console.smallest_width(headers, cells, whole=True) <= width:
            break
    console.table(headers, cells, empty="nothing yet")
    for note in table.notes:
        console.say(note, style="dim")


def stored_results(study: str, places: Places, scale: str | None = None) -> Results:
    """Return the results of a study, given its name or its file, and its scale if one is asked."""
    from assay.apps.results import load

    path, written = Path(study), None
    if path.suffix in (".yaml", ".yml"):
        from assay.studies.study import parse_study

        parsed = parse_study(path, data_dir=places.data_path)
        study, written = parsed.name, parsed.written
    studies = load(places.store_path, places.data_path)
    if scale is not None and "@" not in study and not (scale == "full" and study in studies):
        study = f"{study}@{scale}"
    found = studies[study]
    if written is not None and found.plan.get("source", {}).get("written", written) != written:
        console.remark(
            f"{path} has changed since it was run: this is {found.name} as it is stored; "
            "`assay run` trains what is new"
        )
    return found
