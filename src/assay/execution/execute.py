"""Training of missing runs: jobs go to an executor, and records to the store as they arrive.

Runs are claimed in the store when a worker is free, so that several commands on one store share the
work. Killing the process at any moment loses at most the runs in training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from assay.core.cores import physical_cores
from assay.core.errors import EngineError, StudyInterrupted
from assay.core.plans import PlanData, to_keep
from assay.core.plugins import loaded
from assay.core.store import Store
from assay.engines.engine import Cohort, Engine, Resources
from assay.execution.events import Event
from assay.execution.executors.executor import Capacity, Crew, Executor, Setup, blame, make_executor
from assay.execution.executors.worker import find_engine
from assay.execution.gpus import Gpus, gpus_for
from assay.execution.jobs import Part
from assay.execution.ledger import Ledger
from assay.execution.metrics import complete_metrics
from assay.execution.place import Place, parse_place
from assay.execution.sizing import cut_for, local_capacity
from assay.execution.stop import how_to_resume, interrupts

__all__ = ["StudyInterrupted", "Summary", "check_engines", "execute"]

WAIT_SECONDS = 0.5
REMIND_SECONDS = 30.0


@runtime_checkable
class HasPlan(Protocol):
    """A plan; `to_json` returns the data for the store."""

    def to_json(self) -> PlanData: ...


@dataclass(frozen=True)
class Summary:
    """Summary of an execution.

    Attributes:
        runs: runs of the study; `present`: those that were stored before.
        trained: trained now, the diverged among them; `elsewhere`: by another command meanwhile.
        diverged: names of those of the trained that diverged.
        failed: run -> why; the next execution tries them again.
        seconds: from start to end; `images`: training images seen.
    """

    runs: int
    present: int
    trained: int
    elsewhere: int
    diverged: tuple[str, ...]
    failed: dict[str, str]
    seconds: float
    images: int

    @property
    def images_per_second(self) -> float:
        """Mean number of training images a second, all workers together."""
        return self.images / max(self.seconds, 1e-9)


def execute(
    plan: PlanData | HasPlan,
    cohorts: Sequence[Cohort],
    store: Store,
    resources: Resources,
    *,
    data_dir: Path | None = None,
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    executor: str | Place | None = None,
    crew: Crew | None = None,
) -> Summary:
    """Train every run of a study that is not in the store, and save the plan.

    A run whose worker dies, or whose engine fails in a job of several runs, is tried once more
    alone and then stored as failed; it never ends the study. On Ctrl-C, SIGTERM and SIGHUP, runs in
    training save a checkpoint first. A second Ctrl-C stops at once.

    Args:
        plan: the plan of the study, as the store keeps it.
        cohorts: all runs of the plan, those that are stored already included.
        store: where records go; other commands may write to it at the same time.
        resources: device, precision and threads of one worker (0: chosen here).
        data_dir: folder of the data files, as for `assay.data.load`.
        workers: jobs at the same time; None is one for each physical core.
        on_event: called with every `Event`, in this thread.
        executor: a place or its name, as `parse_place` reads it; None is "threads" where the engine
            says so, else "processes" on a CPU and where GPUs have room for several, or "inline".
        crew: keeps executors and their workers for the next execution; None ends them here.

    Raises:
        EngineError: an engine cannot train a cohort; nothing has been trained then.
        StoreError: a record cannot be stored; those before it are.
        StudyInterrupted: the user stopped it.
    """
    plain = plan.to_json() if isinstance(plan, HasPlan) else plan
    ledger = Ledger(plain, cohorts, store, on_event or (lambda event: None))
    began = time.monotonic()
    try:
        complete_metrics(cohorts, store, resources.metrics)  # of the records that are not damaged
        store.save_plan(to_keep(plain, store.plan_before(str(plain["study"]))))
        resources = _of_store(resources, store)
        place = parse_place(executor)
        with ExitStack() as own, interrupts() as stopped:
            if crew is None and place.remote:  # expensive to start
                crew = own.enter_context(Crew())
            course = _Course(ledger, cohorts, resources, data_dir, stopped, crew, place, store.path)
            try:
                course.run(workers)
            except KeyboardInterrupt:  # the second Ctrl-C
                if not stopped():
                    raise
            missing, kept = ledger.missing(), ledger.kept()
        if missing and stopped():
            said = how_to_resume(plain, store, len(ledger.members), len(missing))
            raise StudyInterrupted(said, kept)
        ledger.tell("done")
        return _summary(ledger, time.monotonic() - began)
    finally:
        ledger.close()


def check_engines(
    cohorts: Iterable[Cohort], resources: Resources, trial_of: Callable[[str], str]
) -> None:
    """Check that the engine of every cohort can train it.

    Args:
        trial_of: label of a run's trial; "" if it needs none.

    Raises:
        EngineError: one cannot; the message names the trial.
    """
    for cohort in cohorts:
        try:
            find_engine(cohort.members[0].config["engine"]).check(cohort, resources)
        except EngineError as error:
            trial = trial_of(cohort.members[0].run_id)
            said = f"{trial}: {error}" if trial else str(error)
            raise EngineError(said, error.setting) from None


@dataclass
class _Course:
    """One execution: own runs, second tries, then runs that other commands abandon."""

    ledger: Ledger
    cohorts: Sequence[Cohort]
    resources: Resources
    data_dir: Path | None
    stopped: Callable[[], bool]
    crew: Crew | None
    place: Place
    store: Path

    def __post_init__(self) -> None:
        names = {c.members[0].config["engine"] for c in self.cohorts}
        self.engines: dict[str, Engine] = {name: find_engine(name) for name in names}
        self.gpus = Gpus()

    def run(self, workers: int | None) -> None:
        """Train until nothing is missing or the user stops it."""
        missing = self.ledger.missing()
        wanted = replace(self.resources, device=self.place.device(self.resources.device))
        check_engines(self._cohorts(missing), wanted, self.ledger.trial_of)
        if not self.place.remote:
            self.gpus = self._gpus(workers or 0, missing)
        if self.place.executor is None:
            self.place = Place(self._default_executor(missing))
        self._size(workers or 0, missing)
        parts = self._cut(missing)
        self.ledger.expect(parts)
        while parts and not self.stopped():
            self._train(parts, self.setup.workers)
            alone = [run for part in self.ledger.again for run in part.pieces(len(part.runs))]
            self.ledger.again = []
            if alone and not self.stopped():
                # alone: if memory ran out, most of it is available now
                self._train(alone, self.setup.workers if self.place.remote else 1, alone=True)
            parts = self._cut(self._wait())

    def _size(self, workers: int, missing: Collection[str]) -> None:
        """Determine the capacity of the executor."""
        place = self.place
        if not place.remote:
            many = len(self.gpus.devices) or workers or physical_cores()
            workers = 1 if place.executor == "inline" else many
        devices = self.gpus.devices if place.executor == "processes" else ()
        details = (place.address, place.options, self.store.resolve(), devices)
        self.setup = Setup(self.data_dir, workers, False, loaded(), *details)
        if place.remote and missing:
            with blame(place.executor or ""):
                self.capacity: Capacity = self._runner(workers).capacity(self.resources)  # type: ignore[attr-defined]
        else:
            share = _share(self.resources, workers).threads
            self.capacity = local_capacity(workers, share)
            if devices:  # cohorts are cut for GPUs, not for the processes on them
                has = {"workers": len(set(devices)), "memory": self.gpus.memory}
                self.capacity = replace(self.capacity, device="cuda", **has)

    def _runner(self, workers: int) -> Executor:
        name, setup = self.place.executor or "", replace(self.setup, workers=workers)
        return self.crew.get(name, setup) if self.crew else make_executor(name, setup)

    def _train(self, parts: list[Part], workers: int, alone: bool = False) -> None:
        share = self.resources
        if self.place.remote:
            share = replace(share, threads=share.threads or self.capacity.threads)
        elif self.place.executor != "inline":
            share = _share(share, min(workers, len(parts)))
        jobs = self.ledger.jobs(parts, share, alone)
        with blame(self.place.executor or "", self.ledger.receive) as send:
            self._runner(workers).run(jobs, send, self.stopped)

    def _wait(self) -> list[str]:
        """Wait for runs that other commands train; return abandoned ones, or nothing at the end."""
        told = -REMIND_SECONDS
        while not self.stopped() and (missing := self.ledger.missing()):
            if mine := self.ledger.left_by_others():
                return mine
            if time.monotonic() - told >= REMIND_SECONDS:
                told = time.monotonic()
                self.ledger.tell("waiting", members=len(missing))
            time.sleep(WAIT_SECONDS)
        return []

    def _cut(self, runs: Collection[str]) -> list[Part]:
        sized = replace(self.resources, threads=self.capacity.threads)
        if self.place.remote:
            sized = replace(sized, device=self.capacity.device)
        return cut_for(self._cohorts(runs), self.capacity, sized, self._engine, self.data_dir)

    def _cohorts(self, runs: Collection[str]) -> list[Cohort]:
        """Return the cohorts of some runs, with only these as members."""
        chosen = set(runs)
        parts = [
            replace(c, members=tuple(m for m in c.members if m.run_id in chosen))
            for c in self.cohorts
        ]
        return [cohort for cohort in parts if cohort.members]

    def _default_executor(self, missing: Collection[str]) -> str:
        others = [c for c in self._cohorts(missing) if not self._in_threads(c)]
        if missing and not others:
            return "threads"
        for cohort in others:
            device = str(self._engine(cohort).describe(self.resources).get("device", "cpu"))
            alone = not device.startswith("cpu") and len(self.gpus.devices) < 2
            return "inline" if alone else "processes"
        return "inline"

    def _gpus(self, workers: int, missing: Collection[str]) -> Gpus:
        """Return how workers share the GPUs of this machine, if networks train on GPUs."""
        rest = [c for c in self._cohorts(missing) if not self._in_threads(c)]
        if not rest:
            return Gpus()
        return gpus_for(rest, self._engine(rest[0]), self.resources, workers, self.data_dir)

    def _in_threads(self, cohort: Cohort) -> bool:
        """Whether an engine trains a cohort without the interpreter's lock, on the CPU."""
        asked = getattr(self._engine(cohort), "in_threads", None)
        return bool(asked and asked(cohort, self.resources))

    def _engine(self, cohort: Cohort) -> Engine:
        return self.engines[cohort.members[0].config["engine"]]


def _of_store(resources: Resources, store: Store) -> Resources:
    """Return resources with the folders of a store."""
    folders = store.checkpoints.resolve(), store.weights_folder.resolve()
    return replace(resources, checkpoints=folders[0], weights=folders[1])


def _share(resources: Resources, workers: int) -> Resources:
    """Return the resources of one of `workers` workers: by default its share of the cores."""
    threads = resources.threads or max(1, physical_cores() // workers)
    return replace(resources, threads=threads)


def _summary(ledger: Ledger, seconds: float) -> Summary:
    own = ledger.present + len(ledger.trained) + len(ledger.failed)
    return Summary(
        runs=len(ledger.members),
        present=ledger.present,
        trained=len(ledger.trained),
        elsewhere=len(ledger.members) - own,
        diverged=tuple(sorted(ledger.diverged)),
        failed=dict(ledger.failed),
        seconds=seconds,
        images=ledger.tracker.images,
    )
