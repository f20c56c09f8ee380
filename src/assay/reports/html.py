"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from assay.core.errors import AssayError, StoreError
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.answers import answers
from assay.reports.context import dataset_rows, environment, published_rows, when
from assay.reports.panels import curve_panels
from assay.reports.results import effects_table, levels_table, published_table, results
from assay.reports.svg import DARK, LIGHT, png_uri, svg
from assay.reports.tables import Column, Table
from assay.statistics import by_trial, effects, metric_of, metric_title, primary_metric

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = ["find_dataset", "render_html", "write_html"]

NOT_FOUND = "the images were not found; give their folder with --data or ASSAY_DATA"
MAX_EFFECTS = 60
"""Rows of a forest plot; the table has them all."""

MAX_CLASSES = 30
"""Classes of a confusion matrix that can still be read."""


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
) -> Path:
    """Write the report of a study and return its path.

    Args:
        plan: the study's plan, plain data as a store keeps it.
        records: its runs, all or as many as there are.
        path: the file; written under a temporary name and renamed, so none is ever half there.
        dataset_of: from a configuration's "dataset" to its images, for the pictures; None looks
            where `assay.data.load` looks. Without images the report says what it lacks.

    Raises:
        StoreError: when the file cannot be written.
    """
    path = Path(path)
    text = render_html(plan, records, dataset_of)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(f"cannot write the report {str(path)!r}: {error.strerror}") from error
    return path


