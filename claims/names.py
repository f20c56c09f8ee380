"""What the expressions in claims may use: functions over the record that a claim names."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean as mean_of
from statistics import median as median_of
from types import SimpleNamespace
from typing import Any

import yaml

from assay.statistics import metric_of
from claims.exports import ClaimError, Export, read_export

__all__ = ["names_for"]


def names_for(root: Path, record: str | None) -> dict[str, Any]:
    """Return the functions, by name, for claims over one record.

    Args:
        record: a file from the root: an export of a study, or any JSON, which is then `data`.
    """
    names: dict[str, Any] = {
        f.__name__: f for f in (abs, len, max, min, round, sum, sorted, where, below, fastest)
    }
    names |= {"mean_of": mean_of, "median_of": median_of}
    names["json"] = lambda path: _json(root / path)
    names["of"] = lambda name: SimpleNamespace(**_study_names(root, root / f"results/{name}.json"))
    if record is None:
        return names
    data = _json(root / record)
    return names | (_study_names(root, root / record) if "trials" in data else {"data": data})


def _study_names(root: Path, path: Path) -> dict[str, Any]:
    export = read_export(path)
    study = export.data["study"].partition("@")[0]
    published = {"published": lambda trial=None: _published(root, study, trial)}
    return _export_names(export) | published


def _export_names(export: Export) -> dict[str, Any]:
    """n, mean, ci ... of one export; each takes a trial and a metric, both with defaults."""

    def of(attribute: str) -> Callable[..., float]:
        return lambda name=None, metric=None: getattr(export.estimate(name, metric), attribute)

    def ci(name: str | None = None, metric: str | None = None) -> tuple[float, float]:
        found = export.estimate(name, metric)
        if not math.isclose(found.high - found.mean, found.half_width, rel_tol=1e-6):
            said = f"the interval of {name} is {found.low:g} to {found.high:g}: no ± says that"
            raise ClaimError(said)
        return found.mean, found.half_width

    def ends(name: str | None = None, metric: str | None = None) -> tuple[float, float]:
        found = export.estimate(name, metric)
        return found.low, found.high

    def scale() -> float:
        return metric_of(export.metric).scale

    def versus(name: str, against: str, metric: str | None = None) -> tuple[float, ...]:
        c = export.compare(name, against, metric)
        return tuple(scale() * x for x in (c.difference, c.low, c.high))

    def effect(level: str, *at: str) -> dict[str, float]:
        e = export.effect(level, *at)
        c = e.comparison
        shown = {"difference": c.difference, "low": c.low, "high": c.high}
        return {**{k: scale() * v for k, v in shown.items()}, "p": e.p_adjusted}

    names = {k: of(k) for k in ("n", "mean", "std", "low", "high", "median", "minimum", "maximum")}
    return dict(
        names,
        ci=ci,
        ends=ends,
        values=export.values,
        versus=versus,
        difference=lambda level, *at: effect(level, *at)["difference"],
        difference_ends=lambda level, *at: [effect(level, *at)[k] for k in ("low", "high")],
        holm=lambda level, *at: effect(level, *at)["p"],
        pooled=lambda level, *at: export.effect(level, *at).pooled,
        comparisons=lambda: export.effects[0].family,
        verdict=lambda level, *at: export.effect(level, *at).verdict,
        seconds=lambda name=None, *kinds: export.seconds(name, *([kinds] if kinds else [])),
        minutes=lambda name=None: [s / 60 for s in export.seconds(name)],
        runs=lambda: len(export.all_records()),
        summed=lambda: sum(sum(export.seconds(label)) for label in export.records) / 60,
        elapsed=lambda: export.elapsed() / 60,
        ended=lambda name=None: [_ended(r.provenance["finished_at"]) for r in export.runs(name)],
        config=lambda path, name=None: _at(export.runs(name)[0].config, path),
        trials=lambda: len(export.records),
        tried=lambda key="value": [t["rungs"][-1][key] for t in _tried(export) if t["rungs"]],
        tried_where=lambda **levels: [
            100 * t["rungs"][-1]["value"] for t in _tried(export) if _holds(t, levels)
        ],
        data=export.data,
    )


def _ended(when: str) -> float:
    return datetime.fromisoformat(when).timestamp() / 60


def _tried(export: Export) -> list[dict[str, Any]]:
    return export.data["search"]["tried"]


def _holds(trial: dict[str, Any], levels: dict[str, Any]) -> bool:
    values = {name.rpartition(".")[2]: value for name, value in trial["values"].items()}
    return bool(trial["rungs"]) and all(
        str(values[name]) == level for name, level in levels.items()
    )


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data[int(key) if isinstance(data, list) else key]
    return data


def where(rows: Sequence[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row of a list that has these values."""
    found = [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]
    if len(found) != 1:
        raise ClaimError(f"{len(found)} rows have {wanted}")
    return found[0]


def fastest(
    bench: dict[str, Any],
    model: str,
    *contestants: str,
    batch: int = 32,
    precision: str | None = None,
    value: str = "images_per_second",
) -> float:
    """Images a second, or `share_of_peak`, of the fastest of some contestants of benchmarks/run.py,
    in any format or in one."""
    found = []
    for cell in bench["cells"]:
        format_ = precision or cell["precision"]
        if (cell["model"], cell["batch"], cell["precision"]) == (model, batch, format_):
            rows = [cell["results"][name] for name in contestants]
            best = max(rows, key=lambda row: row["images_per_second"]["median"])[value]
            found.append(best["median"] if isinstance(best, dict) else best)
    return max(found)


def below(limit: float, value: float) -> float:
    """The limit, when the value is below it: for "p < 0.001"."""
    if not value < limit:
        raise ClaimError(f"{value:.4g} is not below {limit}")
    return limit


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise ClaimError(f"{path} cannot be read: {error.strerror}") from error


def _published(root: Path, study: str, trial: str | None) -> float:
    """A published figure as the study declares it, in the unit that is shown."""
    path = next((root / "src" / "assay").rglob(f"{study}.yaml"))
    rows = yaml.safe_load(path.read_text()).get("published", [])
    found = [r for r in rows if r.get("trial") in (trial, f"labels = {trial}")]
    if len(found) != 1:
        raise ClaimError(f"{path} has {len(found)} published figures of trial {trial!r}")
    return metric_of(found[0].get("metric", "accuracy")).scale * found[0]["value"]
