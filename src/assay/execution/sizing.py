"""The size of jobs for an executor, by its memory and by their duration.

The memory model is that of `assay.studies.estimate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.core.cores import make_span, physical_cores
from assay.core.machine import memory_bytes
from assay.core.records import Config
from assay.engines.engine import Cohort, Engine, Resources
from assay.execution.executors.executor import Capacity, Crew, Setup
from assay.execution.executors.worker import find_engine
from assay.execution.jobs import Part, cut, member_work
from assay.execution.place import Place
from assay.studies.estimate import cohort_memory, training_seconds
from assay.studies.members import cohorts as cohorts_of
from assay.studies.members import resolve_info

__all__ = [
    "Forecast",
    "cut_for",
    "fitting",
    "forecast",
    "local_capacity",
    "survey",
    "work_of_seconds",
]

MEMORY_SHARE = 0.8
"""Fraction of a worker's memory that a cohort may use by the model; the rest is a reserve."""


def local_capacity(workers: int, threads: int) -> Capacity:
    """Return the capacity of this machine with so many workers."""
    return Capacity(workers, threads, memory=(memory_bytes() or 0) // max(1, workers))


def cut_for(
    cohorts: Sequence[Cohort],
    there: Capacity,
    resources: Resources,
    engine: Callable[[Cohort], Engine],
    data_dir: Path | None,
) -> list[Part]:
    """Cut cohorts into parts for a place; see `assay.execution.jobs.cut`.

    Args:
        resources: of one worker there.
        engine: of a cohort.
    """

    def train_images(cohort: Cohort) -> int:
        return resolve_info(cohort.members[0].config, data_dir).train

    def limit(cohort: Cohort) -> int:
        liked = engine(cohort).limit(cohort, resources)
        return min(liked, fitting(cohort, there.memory, data_dir))

    least = work_of_seconds(there.least_seconds, cohorts, data_dir)
    return cut(cohorts, train_images, limit, there.workers, least)


@dataclass(frozen=True)
class Forecast:
    """Forecast of jobs and time.

    Attributes:
        jobs: their number; `longest`: runs of the largest.
        seconds: until the last worker finishes, if a core there is like one of this machine; a
            rough estimate, far too long for GPUs.
    """

    capacity: Capacity
    jobs: int
    longest: int
    seconds: float


def forecast(
    configs: Sequence[Config], place: Place, workers: int | None, data_dir: Path | None, store: Path
) -> Forecast:
    """Get the capacity of a place, and cut these runs for it, without training.

    Raises:
        EngineError: the place cannot be reached or has no room.
    """
    capacity = survey(place, workers, data_dir, store)
    groups = cohorts_of(configs, data_dir)
    resources = Resources(device=capacity.device, threads=capacity.threads)

    def engine(cohort: Cohort) -> Engine:
        return find_engine(str(cohort.members[0].config["engine"]))

    parts = cut_for(groups, capacity, resources, engine, data_dir)
    times = [training_seconds(part.cohort.members, data_dir) for part in parts]
    longest = max((len(part.runs) for part in parts), default=0)
    span = make_span(times, capacity.workers) if times else 0.0
    return Forecast(capacity, len(parts), longest, span)


def survey(
    place: Place,
    workers: int | None = None,
    data_dir: Path | None = None,
    store: Path | None = None,
) -> Capacity:
    """Return the present capacity of a place, or this machine's if it has none.

    Raises:
        EngineError: it cannot be reached or has no room.
    """
    if not place.remote:
        count = workers or physical_cores()
        return local_capacity(count, max(1, physical_cores() // count))
    shared = (store or Path()).resolve()
    setup = Setup(
        data_dir, workers or 0, address=place.address, options=place.options, shared=shared
    )
    with Crew() as crew:
        executor: Any = crew.get(str(place.executor), setup)
        return executor.capacity(Resources())


def fitting(cohort: Cohort, memory: int, data_dir: Path | None) -> int:
    """Return how many members of a cohort fit into the memory of a worker; at least 1.

    Args:
        memory: in bytes; 0 if unknown, so that all fit.
    """
    if not memory:
        return len(cohort.members)
    one, two = (
        cohort_memory(replace(cohort, members=(cohort.members[0],) * n), data_dir) for n in (1, 2)
    )
    room = MEMORY_SHARE * memory - one
    return max(1, 1 + int(room // (two - one))) if two > one else len(cohort.members)


def work_of_seconds(seconds: float, cohorts: Sequence[Cohort], data_dir: Path | None) -> float:
    """Return the work (see `member_work`) that takes so many seconds on a core of this machine."""
    members = [(m, c) for c in cohorts for m in c.members] if seconds else []
    if not members:
        return 0.0
    images = {id(c): resolve_info(c.members[0].config, data_dir).train for c in cohorts}
    work = sum(member_work(m, images[id(c)]) for m, c in members)
    return work * seconds / max(training_seconds([m for m, _ in members], data_dir), 1e-9)
