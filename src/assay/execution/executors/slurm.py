"""The executor of a SLURM cluster: arrays of tasks over a folder that all machines see.

All jobs are drawn at once and dealt to tasks, about as many as there is room for. Tasks leave
records as files in the store's folder `slurm`; this process alone stores them. A task that loses
its machine saves checkpoints first and is queued again. With `detach` it returns when all is
submitted: the same command, later, finds the tasks by the names of their runs, collects and waits.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from assay.core.errors import EngineError, StudyDetached
from assay.core.options import flag, integer, text
from assay.core.record_files import read_record
from assay.engines.engine import Progress, Resources
from assay.execution.executors._slurm_batch import ArrayTask, Batch, write_batch
from assay.execution.executors._slurm_commands import cancel, largest_array, nodes, states, submit
from assay.execution.executors.executor import EXECUTORS, Capacity, Job, Message, Setup
from assay.execution.executors.processes import SAVE_SECONDS, TICK_SECONDS

__all__ = ["Slurm"]

LOOK_SECONDS = 5.0
"""How often SLURM is asked for the states of tasks."""

PATIENT_SECONDS = 600.0
"""So long SLURM may be unable to tell the states, as while its controller restarts."""

GONE_SECONDS = 15.0
"""So long after its end, what a task wrote must be seen here through the shared file system."""


@EXECUTORS.add("slurm")
class Slurm:
    """Trains as arrays of SLURM."""

    ADDRESS = False

    OPTIONS: ClassVar = {
        "partition": text(help="Partition to queue in."),
        "time": text(
            help="Time limit of a task, in the format of sbatch [2:00:00].", default="2:00:00"
        ),
        "gpus_per_node": integer(low=0, help="GPUs per task."),
        "cpus_per_task": integer(low=1, help="CPU cores per task [the threads of a worker]."),
        "mem": text(help="Memory per task, such as 8G."),
        "account": text(help="Account to charge."),
        "qos": text(help="Quality of service."),
        "constraint": text(help="Features that a node must have."),
        "detach": flag(
            help="Return once everything is submitted; the same command collects the results later."
        ),
    }

    def __init__(self, setup: Setup):
        self._setup, self._options = setup, dict(setup.options)
        assert setup.shared is not None
        self._folder = setup.shared / "slurm"
        self._jobs: dict[int, tuple[Job, list[tuple[ArrayTask, int]]]] = {}
        self._tasks: list[ArrayTask] = []
        self._looked = 0.0
        self._unheard: float | None = None

    def capacity(self, resources: Resources) -> Capacity:
        """What the partition has, busy or not."""
        found = nodes(self._options.get("partition"))
        gpus = self._options.get("gpus_per_node") or 0
        threads = self._options.get("cpus_per_task") or resources.threads or 1
        room = sum(n.gpus // gpus if gpus else n.cpus // threads for n in found)
        memory = min((n.memory * threads // max(1, n.cpus) for n in found), default=0)
        return Capacity(
            self._setup.workers or max(1, room),
            threads,
            "cuda" if gpus else "cpu",
            0 if gpus else memory,
            least_seconds=300.0,
            nodes=tuple(found),
        )

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs; see `Executor.run`."""
        self._draw(list(jobs), send)
        if self._options.get("detach"):
            self._hear(send)
            left = sum(len(job.cohort.members) for job, _ in self._jobs.values())
            if left:
                raise StudyDetached(
                    f"{left} runs are queued or in training; run the same command again to collect"
                )
        while self._jobs and not stop():
            self._hear(send)
            send(Message("tick"))
            time.sleep(TICK_SECONDS)
        if not self._jobs:
            self._clear()
            return
        send(Message("stopping"))
        cancel(task.name for task in self._tasks if not task.over)
        end = time.monotonic() + SAVE_SECONDS
        while self._jobs and time.monotonic() < end:
            self._hear(send)
            send(Message("tick"))
            time.sleep(TICK_SECONDS)

    def _draw(self, jobs: list[Job], send: Callable[[Message], None]) -> None:
        """Adopt tasks of earlier commands that hold these runs; submit what is left."""
        earlier = [task for batch in self._batches() for task in batch.tasks]
        alive = states(task.name for task in earlier)
        holders = {run: (task, i) for task in earlier for run, i in task.holds(alive)}
        self._tasks = list({task.name: task for task, _ in holders.values()}.values())
        rest = []
        for job in jobs:
            runs = {m.run_id: m for m in job.cohort.members}
            held = {holders[run] for run in runs if run in holders}
            self._jobs[job.number] = (job, sorted(held, key=lambda h: (h[0].name, h[1])))
            if left := tuple(m for run, m in runs.items() if run not in holders):
                rest.append(replace(job, cohort=replace(job.cohort, members=left)))
        if rest:
            self._submit(rest)
        for job in jobs:
            send(Message("started", job.number))

    def _submit(self, jobs: list[Job]) -> None:
        workers = self.capacity(jobs[0].resources).workers
        batch = write_batch(self._folder, jobs, workers, self._setup)
        threads = self._options.get("cpus_per_task") or max(j.resources.threads for j in jobs)
        settings = {k: v for k, v in self._options.items() if k != "detach" and v}
        settings |= {"cpus_per_task": max(1, threads)}
        submit(batch, settings, largest_array())
        for task in batch.tasks:
            for place, runs in enumerate(task.jobs):
                number = next(n for n, (j, _) in self._jobs.items() if _holds(j, runs))
                self._jobs[number][1].append((task, place))
        self._tasks += batch.tasks

    def _batches(self) -> list[Batch]:
        found = []
        for folder in sorted(self._folder.glob("*/batch.json")):
            with suppress(OSError, ValueError, KeyError):  # half-written, or being removed
                found.append(Batch.read(folder.parent))
        return found

    def _hear(self, send: Callable[[Message], None]) -> None:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look(send)
            self._looked = time.monotonic()
        owners = {run.run_id: n for n, (job, _) in self._jobs.items() for run in job.cohort.members}
        for task in self._tasks:
            for said in task.news():
                self._tell(task, said, owners, send)
        for number, (_, parts) in list(self._jobs.items()):
            if all(task.over or place in task.ended for task, place in parts):
                self._end(number, parts, send)

    def _look(self, send: Callable[[Message], None]) -> None:
        """Ask SLURM which tasks are left; tasks train on while it cannot tell.

        Raises:
            EngineError: it could not for a long time.
        """
        try:
            alive = states(task.name for task in self._tasks if not task.over)
        except EngineError as error:
            now, minutes = time.monotonic(), round(PATIENT_SECONDS / 60)
            if self._unheard is None:
                self._unheard = now
                said = f"{error}; the tasks train on, and SLURM is asked for {minutes} minutes"
                send(Message("remark", text=said))
            if now - self._unheard > PATIENT_SECONDS:
                said = f"{error}, for {minutes} minutes; tasks may train on: run the same command"
                raise EngineError(f"{said} again to collect what they have trained") from None
            return
        self._unheard = None
        for task in self._tasks:
            task.look(alive, GONE_SECONDS)

    def _tell(
        self, task: ArrayTask, said: dict, owners: dict[str, int], send: Callable[[Message], None]
    ) -> None:
        numbers = {owners[run] for run in task.jobs[said["job"]] if run in owners}
        if said["kind"] == "record" and said["run"] in owners:
            if task.record(said["run"]).exists():
                record = read_record(task.record(said["run"]))
                send(Message("record", owners[said["run"]], record=record))
                task.stored(said["run"])
        elif said["kind"] == "progress":
            for number in numbers:
                send(Message("progress", number, progress=Progress(**said["progress"])))

    def _end(
        self, number: int, parts: list[tuple[ArrayTask, int]], send: Callable[[Message], None]
    ) -> None:
        del self._jobs[number]
        ends = [task.ended.get(place) for task, place in parts]
        if lost := [task for task, place in parts if place not in task.ended]:
            send(Message("lost", number, text=f"its task {lost[0].name} {lost[0].why}"))
            return
        worst: dict = next((e for e in ends if e and e["kind"] != "ended"), {"kind": "ended"})
        more = {k: worst[k] for k in ("text", "details", "expected") if k in worst}
        send(Message(worst["kind"], number, **more))

    def _clear(self) -> None:
        """Remove batches of which nothing is left to collect, or let a later command do that."""
        batches = self._batches()
        try:
            alive = states(task.name for batch in batches for task in batch.tasks)
        except EngineError:  # all is trained and stored
            return
        for batch in batches:
            if not any(True for task in batch.tasks for _ in task.holds(alive)):
                shutil.rmtree(batch.folder, ignore_errors=True)


def _holds(job: Job, runs: list[str]) -> bool:
    return runs[0] in {member.run_id for member in job.cohort.members}
