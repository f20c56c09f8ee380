"""The `metrics:` and the `objective:` of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.core.config import Entry, Option
from assay.core.errors import unknown_name
from assay.core.metrics import MetricFormat
from assay.core.options import deferred
from assay.core.plans import PlanData
from assay.core.records import Config
from assay.studies.search.search import Search
from assay.tasks.metrics import direction, find_metric, measures_of, metric_names, versions
from assay.tasks.task import Task, find_task

__all__ = ["JUDGING", "Judging", "check_objective", "read_judging"]

JUDGING: dict[str, Option] = {
    "metrics": deferred(
        None,
        help="Additional metrics to compute and show (docs/extending.md).",
        schema={"type": ["array", "string"], "items": {"type": "string"}},
        accepts="a metric's name, or a list of them",
        example=["f1_macro"],
    ),
    "objective": deferred(
        None,
        help="The validation metric that chooses the best trial and, on test images, is the main "
        "metric of all comparisons; the task's own by default, which otherwise is shown as another "
        "metric.",
        schema={"type": "string"},
        accepts="`val_loss`, or `val_` and the name of a metric",
        example="val_f1_macro",
    ),
}
"""Keys of a study that define its metrics."""


@dataclass(frozen=True)
class Judging:
    """The metrics of a study.

    Attributes:
        shown: names of the metrics that the study names, without prefix, in order.
        objective: the validation metric that chooses the best trial, such as "val_f1_macro", whose
            counterpart on test images is compared; empty if the tasks of its trials differ.
        computed: names of metrics that are computed at the end of a run.
        formats: formats of the metrics by name, plain data of `Metric.shown`.
    """

    shown: tuple[str, ...] = ()
    objective: str = ""
    computed: tuple[str, ...] = ()
    formats: dict[str, MetricFormat] = field(default_factory=dict)

    def to_json(self) -> PlanData:
        """Return the data for a plan."""
        found: PlanData = {"metrics": self.formats}
        if own := versions(self.computed):
            found["metric_versions"] = own
        if self.shown:
            found["shown"] = list(self.shown)
        if self.objective:
            found["metric"] = self.objective
        return found


def read_judging(top: Mapping[str, Entry], study: Search | Sequence[Config]) -> Judging:
    """Read both keys; errors are added to the problems with their places.

    Args:
        study: the configurations of all trials, or the search.
    """
    searched = study.objective if isinstance(study, Search) else ""
    configs = study.samples if isinstance(study, Search) else study
    tasks = list({repr(c["task"]): find_task(c["task"]) for c in configs}.values())
    if not tasks:  # another error is reported
        return Judging()
    shown: tuple[str, ...] = ()
    monitors = {task.monitor for task in tasks}
    usual = monitors.pop() if len(monitors) == 1 else ""
    objective = searched or usual
    if "metrics" in top:
        with top["metrics"].problems.collect(top["metrics"]):
            shown = _read_metrics(top["metrics"], tasks)
    if "objective" in top:
        with top["objective"].problems.collect(top["objective"]):
            objective = _read_objective(top["objective"], tasks, searched)
            shown = tuple(dict.fromkeys([_bare(objective), *shown]))
    if usual and objective != usual and _bare(usual) != "loss":  # every table has the loss
        shown = tuple(dict.fromkeys([_bare(objective), *shown, _bare(usual)]))
    own = {name for task in tasks for name in measures_of(task)} | {"loss"}
    asked = dict.fromkeys([*shown, *([_bare(objective)] if objective else [])])
    formats = {
        name: find_metric(task, name).shown()
        for task in tasks
        for name in metric_names(task)
        if name in own or name in asked
    }
    return Judging(shown, objective, tuple(name for name in asked if name not in own), formats)


def _bare(objective: str) -> str:
    return objective.removeprefix("val_")


def _read_metrics(entry: Entry, tasks: Sequence[Task]) -> tuple[str, ...]:
    items = [entry] if isinstance(entry.value, str) else entry.items()
    names: list[str] = []
    for item in items:
        with entry.problems.collect(item):
            name = item.text()
            _check(item, name, tasks)
            if name in names:
                raise item.error(f"metric {name} is given twice")
            names.append(name)
    return tuple(names)


def _check(entry: Entry, name: str, tasks: Sequence[Task]) -> None:
    for task in tasks:
        if name not in (known := metric_names(task)):
            bare = name.partition("_")[2]
            hint = f"; a metric is named without the split: {bare}" if bare in known else ""
            said = unknown_name(f"metric of task {task.name}", name, known)
            raise entry.error(said + hint)


def _read_objective(entry: Entry, tasks: Sequence[Task], searched: str) -> str:
    if searched:
        raise entry.error("a search has its own objective: search.objective", key=True)
    name = entry.text()
    for task in tasks:
        check_objective(entry, name, task)
    return name


def check_objective(
    entry: Entry, name: str, task: Task, why: str = "the test images must not choose"
) -> bool:
    """Whether a higher value of an objective is better.

    Args:
        why: the reason that test metrics are refused.

    Raises:
        ConfigError: at `entry`, if the task has no such validation metric, or its direction is
            unknown.
    """
    known = ["val_loss", *(f"val_{metric}" for metric in metric_names(task))]
    if name.startswith("test_"):
        said = f"unknown objective {name!r}: {why} (known: {', '.join(sorted(known))})"
        raise entry.error(said)
    if name not in known:
        raise entry.error(unknown_name("objective", name, known))
    return direction(task, name)
