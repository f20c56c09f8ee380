"""How parts are added from outside: a `register_` function for each kind.

Each takes a name and the part, or is a decorator when the part is left out:

    assay.register_dataset("mine", Mine(...))

    @assay.register_metric("mean_confidence", higher_is_better=True, decimals=3)
    def mean_confidence(targets, predictions): ...

A part may be given as text, "module:attribute", which is imported when it is first needed. Raise
`version=` when a change moves the numbers of the runs that use a part: from 2 on it is in their
names, so that old and new runs are not mixed. A name that is registered at two places is a
ConfigError that names both. docs/extending.md has an example
of each kind; assay's own subjects (`assay.subjects`) register theirs in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from assay.core.errors import ConfigError, unknown_name
from assay.core.metrics import Metric, MetricFunction
from assay.core.registry import register

__all__ = [
    "register_augmentation",
    "register_command",
    "register_dataset",
    "register_engine",
    "register_executor",
    "register_metric",
    "register_network",
    "register_optimizer",
    "register_page",
    "register_pretraining",
    "register_program",
    "register_sampler",
    "register_schedule",
    "register_section",
    "register_studies",
    "register_task",
    "register_transform",
]

T = TypeVar("T")


def _kind(kind: str, doc: str) -> Callable[..., Any]:
    def register_part(name: str, part: Any = None, *, version: int = 1) -> Any:
        if part is not None:
            register(kind, name, part, version=version)
            return part

        def register_decorated(part: T) -> T:
            register(kind, name, part, version=version)
            return part

        return register_decorated

    register_part.__doc__ = doc
    return register_part


register_dataset = _kind("dataset", "Add a dataset: see `assay.data.catalog.DatasetEntry`.")
register_network = _kind(
    "network family", "Add a network family: `assay.networks.families.Family`."
)
register_task = _kind("task", "Add a task: see `assay.tasks.task.Task`.")
register_optimizer = _kind(
    "optimizer", "Add an optimizer: a subclass of `assay.engines.optimizers.optimizer.Optimizer`."
)
register_schedule = _kind(
    "schedule", "Add a schedule: a subclass of `assay.engines.schedules.Schedule`."
)
register_augmentation = _kind(
    "augmentation",
    "Add a random change to training images: a subclass of "
    "`assay.engines.augmentations.Augmentation`.",
)
register_pretraining = _kind("pretraining", "Add where first weights come from.")
register_program = _kind("training program", "Add the program that trains one task.")
register_transform = _kind("transform", "Add a change of a whole dataset, as `restore` is one.")
register_engine = _kind("engine", "Add an engine: see `assay.engines.engine.Engine`.")
register_sampler = _kind("sampler", "Add a sampler of searches.")
register_executor = _kind("executor", "Add a place to train: `assay.execution.executors.executor`.")
register_section = _kind("report section", "Add a section of the report.")
register_page = _kind("page", "Add a page of `assay serve`: see `assay.apps.web.pages.Page`.")
register_studies = _kind("studies", "Add a folder of YAML studies, as a `Path`.")


def register_command(name: str, part: object = None, *, help: str = "") -> Any:
    """Add a command of the command line, `assay NAME`; without `part` it is a decorator.

    Args:
        name: as it is called.
        part: a function, a `cyclopts.App`, or "module:attribute" of one.
        help: its line in `assay --help`, the first one of its own help; where a command that is
            given as text has none, it is imported to list it.
    """
    if part is None:
        return lambda command: register_command(name, command, help=help)
    register("command", name, part, help)
    return part


def register_metric(
    name: str,
    part: Metric | str | None = None,
    *,
    function: MetricFunction | None = None,
    higher_is_better: bool | None = None,
    **how: Any,
) -> Any:
    """Add a metric, as a function of targets and predictions or as a `Metric`.

    Without `part` and `function` it is a decorator of the function. A study computes the metric
    when it names it: `metrics: [accuracy, NAME]`.

    Args:
        name: as studies and tables name it, without "val_" or "test_".
        part: a `Metric`, or "module:attribute" of one.
        function: called as `function(targets, predictions)`, once for the validation images and
            once for the test images, and returns one number. `targets` are those of the images,
            (n,) class numbers in classification. `predictions` are arrays by name with an entry for
            each image; in classification "predicted" (n,), the class numbers; "confidence" (n,),
            the probability of that class; "probabilities" (n, classes), of each class. Both are
            read-only. Probabilities are float16, as records keep them.
        higher_is_better: the direction.
        how: other fields of `Metric`: `decimals`, `unit`, `scale`, `title`, `needs`, `task`, ...

    Raises:
        ConfigError: the direction or the function is missing, a field is unknown, or another place
            has registered this name before.
    """
    if part is not None:
        register("metric", name, part)
        return part
    if not isinstance(higher_is_better, bool):
        said = "higher_is_better must be True or False"
        raise ConfigError(f"metric {name!r}: {said}, got {higher_is_better!r}")
    for prefix in ("val_", "test_"):
        if name.startswith(prefix):
            bare = name.removeprefix(prefix)
            said = f"a metric is registered without the name of a split: {bare!r}"
            raise ConfigError(f"metric {name!r}: {said}")

    def register_function(function: MetricFunction) -> MetricFunction:
        if not callable(function):
            raise ConfigError(f"metric {name!r}: expected a function, got {function!r}")
        try:
            made = Metric(name, function=function, higher_is_better=higher_is_better, **how)
        except TypeError as error:
            unknown = sorted(how.keys() - {f.name for f in fields(Metric)})
            if not unknown:
                raise
            known = [f.name for f in fields(Metric)]
            raise ConfigError(unknown_name("field of a metric", unknown[0], known)) from error
        register("metric", name, made)
        return function

    return register_function if function is None else register_function(function)
