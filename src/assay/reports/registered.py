"""Sections of the report that subjects and plugins add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.records import Record
from assay.core.registry import Registry
from assay.reports.predictions import DatasetOf

__all__ = ["SECTIONS", "Section", "View"]

View = Callable[[Mapping[str, Any], Sequence[Record], DatasetOf], Any]
"""From the plan, the records, and what finds a dataset by its specification, to what the template
shows; None where the section has nothing to say of this study."""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        title: in the table of contents.
        template: text of Jinja's language, or a file of it, that writes `<section id="NAME">`. It
            knows `data`, what `view` returned, and the macros `figure(item)`, `table(item, name)`
            and `picture(item, alt)` of the report.
        view: computes; the template only writes.
    """

    title: str
    template: Path | str
    view: View


SECTIONS: Registry[Section] = Registry("report section", contract=Section)
"""Name, which is also the anchor on the page -> section."""
