"""How parts are added from outside: a `register_` function for each kind.

Each takes a name and the part, or is a decorator when the part is left out:

    assay.register_dataset("mine", Mine(...))

    @assay.register_metric("sharpness", decimals=3)
    def sharpness(predictions, targets): ...

A part may be given as text, "module:attribute", which is imported when it is first needed. A name
that is registered at two places is a ConfigError that names both. docs/extending.md has an example
of each kind; assay's own subjects (`assay.subjects`) register theirs in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from assay.core.registry import register

__all__ = [
    "register_augmentation",
    "register_command",
    "register_dataset",
    "register_engine",
    "register_executor",
    "register_layer",
    "register_metric",
    "register_network",
    "register_optimizer",
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
    def register_part(name: str, part: Any = None) -> Any:
        if part is not None:
            register(kind, name, part)
            return part

        def decorate(part: T) -> T:
            register(kind, name, part)
            return part

        return decorate

    register_part.__doc__ = doc
    return register_part


register_dataset = _kind("dataset", "Add a dataset: see `assay.data.catalog.Entry`.")
register_network = _kind(
    "network family", "Add a network family: `assay.networks.families.Family`."
)
register_layer = _kind("layer", "Add a kind of layer: see `assay.networks.layers.Layer`.")
register_task = _kind("task", "Add a task: see `assay.tasks.contract.Task`.")
register_metric = _kind("metric", "Say how a metric is shown: `assay.statistics.metrics.Metric`.")
register_optimizer = _kind("optimizer", "Add an update rule: see `assay.engines.training`.")
register_schedule = _kind("schedule", "Add a schedule of the learning rate.")
register_augmentation = _kind("augmentation", "Add a random change of training images.")
register_pretraining = _kind("pretraining", "Add where first weights come from.")
register_program = _kind("training program", "Add the program that trains one task.")
register_transform = _kind("transform", "Add a change of a whole dataset, as `restore` is one.")
register_engine = _kind("engine", "Add an engine: see `assay.engines.contract.Engine`.")
register_sampler = _kind("sampler", "Add a sampler of searches.")
register_executor = _kind("executor", "Add a place to train: `assay.execution.executors.contract`.")
register_section = _kind("report section", "Add a section of the report.")
register_command = _kind("command", "Add a command of the command line.")
register_studies = _kind("studies", "Add a folder of YAML studies, as a `Path`.")
