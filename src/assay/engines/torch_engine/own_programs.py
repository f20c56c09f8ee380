"""Programs of tasks with their own training, such as several networks together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from assay.core.records import Record
from assay.core.registry import Registry
from assay.data.dataset import Dataset
from assay.engines.engine import Cohort, Progress, Resources
from assay.engines.torch_engine.device import DevicePlace
from assay.tasks.task import Task

__all__ = ["PROGRAMS", "OwnProgram"]


class OwnProgram(Protocol):
    """Trains the cohorts of one task on PyTorch; its members take turns."""

    def check(self, cohort: Cohort) -> None:
        """Raise EngineError for settings that have no meaning for the task; must be fast."""

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        where: DevicePlace,
        task: Task,
        describe: Callable[[], dict[str, object]],
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train every member; yield each record as soon as it is ready."""


PROGRAMS: Registry[OwnProgram] = Registry("training program", contract=OwnProgram)
"""Name of the task -> its program."""
