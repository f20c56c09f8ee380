"""Functions that register parts, one for each kind of part.

Each takes a name and the part, or is a decorator if the part is omitted:

    assay.register_dataset("mine", Mine(...))

    @assay.register_metric("mean_confidence", higher_is_better=True, decimals=3)
    def mean_confidence(targets, predictions): ...

A part can be given as a string "module:attribute", which is imported when it is first needed.
Increase `version=` when a change affects the numbers of runs that use the part: from version 2 on,
it is part of their identity, so that old and new runs are not mixed. Registering a name in two
places is a ConfigError that names both. docs/extending.md has examples, and says which of assay's
own parts to read for the kinds that have none; `assay.subjects` register theirs in the same way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from assay.core.code_places import defined_at
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
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{kind}: expected the name to register it under, got {name!r}")
        if part is not None:
            register(kind, name, part, version=version)
            return part

        def register_decorated(part: T) -> T:
            register(kind, name, part, version=version)
            return part

        return register_decorated

    register_part.__doc__ = doc
    return register_part


register_dataset = _kind(
    "dataset",
    "Register a dataset: arrays, a dataset object, a function that returns one of these, or an "
    "`assay.data.catalog.DatasetEntry`.",
)
register_network = _kind(
    "network family", "Register a network family, an `assay.networks.families.Family`."
)
register_task = _kind("task", "Register a task, an `assay.tasks.task.Task`.")
register_optimizer = _kind(
    "optimizer",
    "Register an optimizer, a subclass of `assay.engines.optimizers.optimizer.Optimizer`.",
)
register_schedule = _kind(
    "schedule",
    "Register a learning-rate schedule, a subclass of `assay.engines.schedules.Schedule`.",
)
register_augmentation = _kind(
    "augmentation",
    "Register a random change of training images, a subclass of "
    "`assay.engines.augmentations.Augmentation`.",
)
register_pretraining = _kind(
    "pretraining", "Register a source of initial weights, as for `training.pretrain`."
)
register_program = _kind("training program", "Register the program that trains a task.")
register_transform = _kind(
    "transform", "Register a transformation of a whole dataset, such as `restore`."
)
register_engine = _kind("engine", "Register an engine, an `assay.engines.engine.Engine`.")
register_sampler = _kind(
    "sampler", "Register a sampler for searches, an `assay.studies.search.samplers.sampler.Kind`."
)
register_executor = _kind(
    "executor", "Register an executor, an `assay.execution.executors.executor.Executor`."
)
register_section = _kind(
    "report section", "Register a section of the report, an `assay.reports.registered.Section`."
)
register_page = _kind("page", "Register a page of `assay serve`, an `assay.apps.web.pages.Page`.")
register_studies = _kind("studies", "Register a folder of YAML studies, a `Path`.")


def register_command(name: str, part: object = None, *, help: str = "") -> Any:
    """Register a command of the command line, `assay NAME`; a decorator if `part` is omitted.

    Args:
        name: name of the command.
        part: a function, a `cyclopts.App`, or "module:attribute" of one.
        help: its line in `assay --help`, which is the first line of its own help. If a command is
            given as a string without `help`, `assay --help` has to import it.
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
    """Register a metric, a function of targets and predictions or a `Metric`.

    It is a decorator of the function if `part` and `function` are omitted. A study computes the
    metric if it names it: `metrics: [accuracy, NAME]`.

    Args:
        name: its name in studies and tables, without "val_" or "test_".
        part: a `Metric`, or "module:attribute" of one.
        function: called as `function(targets, predictions)`, once for the validation images and
            once for the test images; returns one number. `targets` are the targets of the images,
            class numbers (n,) for classification. `predictions` are arrays by name with one entry
            for each image; for classification "predicted" (n,), the class numbers; "confidence"
            (n,), the probability of that class; "probabilities" (n, classes), of each class, both
            float16; "log_odds" (n, classes), float32, log(p / (1 - p)) of each class, which rank
            also what float16 rounds to 0 or 1. All are read-only.
        higher_is_better: whether larger values are better.
        how: other fields of `Metric`: `decimals`, `unit`, `scale`, `title`, `needs`, `task`, ...

    Raises:
        ConfigError: the direction or the function is missing, a field is unknown, or the name is
            already registered elsewhere.
    """
    if part is not None:
        register("metric", name, part)
        return part
    known = [f.name for f in fields(Metric)]
    for unknown in sorted(how.keys() - set(known)):
        raise ConfigError(unknown_name("field of a metric", unknown, known))
    if not isinstance(higher_is_better, bool):
        said = "higher_is_better must be True or False"
        raise ConfigError(f"metric {name!r}: {said}, got {higher_is_better!r}")
    for prefix in ("val_", "test_"):
        if name.startswith(prefix):
            bare = name.removeprefix(prefix)
            said = f"register a metric without the prefix of a split: {bare!r}"
            raise ConfigError(f"metric {name!r}: {said}")

    def register_function(function: MetricFunction) -> MetricFunction:
        if not callable(function):
            raise ConfigError(f"metric {name!r}: expected a function, got {function!r}")
        made = Metric(name, function=function, higher_is_better=higher_is_better, **how)
        try:
            inspect.signature(function).bind(None, None)
        except TypeError as error:
            said = f"it is called with (targets, predictions): {error}; see {defined_at(function)}"
            raise ConfigError(f"metric {name!r}: {said}") from None
        except ValueError:
            pass  # of a library, which has no signature in Python
        register("metric", name, made)
        return function

    return register_function if function is None else register_function(function)
