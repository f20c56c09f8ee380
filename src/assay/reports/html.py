"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay.core.errors import AssayError, StoreError
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.answers import answers
from assay.reports.context import dataset_rows, environment, when
from assay.reports.results import effects_table, levels_table, published_table, results
from assay.reports.search_sections import search_section
from assay.reports.sections import class_table, closer_looks, example_rows, figures
from assay.reports.svg import DARK, LIGHT
from assay.statistics import effects, metric_title, primary_metric
from assay.subjects.clocks.sections import clock_section
from assay.subjects.generation.section import generation_section

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = ["find_dataset", "render_html", "write_html"]


def find_dataset(spec: Mapping[str, Any]) -> Dataset | None:
    """Return the dataset of a configuration, or None when it is not to be had here."""
    from assay.data import load

    try:
        return load(spec)
    except AssayError:
        return None


def write_html(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    path: str | os.PathLike[str],
    dataset_of: predictions.DatasetOf | None = None,
    tried: Iterable[Record] = (),
) -> Path:
    """Write the report of a study and return its path.

    Args:
        plan: the study's plan, plain data as a store keeps it.
        records: its runs, all or as many as there are.
        path: the file; written under a temporary name and renamed, so none is ever half there.
        dataset_of: from a configuration's "dataset" to its images, for the pictures; None looks
            where `assay.data.load` looks. Without images the report says what it lacks.
        tried: the runs of a search, which only served to choose.

    Raises:
        StoreError: when the file cannot be written.
    """
    path = Path(path)
    text = render_html(plan, records, dataset_of, tried)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise StoreError(f"cannot write the report {str(path)!r}: {error.strerror}") from error
    return path


def render_html(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    dataset_of: predictions.DatasetOf | None = None,
    tried: Iterable[Record] = (),
) -> str:
    """Return the report of a study as HTML; see `write_html`."""
    records = list(records)
    lookup = _remember(dataset_of or find_dataset)
    metric = f"test_{primary_metric(plan, records)}"
    found = effects(plan, records, metric)
    several = any(len(levels) > 1 for levels in (plan.get("factors") or {}).values())
    page = {
        "plan": plan,
        "counts": views.counts(plan, records),
        "when": when(records),
        "answers": answers(plan, records, found),
        "figures": figures(plan, records, metric, found),
        "closer": closer_looks(plan, records, lookup),
        "search": search_section(plan, tried),
        "clocks": clock_section(plan, records, lookup),
        "generation": generation_section(plan, records, lookup),
        "examples": example_rows(plan, lookup),
        "results": results(plan, records),
        "effects": effects_table(plan, records, metric, found) if found else None,
        "levels": levels_table(plan, records, metric) if several else None,
        "published": published_table(plan, records) if plan.get("published") else None,
        "classes": class_table(plan, records, lookup),
        "data": dataset_rows(plan, records, lookup),
        "environment": environment(records),
        "source": yaml.safe_dump(_json(plan.get("source") or {}), sort_keys=False),
        "metric": metric_title(metric),
        "light": LIGHT,
        "dark": DARK,
    }
    return _template().render(page)


def _duration(seconds: float) -> str:
    """Return seconds in words of two units: "3 h 12 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _json(value: Any) -> Any:
    """Plain dicts and lists, so that YAML writes no tags."""
    return json.loads(json.dumps(value, default=str))


@cache
def _template() -> Any:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("assay.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # only for what svg() made
    environment.filters["minus"] = lambda text: re.sub(r"(?<![\w.])-(?=\d)", "−", str(text))
    environment.filters["duration"] = _duration
    return environment.get_template("report.html.j2")


def _remember(dataset_of: predictions.DatasetOf) -> predictions.DatasetOf:
    """Load each dataset once for the whole report."""
    known: dict[str, Any] = {}

    def lookup(spec: Mapping[str, Any]) -> Dataset | None:
        key = json.dumps(spec, sort_keys=True, default=str)
        if key not in known:
            known[key] = dataset_of(spec)
        return known[key]

    return lookup
