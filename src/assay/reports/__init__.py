"""Reports: tables and HTML files made from records, without an engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.answers import answers
from assay.reports.comparisons import compare_trials, effects_table
from assay.reports.results import levels_table, published_table, results
from assay.reports.search_views import search_sentences, search_table, space_table
from assay.reports.tables import FORMATS, Column, Table

if TYPE_CHECKING:
    from assay.reports.predictions import DatasetOf
    from assay.reports.settings import NetworkOf

__all__ = [
    "FORMATS",
    "Column",
    "Table",
    "answers",
    "compare_trials",
    "effects_table",
    "levels_table",
    "published_table",
    "results",
    "search_sentences",
    "search_table",
    "space_table",
    "write_html",
]


def write_html(
    plan: PlanData,
    records: Iterable[Record],
    path: str | Path,
    dataset_of: DatasetOf | None = None,
    tried: Iterable[Record] = (),
    network_of: NetworkOf | None = None,
) -> Path:
    """Write the HTML report of a study; see `assay.reports.html.write_html`."""
    from assay.reports.html import (
        write_html,
    )  # tables do not need matplotlib

    return write_html(plan, records, path, dataset_of, tried, network_of)
