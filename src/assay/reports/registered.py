"""Sections that subjects and plugins add to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.plans import PlanData
from assay.core.plugins import loaded
from assay.core.records import Record
from assay.core.registry import Registry
from assay.reports.predictions import DatasetOf

__all__ = ["SECTIONS", "Section", "View", "sections_of"]

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
    """Yield name and section of all that are registered, except by files that only other studies
    of this process name as their plugins."""
    written: Any = (plan.get("source") or {}).get("written") or {}
    given = written.get("plugins") or ()
    names = [given] if isinstance(given, str) else list(given)
    named = {Path(name).stem if name.endswith(".py") else name for name in names}
    others = {p.file for p in loaded() if not p.script and p.module not in named}
    for name in SECTIONS:
        if SECTIONS.place(name).file not in others:
            yield name, SECTIONS[name]
