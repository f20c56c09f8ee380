"""Sections that subjects and plugins add to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import AssayError, ConfigError
from assay.core.plans import PlanData
from assay.core.plugins import culprit, loaded
from assay.core.records import Record
from assay.core.registry import Registry
from assay.reports.predictions import DatasetOf

__all__ = ["SECTIONS", "Section", "View", "sections_of", "telling", "template_of"]

_INLINE = "<template>"
"""What Jinja has for the file of a template that is a string."""

View = Callable[[PlanData, Sequence[Record], DatasetOf], Any]
"""Function from the plan, the records, and a function that finds a dataset by its specification, to
the data of the template; None if the section does not apply to the study."""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        title: its title in the table of contents.
        template: a Jinja template, as a string or a file, that writes `<section id="NAME">`. It can
            use `data`, which is what `view` returned, and the macros `figure(item)`,
            `table(item, name)` and `picture(item, alt)` of the report.
        view: computes what the template shows.
    """

    title: str
    template: Path | str
    view: View


SECTIONS: Registry[Section] = Registry("report section", contract=Section)
"""Name, which is also the anchor on the page -> section."""


def sections_of(plan: PlanData) -> Iterator[tuple[str, Section]]:
    """Yield name and section of all that are registered, except by plugins, or modules beside
    them, that only other studies of this process name."""
    written: Any = (plan.get("source") or {}).get("written") or {}
    given = written.get("plugins") or ()
    names = [given] if isinstance(given, str) else list(given)
    named = {Path(name).stem if name.endswith(".py") else name for name in names}
    for name in SECTIONS:
        place = SECTIONS.place(name)
        theirs = [plugin for plugin in loaded() if plugin.registered(place)]
        if not theirs or any(plugin.script or plugin.module in named for plugin in theirs):
            yield name, SECTIONS[name]


def template_of(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    """Return the template "section:NAME" for Jinja's loader; None for any other."""
    kind, _, section = name.partition(":")
    if kind != "section":
        return None
    template = SECTIONS[section].template
    if isinstance(template, str):
        return template, _INLINE, lambda: False
    return template.read_text(encoding="utf-8"), str(template), lambda: False


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Raise an error of a user's own section as a ConfigError that says where it is."""
    try:
        yield
    except Exception as error:
        place = SECTIONS.place(name)
        if place.module.startswith("assay."):
            raise
        line = _line_of_template(error, SECTIONS[name].template)
        where = culprit(error, libraries=False) or line or str(place)
        if where == line and isinstance(SECTIONS[name].template, str):
            where = f"{place}: {line}"
        said = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where}: report section {name!r}: {said}") from error


def _line_of_template(error: Exception, template: Path | str) -> str:
    """Return the line of a template where an error happened: "page.html:3"; "" if elsewhere."""
    file = _INLINE if isinstance(template, str) else str(template)
    said = "line {} of its template" if isinstance(template, str) else f"{template}:{{}}"
    if getattr(error, "filename", None) == file and hasattr(error, "lineno"):  # of its syntax
        return said.format(error.lineno)
    found, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            found = said.format(trace.tb_lineno)
        trace = trace.tb_next
    return found
