"""The report: one self-contained HTML file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay.core.errors import AssayError, ConfigError, StoreError
from assay.core.files import written_whole
from assay.core.plans import PlanData
from assay.core.records import Record, Spec
from assay.core.text import visible
from assay.reports import predictions, views
from assay.reports.answers import answers, opening
from assay.reports.class_tables import class_tables
from assay.reports.closer import closer_looks, example_rows
from assay.reports.comparisons import effects_table
from assay.reports.context import dataset_rows, environment, when
from assay.reports.drawing import Failure, forgiving, guarded, reason
from assay.reports.image_intervals import images_table
from assay.reports.names import named
from assay.reports.other_metrics import metrics_table, other_effects_table
from assay.reports.protocol import training_command, when_tested
from assay.reports.registered import SECTIONS, sections_of, telling, template_of
from assay.reports.results import levels_table, published_table, results
from assay.reports.search_sections import search_section
from assay.reports.sections import figures
from assay.reports.settings import NetworkOf, network_tables, settings_table
from assay.reports.svg import DARK, LIGHT
from assay.reports.texts import duration
from assay.statistics import effects, metric_of, metric_title, primary_metric, read_metrics

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = ["ReportError", "SectionError", "find_dataset", "remember", "render_html", "write_html"]


class ReportError(RuntimeError):
    """A report was written, but parts of it could not be made; see `path`."""

    def __init__(self, path: Path, failures: Sequence[Failure]):
        said = "; ".join(f"{title} ({reason(error)})" for title, error in failures)
        super().__init__(f"the report {path} was written without these parts, which failed: {said}")
        self.path = path


class SectionError(ReportError, ConfigError):
    """A report was written without parts that failed in the user's own code."""


def find_dataset(spec: Spec) -> Dataset | None:
    """Return the dataset of a configuration, or None if it is not available."""
    from assay.data import load

    try:
        return load(spec)
    except AssayError:
        return None


def write_html(
    plan: PlanData,
    records: Iterable[Record],
    path: str | os.PathLike[str],
    dataset_of: predictions.DatasetOf | None = None,
    tried: Iterable[Record] = (),
    network_of: NetworkOf | None = None,
) -> Path:
    """Write the report of a study and return its path.

    Args:
        plan: the study's plan, plain data as a store keeps it.
        records: its runs, all or some.
        path: the file, which is written atomically.
        dataset_of: function from a configuration's "dataset" to its images; None searches like
            `assay.data.load`. Without images, the report says what is missing.
        tried: the runs of a search, which only served to select.
        network_of: function from a configuration to its network, for the tables of layers; without
            it they are omitted.

    Raises:
        StoreError: the file cannot be written.
        SectionError: the report was written, but a section of the user's own failed.
        ReportError: the same, with another part (a bug).
    """
    path = Path(path)
    with forgiving() as failures:
        text = render_html(plan, records, dataset_of, tried, network_of)
    _write(path, text)
    if failures:
        theirs = all(isinstance(error, ConfigError) for _, error in failures)
        raise (SectionError if theirs else ReportError)(path, failures) from failures[0][1]
    return path


def _write(path: Path, text: str) -> None:
    try:
        with written_whole(path) as part:
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise StoreError(f"cannot write the report {str(path)!r}: {error.strerror}") from error


def render_html(
    plan: PlanData,
    records: Iterable[Record],
    dataset_of: predictions.DatasetOf | None = None,
    tried: Iterable[Record] = (),
    network_of: NetworkOf | None = None,
) -> str:
    """Return the report of a study as HTML; see `write_html`. Errors are raised."""
    records, plan = list(records), named(plan)
    read_metrics(plan)
    lookup = remember(dataset_of or find_dataset)
    metric = f"test_{primary_metric(plan, records)}"
    found = effects(plan, records, metric)
    several = any(len(levels) > 1 for levels in (plan.get("factors") or {}).values())
    lost: list[dict[str, str]] = []
    part = partial(_part, lost)
    page = {
        "plan": plan,
        "counts": views.counts(plan, records),
        "when": when(records),
        "opening": opening(plan, records, found, where="below"),
        "answers": answers(plan, records, found),
        "figures": part("Figures", lambda: figures(plan, records, metric, found), []),
        "closer": part("Mistakes", lambda: closer_looks(plan, records, lookup), []),
        "search": part("Search", lambda: search_section(plan, tried)),
        "networks": part("Networks", lambda: network_tables(plan, network_of or _unknown), []),
        "settings": settings_table(plan),
        "examples": part("Examples", lambda: example_rows(plan, lookup), []),
        "lost": lost,
        "again": f"assay report {plan['study']}",
        "results": results(plan, records),
        "metrics": metrics_table(plan, records),
        "over_images": images_table(plan, records),
        "other_effects": other_effects_table(plan, records),
        "effects": effects_table(plan, records, metric, found) if found else None,
        "levels": levels_table(plan, records, metric) if several else None,
        "published": published_table(plan, records) if plan.get("published") else None,
        "classes": part("Classes", lambda: class_tables(plan, records, lookup)),
        "data": dataset_rows(plan, records, lookup),
        "environment": environment(records),
        "training_command": training_command(plan),
        "directed": metric_of(metric).higher_is_better is not None,
        "when_tested": when_tested([trial.get("config", {}) for trial in plan["trials"]]),
        "source": _yaml(plan.get("source") or {}),
        "metric": metric_title(metric),
        "light": LIGHT,
        "dark": DARK,
    }
    page["sections"] = list(_sections(plan, records, lookup, part, page))
    return _environment().get_template("report.html.j2").render(page)


def _sections(
    plan: PlanData,
    records: Sequence[Record],
    lookup: predictions.DatasetOf,
    part: Callable[..., Any],
    page: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield the registered sections that apply, as HTML."""

    def text(name: str) -> str | None:
        with telling(name):
            data = SECTIONS[name].view(plan, records, lookup)
            if data is None:
                return None
            shown = {**page, "data": data, "template": f"section:{name}"}
            return _environment().get_template("section.html.j2").render(shown)

    for name, section in sections_of(plan):
        made = part(section.title, partial(text, name))
        if made is not None:
            yield {"name": name, "title": section.title, "text": made}


def _unknown(config: Mapping[str, Any]) -> None:
    """Default `network_of`, for which all networks are unknown."""


def _part(
    lost: list[dict[str, str]], title: str, make: Callable[[], Any], instead: Any = None
) -> Any:
    """Return a part of the page; if it fails, note the error and continue."""

    def noted() -> Any:
        try:
            return make()
        except Exception as error:
            lost.append({"title": title, "reason": reason(error)})
            raise

    return guarded(title, noted, instead)


def _yaml(value: Any) -> str:
    plain = json.loads(json.dumps(value, default=str))  # dicts and lists, which contain no tags
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value


@cache
def _environment() -> Any:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("assay.reports", "templates"),
                jinja2.FunctionLoader(template_of),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else _shown(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # only for results of svg()
    environment.filters["minus"] = lambda text: re.sub(r"(?<![\w.])-(?=\d)", "−", str(text))
    environment.filters["duration"] = duration
    return environment


def remember(dataset_of: predictions.DatasetOf) -> predictions.DatasetOf:
    """Load each dataset once for the whole report."""
    known: dict[str, Any] = {}

    def lookup(spec: Spec) -> Dataset | None:
        key = json.dumps(spec, sort_keys=True, default=str)
        if key not in known:
            known[key] = dataset_of(spec)
        return known[key]

    return lookup