def render_html(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    dataset_of: predictions.DatasetOf | None = None,
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
        "figures": _figures(plan, records, metric, found),
        "closer": _closer(plan, records, lookup),
        "examples": _examples(plan, lookup),
        "results": results(plan, records),
        "effects": effects_table(plan, records, metric, found) if found else None,
        "levels": levels_table(plan, records, metric) if several else None,
        "published": published_table(plan, records) if plan.get("published") else None,
        "classes": _class_table(plan, records, lookup),
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
    environment.globals["duration"] = _duration
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


def _figure(name: str, title: str, alt: str, caption: str, drawn: Any) -> dict[str, str]:
    return {
        "name": name,
        "title": title,
        "caption": caption,
        "svg": svg(drawn, name, alt),
    }


def _figures(
    plan: Mapping[str, Any], records: Sequence[Record], metric: str, found: Sequence[Any]
) -> list[dict[str, str]]:
    from assay.reports.curve_figures import draw_curves
    from assay.reports.figures import draw_effects, draw_runs

    made = []
    rows = views.effect_rows(found)
    if any(row["difference"] is not None for row in rows):
        shown = [r for r in rows if r["pooled"] > 1] if len(rows) > MAX_EFFECTS else rows
        shown = (shown or rows)[:MAX_EFFECTS]
        called = sum(r["verdict"] in ("better", "worse") for r in shown)
        more = f" {len(rows) - len(shown)} more are in the table." if len(shown) < len(rows) else ""
        made.append(
            _figure(
                "effects",
                "What each choice changes",
                f"Forest plot of {len(shown)} differences in {metric_title(metric)} with 95 % "
                f"intervals; {called} of them are called differences. The table of comparisons "
                "holds the same numbers.",
                f"Difference in {metric_title(metric)} of each level against its reference, with "
                "the 95 % interval of the paired difference. Filled triangles: a difference after "
                f"Holm's correction over all {len(rows)} comparisons; open circles: none called."
                + more,
                draw_effects(shown, list(plan.get("factors") or {})),
            )
        )
    groups: dict[str, list[Any]] = {}
    for entry in views.run_values(plan, records, metric):
        groups.setdefault(entry["group"], []).append(entry)
    if any(len(e["values"]) for g in groups.values() for e in g):
        made.append(
            _figure(
                "runs",
                "Every run",
                f"Dot plot of the {metric_title(metric)} of every run, by trial, with the mean and "
                "its 95 % interval. The table of results holds the same numbers.",
                f"{metric_title(metric).capitalize()} of every finished run (rings), the mean of "
                "each trial and its 95 % interval. The best is chosen by validation, not by what "
                "is shown here.",
                draw_runs(_limit(groups), metric, published_rows(plan, records)),
            )
        )
    panels = curve_panels(plan, views.curves(plan, records))
    if panels:
        names = [
            n
            for n in views.CURVES[::-1]
            if any(n in x["curve"]["series"] for p in panels for x in p["lines"])
        ]
        made.append(
            _figure(
                "curves",
                "Learning curves",
                "Learning curves on training and validation images by epoch, mean over seeds with "
                f"95 % band, in {len(panels)} panels.",
                "Mean over the finished runs of a trial, with the 95 % interval of the mean as a "
                "band. Training solid, validation dotted. Where runs ended early, a line is drawn "
                "as long as half of them are left.",
                draw_curves(panels, names or ["loss"]),
            )
        )
    return made


def _limit(groups: Mapping[str, list[Any]], most: int = 60) -> dict[str, list[Any]]:
    """Keep the best of very many trials: a figure of hundreds of lines shows nothing."""
    kept = {}
    for name, entries in groups.items():
        if len(entries) > most:
            entries = [e for e in entries if e["best"]] + [e for e in entries if not e["best"]]
        kept[name] = entries[:most]
    return kept


def _closer(
    plan: Mapping[str, Any], records: Sequence[Record], lookup: predictions.DatasetOf
) -> list[dict[str, Any]]:
    """Confusion matrix and confident mistakes of the headline trials."""
    from assay.reports.figures import draw_confusion

    runs = by_trial(records)
    made = []
    for number, trial in enumerate(views.headline_trials(plan, records)):
        mine = runs[trial["trial_id"]]
        matrix = predictions.confusion(mine)
        if matrix is None or len(matrix["counts"]) > MAX_CLASSES:
            continue
        spec = trial.get("config", {}).get("dataset") or {}
        dataset = lookup(spec)
        names = predictions.class_names(spec, dataset, len(matrix["counts"]))
        right = np.trace(matrix["counts"]) / matrix["counts"].sum()
        figure = _figure(
            f"confusion-{number}",
            f"Confusion matrix: {trial['label']}",
            f"Confusion matrix of {trial['label']}: {right:.1%} of the test images on the "
            "diagonal.",
            f"Counts pooled over {matrix['n']} {'run' if matrix['n'] == 1 else 'runs'}; "
            "right answers blue, wrong ones orange by their share of the true class.",
            draw_confusion(matrix, names),
        )
        made.append(
            {
                "label": str(trial["label"]),
                "figure": figure,
                "mistakes": _mistakes(plan, mine, dataset, names),
            }
        )
    return made


def _mistakes(
    plan: Mapping[str, Any], runs: Sequence[Record], dataset: Dataset | None, names: Sequence[str]
) -> dict[str, Any] | None:
    found = predictions.mistakes(plan, runs)
    if found is None:
        return None
    run = next(r for r in runs if r.run_id == found["run_id"])
    items = [item for group in found["classes"] for item in group["items"]]
    shown = predictions.pictures(dataset, run, [item["index"] for item in items])
    if shown["missing"]:
        return {
            **found,
            "classes": [],
            "missing": NOT_FOUND if dataset is None else shown["missing"],
        }
    for i, item in enumerate(items):
        item["image"] = png_uri(shown["images"][i])
        item["original"] = None if shown["originals"] is None else png_uri(shown["originals"][i])
        item["name"] = names[item["predicted"]]
    for group in found["classes"]:
        group["name"] = names[group["class"]]
    return {**found, "missing": None, "permuted": shown["originals"] is not None}


def _examples(plan: Mapping[str, Any], lookup: predictions.DatasetOf) -> list[dict[str, Any]]:
    """Rows of training images for each data; a permuted one has its originals beside it."""
    rows = []
    for name, trials in views.data_groups(plan).items():
        spec = trials[0].get("config", {}).get("dataset") or {"name": name}
        dataset = lookup(spec)
        if dataset is None:
            rows.append({"data": name, "items": [], "missing": NOT_FOUND})
            continue
        found = predictions.examples(dataset)
        names = dataset.class_names
        items = []
        for i, image in enumerate(found["images"]):
            target = found["targets"][i]
            known = np.ndim(target) == 0 and int(target) < len(names)
            original = None if found["originals"] is None else png_uri(found["originals"][i])
            items.append(
                {
                    "image": png_uri(image),
                    "original": original,
                    "name": names[int(target)] if known else str(target),
                }
            )
        rows.append({"data": name, "items": items, "missing": None})
    return rows


def _class_table(
    plan: Mapping[str, Any], records: Sequence[Record], lookup: predictions.DatasetOf
) -> Table | None:
    """Accuracy by class, one column for each headline trial."""
    runs = by_trial(records)
    found = {
        str(t["label"]): (t, rows)
        for t in views.headline_trials(plan, records)
        if (rows := predictions.per_class(runs[t["trial_id"]]))
    }
    sizes = {len(rows) for _, rows in found.values()}
    if len(sizes) != 1 or max(sizes) > MAX_CLASSES:
        return None
    kinds = {t["config"]["dataset"]["name"] for t, _ in found.values()}
    spec = next(iter(found.values()))[0]["config"]["dataset"]
    first = next(iter(found.values()))[1]
    count = max(row["class"] for row in first) + 1
    names = predictions.class_names(spec, lookup(spec), count)
    if len(kinds) > 1:
        names = [str(i) for i in range(count)]
    rows = tuple(
        {
            "class": names[row["class"]],
            "images": row["images"],
            **{
                f"{label}{end}": rows[i][key]
                for label, (_, rows) in found.items()
                for end, key in (("", "accuracy"), ("_low", "low"), ("_high", "high"))
            },
        }
        for i, row in enumerate(first)
    )
    columns = (
        Column("class", lambda r: r["class"], "left"),
        Column("test images", lambda r: str(r["images"])),
        *(Column(f"{label} (%)", _class_cell(label)) for label in found),
    )
    title = "Accuracy by class"
    notes = ("Mean over runs ± half of the 95 % interval.",)
    return Table(title, columns, rows, f"assay report {plan['study']}", notes)


def _class_cell(label: str) -> Callable[[Mapping[str, Any]], str]:
    known = metric_of("accuracy")

    def text(row: Mapping[str, Any]) -> str:
        low, high = row[f"{label}_low"], row[f"{label}_high"]
        mean = known.number(row[label], 1)
        return mean if low is None else f"{mean} ± {known.number((high - low) / 2, 1)}"

    return text
