"""The page of a run: configuration, curves, confusion matrix, mistakes, pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from assay.apps.web.shelf import Shelf
from assay.core.errors import AssayError
from assay.core.plans import PlannedTrial, runs_by_label
from assay.core.records import Record, Spec

__all__ = ["metric_columns", "pictures", "run"]

MOST_CLASSES = 40
"""Largest number of classes for which a confusion matrix is readable."""

COUNTS = ("best_epoch", "epochs", "steps")
"""Metrics that are counts; epochs can be fractional if the budget is in steps."""

_PICTURES = 24


def run(shelf: Shelf, name: str) -> dict[str, object]:
    """Return the content of a record, given any unambiguous start of its name."""
    from assay.core.values import flatten

    record = shelf.read(lambda store: store.record(store.find(name)))
    return {
        "run": record.run_id,
        "trial": record.trial_id,
        "seed": record.seed,
        "status": record.status,
        "message": record.message,
        "studies": _studies(shelf, record.run_id),
        "config": [[k, _text(v)] for k, v in flatten(record.config)],
        "metrics": _metrics(record),
        "timing": [[k, v] for k, v in record.timing.items()],
        "provenance": [
            [k, _text(v)] for k, v in flatten(record.provenance) if k != "traceback" and v != ""
        ],
        "details": str(record.provenance.get("traceback", "")),
        **_curves(record),
        "confusion": _confusion(record),
    }


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else str(value)


_PLACES = ("step", "epoch", "seconds")


def _curves(record: Record) -> dict[str, dict[str, Any]]:
    """Return the curves in the units of the tables, and the title of each metric of them."""
    from assay.statistics import metric_of, with_unit

    drawn = {n: n.removeprefix("val_").removeprefix("test_") for n in record.curves}
    titles = {base: with_unit(base) for base in drawn.values() if base not in _PLACES}
    order = sorted(titles, key=lambda base: metric_of(base).rank)
    scales = {n: metric_of(n).scale for n in record.curves if n not in _PLACES}
    return {
        "curves": {name: curve * scales.get(name, 1) for name, curve in record.curves.items()},
        "titles": {base: titles[base] for base in order},
    }


def _beside(name: str, side: str) -> str:
    """Return the name of a number beside a metric, such as the low end of its interval:
    "test_distance" -> "test_low_distance"."""
    split, _, base = name.partition("_")
    return f"{split}_{side}_{base}"


def _ends(metrics: Collection[str]) -> dict[str, list[str]]:
    """Return the names of both ends of the interval of each metric that was recorded with them."""
    ends = {name: [_beside(name, side) for side in ("low", "high")] for name in metrics}
    return {name: both for name, both in ends.items() if {*metrics} >= {*both}}


class MetricColumn(TypedDict):
    """How the values of a metric are shown below each other, and whether it only stands "beside"
    another one."""

    name: str
    title: str
    decimals: int
    scale: float
    beside: bool


def metric_columns(metrics: Mapping[str, Iterable[float | None]]) -> list[MetricColumn]:
    """Return a column for each metric. The ends of the interval of another metric and its floor
    stand beside it, because they make a table very wide."""
    from assay.statistics import metric_of, with_unit

    ends = _ends(metrics)
    beside = {end for both in ends.values() for end in both}
    beside |= {_beside(name, "floor") for name in ends}
    return [
        {
            "name": name,
            "title": with_unit(name),
            "decimals": _decimals(name, values),
            "scale": metric_of(name).scale,
            "beside": name in beside,
        }
        for name, values in metrics.items()
    ]


def _decimals(name: str, values: Iterable[float | None]) -> int:
    """Return the decimals of a metric; counts have none if they are all whole."""
    from assay.statistics import metric_of

    if name not in COUNTS:
        return metric_of(name).decimals
    return 0 if all(v is None or float(v).is_integer() for v in values) else 2


def _metrics(record: Record) -> list[dict[str, Any]]:
    """Return name, title and text of each metric; one that was recorded with the ends of its
    interval, "test_low_NAME" and "test_high_NAME", is shown with them."""
    from assay.statistics import metric_of, with_unit

    rows, found = [], record.metrics
    ends = _ends(found)
    for name, value in found.items():
        if any(name in both for both in ends.values()):
            continue
        known = metric_of(name)
        text = known.number(value)
        if name in ends:
            text += f" ({' to '.join(known.number(found[end]) for end in ends[name])})"
        if name in COUNTS and value is not None:
            text = f"{value:,.{_decimals(name, [value])}f}"
        rows.append({"name": name, "title": with_unit(name), "text": text})
    return rows


def _studies(shelf: Shelf, name: str) -> list[dict[str, str]]:
    """Return the studies that contain this run, each with its label of the trial."""
    from assay.reports.names import named

    def look(store: Any) -> list[dict[str, str]]:
        return [
            {"study": str(plan["study"]), "trial": label}
            for plan in store.plans()
            for label, runs in runs_by_label(named(plan))
            if name in runs
        ]

    return shelf.read(look)


def _confusion(record: Record) -> dict[str, Any] | None:
    from assay.reports import predictions

    found = predictions.confusion([record])
    if found is None or len(found["counts"]) > MOST_CLASSES:
        return None
    spec = record.config.get("dataset") or {}
    names = predictions.class_names(spec, None, len(found["counts"]))
    return {"counts": found["counts"].tolist(), "names": names}


def pictures(shelf: Shelf, name: str, data_dir: Path | None) -> dict[str, object]:
    """Return the most confident mistakes of a run, and pictures that it generated.

    Returns:
        "mistakes": {"class", "predicted", "confidence", "image"} each; "made": generated
        pictures; "missing": why there are none.
    """
    from assay.reports import predictions
    from assay.reports.svg import png_uri

    record = shelf.read(lambda store: store.record(store.find(name)))
    made = record.predictions.get("samples")
    sheet = [] if made is None else [png_uri(image) for image in made[:_PICTURES]]
    trial: PlannedTrial = {
        "label": "",
        "trial_id": record.trial_id,
        "levels": {},
        "config": record.config,
        "runs": [record.run_id],
    }
    found = (
        predictions.mistakes({"trials": [trial]}, [record]) if record.status == "finished" else None
    )
    items = [
        (group["class"], item)
        for group in (found["classes"] if found else ())
        for item in group["items"]
    ]
    items = sorted(items, key=lambda pair: -pair[1]["confidence"])[:_PICTURES]
    if not items:
        return {"mistakes": [], "made": sheet, "missing": ""}
    spec = record.config.get("dataset") or {}
    dataset = _dataset(spec, data_dir)
    shown = predictions.pictures(lambda _: dataset, record, [item["index"] for _, item in items])
    count = 1 + max(max(true, item["predicted"]) for true, item in items)
    names = predictions.class_names(spec, dataset, count)
    wrong = []
    for place, (true, item) in enumerate(items):
        row = {**item, "class": true, "true": names[true], "read": names[item["predicted"]]}
        row["image"] = png_uri(shown["images"][place]) if shown["images"] is not None else None
        if shown["originals"] is not None:
            row["original"] = png_uri(shown["originals"][place])
        wrong.append(row)
    return {"mistakes": wrong, "made": sheet, "missing": shown["missing"] or ""}


def _dataset(spec: Spec, data_dir: Path | None) -> Any:
    from assay.data import load

    try:
        return load(spec, data_dir)
    except AssayError:
        return None
