"""The default engine: the compiled program for dense networks on the CPU, PyTorch for all else.

PyTorch is loaded when it is needed. The choice of the program affects the speed of a run and the
rounding of its numbers, never its identity; the record's provenance names the program.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from assay.core.errors import EngineError
from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.compiled.choice import COMPILED, fastest
from assay.engines.compiled.coverage import PROGRAM_SETTING, covers
from assay.engines.engine import Cohort, Engine, Progress, Resources

__all__ = ["DefaultEngine"]

TOGETHER = 8
"""Maximum number of members in a job of the compiled program, which train in turns or on threads.
It is small, so that records come early and workers stay busy to the end."""


class DefaultEngine:
    """The default engine, which trains every network."""

    name = "torch"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError if the device or the precision is not available."""
        if not self.compiled(cohort, resources):
            _pytorch().check(cohort, resources)

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Return how many members to train together."""
        if self.compiled(cohort, resources):
            return TOGETHER
        return _pytorch().limit(cohort, resources)

    def describe(self, resources: Resources) -> dict[str, object]:
        """Device, precision, threads and versions of PyTorch's programs."""
        return _pytorch().describe(resources)

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train the members; see `Engine`."""
        if self.compiled(cohort, resources) and dataset.fresh is None:
            from assay.engines.compiled.engine import train

            return train(cohort, dataset, resources, on_progress)
        return iter(_pytorch().train(cohort, dataset, resources, on_progress))

    def in_threads(self, cohort: Cohort, resources: Resources) -> bool:
        """Whether threads of one process train such cohorts in parallel."""
        return self.compiled(cohort, resources)

    def accelerators(self, resources: Resources) -> dict[str, int]:
        """The GPUs of this machine and the bytes of memory of each."""
        from assay.engines.torch_engine.device import accelerators

        return accelerators(resources.device)

    def compiled(self, cohort: Cohort, resources: Resources) -> bool:
        """Whether the compiled program trains this cohort."""
        wish = os.environ.get(PROGRAM_SETTING, "")
        if wish not in ("", "compiled", "pytorch"):
            raise EngineError(
                f"{PROGRAM_SETTING} must be compiled or pytorch, or not be set, got {wish!r}"
            )
        if wish == "pytorch" or not covers(cohort, resources):
            return False
        return wish == "compiled" or fastest(cohort.members[0], resources) == COMPILED


def _pytorch() -> Engine:
    from assay.engines.torch_engine.engine import TorchEngine

    return TorchEngine()
