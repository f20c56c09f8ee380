"""The metrics of a task: their names, directions and computation.

A task computes those of `measures` at every evaluation. All others are computed at the end of a
run, for studies that name them, from the predictions in its record. So a new metric never requires
training again.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from assay.core.errors import ConfigError, unknown_name
from assay.core.metrics import METRICS, Metric
from assay.core.plugins import told
from assay.core.records import Config
from assay.tasks.task import Task, parts_of

__all__ = [
    "complete",
    "direction",
    "find_metric",
    "measures_of",
    "metric_names",
    "needed",
    "versions",
]


def measures_of(task: Task) -> tuple[str, ...]:
    """Return the names of the metrics that a task computes at every evaluation, without prefix."""
    return tuple(getattr(task, "measures", (task.monitor.removeprefix("val_"),)))


def metric_names(task: Task) -> list[str]:
    """Return the names of all metrics that a study of this task can name, without prefix."""
    found = list(measures_of(task))
    if not parts_of(task):  # several networks have no predictions of single images
        functions = [name for name in METRICS if METRICS[name].function is not None]
        found += [name for name in functions if METRICS[name].task in ("", task.name)]
    return list(dict.fromkeys(found))


def find_metric(task: Task, name: str) -> Metric:
    """Return a metric of a task.

    Raises:
        ConfigError: the task has no such metric.
    """
    if name not in (known := metric_names(task)):
        raise ConfigError(unknown_name(f"metric of task {task.name}", name, known))
    if name in METRICS:
        return METRICS[name]
    own = task.monitor.removeprefix("val_") == name
    return Metric(name, higher_is_better=getattr(task, "higher_is_better", None) if own else None)


def direction(task: Task, monitor: str) -> bool:
    """Whether a higher value of a metric with the prefix "val_" is better.

    Raises:
        ConfigError: neither the metric nor the task defines it.
    """
    name = monitor.removeprefix("val_")
    metric = METRICS.get(name)
    higher = metric.higher_is_better if metric else None
    if higher is None and monitor == task.monitor:
        higher = getattr(task, "higher_is_better", None)
    if higher is None:
        raise ConfigError(
            f"task {task.name} monitors {monitor}, and nothing says whether a higher value is "
            f"better; register the metric {name!r} or set `higher_is_better` of the task"
        )
    return higher


def needed(task: Task, names: Iterable[str]) -> tuple[str, ...] | None:
    """Return the arrays of predictions that some metrics read; None for all."""
    found: list[str] = []
    for name in names:
        if name in measures_of(task):
            continue
        if (needs := METRICS[name].needs) is None:
            return None
        found += needs
    return tuple(dict.fromkeys(found))


def complete(
    metrics: dict[str, float],
    said: Config,
    predictions: Mapping[str, np.ndarray],
    task: Task,
    names: Iterable[str],
    split: str,
) -> bool:
    """Compute the missing metrics of a run, in their present version.

    A metric that cannot be computed, because an array was not kept or its function fails, has no
    value; a failing function never loses a trained run.

    Args:
        metrics: metrics of the run, with prefix; completed here.
        said: its provenance, completed here with "metric_versions" (of plugins, also where they
            failed) and "metrics_lacking" (why some metrics have no value), both by name.
        predictions: arrays of its record, by name with the name of the split.
        names: names without prefix; those that the task computes itself are skipped.
        split: "val" or "test".

    Returns:
        Whether anything changed.
    """
    start = f"{split}_"
    given = _Kept(
        {
            n.removeprefix(start): _read_only(a)
            for n, a in predictions.items()
            if n.startswith(start)
        }
    )
    targets = given.pop("target", None)
    before = (dict(metrics), dict(said))
    known = said.get("metric_versions", {})
    for name in names:
        version, full = versions([name]).get(name), start + name
        if name in measures_of(task) or (full in metrics and known.get(full) == version):
            continue
        metrics.pop(full, None)
        value, why = _value(METRICS[name], given, targets)
        if value is not None:
            metrics[full] = value
        _note(said, "metric_versions", full, version)
        _note(said, "metrics_lacking", full, why)
    return before != (metrics, said)


class _Kept(dict[str, np.ndarray]):
    """Arrays by name; the error for a missing one lists the others."""

    def __missing__(self, name: str) -> np.ndarray:
        raise LookupError(f"no {name} were stored, only {', '.join(sorted(self)) or 'nothing'}")


def _note(said: Config, key: str, name: str, text: str | None) -> None:
    """Store a text under said[key][name]; None removes it. Empty entries are removed."""
    kept = {k: v for k, v in said.get(key, {}).items() if k != name}
    said[key] = kept | ({} if text is None else {name: text})
    if not said[key]:
        del said[key]


def _value(
    metric: Metric, predictions: Mapping[str, np.ndarray], targets: np.ndarray | None
) -> tuple[float | None, str | None]:
    """Return the value of a metric, or why there is none."""
    lacking = [name for name in metric.needs or () if name not in predictions]
    if targets is None or lacking:
        return None, f"no {'predictions' if targets is None else lacking[0]} were stored"
    assert metric.function is not None
    try:
        return _number(metric.function(targets, predictions)), None
    except Exception as error:  # user code: its errors must not lose the run and its record
        return None, told(error)


def _number(value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, numbers.Real | np.bool_):
        raise TypeError(f"the metric must return one number, got {type(value).__name__}")
    if not np.isfinite(float(value)):
        raise ValueError(f"the metric must return a finite number, got {float(value)}")
    return float(value)


def _read_only(array: np.ndarray) -> np.ndarray:
    seen = np.asarray(array).view()
    seen.flags.writeable = False
    return seen


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return name -> digest of the plugin's file, for metrics of plugins.

    A record contains the version that computed its values, so that older values are not used for a
    newer one. It is that of the code that was loaded, whatever is in the file by now.
    """
    places = {name: METRICS.place(name) for name in names if name in METRICS}
    return {name: place.digest for name, place in places.items() if place.digest}
