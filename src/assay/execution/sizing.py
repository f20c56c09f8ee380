"""How large jobs should be for the place where they train: by its memory and by the time they take.

The memory model is that of `assay.studies.estimate`; `benchmarks/executors.py` measures how well it
holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assay.core.machine import memory_bytes
from assay.engines.engine import Cohort
from assay.execution.executors.executor import Capacity
from assay.execution.jobs import member_work
from assay.studies.estimate import cohort_memory, training_seconds
from assay.studies.members import resolve_info

__all__ = ["fitting", "local_capacity", "work_of_seconds"]

MEMORY_SHARE = 0.8
"""Of a worker's memory that a cohort may need by the model; the rest is for what it leaves out."""


def local_capacity(workers: int, threads: int) -> Capacity:
    """This machine with so many workers."""
    return Capacity(workers, threads, memory=(memory_bytes() or 0) // max(1, workers))


def fitting(cohort: Cohort, memory: int, data_dir: Path | None) -> int:
    """How many members of a cohort fit into the memory of a worker; at least 1.

    Args:
        memory: in bytes; 0 where it is not known, so that all fit.
    """
    if not memory:
        return len(cohort.members)
    one, two = (
        cohort_memory(replace(cohort, members=(cohort.members[0],) * n), data_dir) for n in (1, 2)
    )
    room = MEMORY_SHARE * memory - one
    return max(1, 1 + int(room // (two - one))) if two > one else len(cohort.members)


def work_of_seconds(seconds: float, cohorts: Sequence[Cohort], data_dir: Path | None) -> float:
    """The work (as `member_work` counts it) that takes so long on a core like this machine's."""
    members = [(m, c) for c in cohorts for m in c.members] if seconds else []
    if not members:
        return 0.0
    images = {id(c): resolve_info(c.members[0].config, data_dir).train for c in cohorts}
    work = sum(member_work(m, images[id(c)]) for m, c in members)
    return work * seconds / max(training_seconds([m for m, _ in members], data_dir), 1e-9)
