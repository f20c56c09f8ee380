"""A batch of SLURM tasks as a shared folder; see `_slurm_task` for its content."""

from __future__ import annotations

import heapq
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assay.core.errors import StoreError
from assay.core.files import write_whole
from assay.execution.executors.executor import Job, Setup
from assay.execution.versions import versions

__all__ = ["Batch", "ArrayTask", "write_batch"]

OVER = ("ended", "failed", "stopped")


@dataclass(eq=False)
class ArrayTask:
    """One element of an array.

    Attributes:
        name: JOBID_INDEX; "" while it is not submitted.
        jobs: the runs of each of its jobs.
        ended: place of a job -> how it ended.
        over: it has ended; `why` says how, if not all of its jobs have.
    """

    folder: Path
    number: int
    name: str
    jobs: list[list[str]]
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)
    over: bool = False
    why: str = ""
    _read: int = 0
    _missed: float = 0.0

    def holds(self, alive: Mapping[str, str]) -> Iterator[tuple[str, int]]:
        """Return runs, each with the index of its job, that it still trains or has recorded."""
        over = {said["job"] for _, said in self._lines(0) if said["kind"] in OVER}
        for place, runs in enumerate(self.jobs):
            for run in runs:
                if self.record(run).exists() or (self.name in alive and place not in over):
                    yield run, place

    def record(self, run: str) -> Path:
        """Return the file of a run's record."""
        return self.folder / "records" / f"{run}.record"

    def stored(self, run: str) -> None:
        """Note that the record is stored, so that the file is no longer needed."""
        with suppress(OSError):
            self.record(run).with_suffix(".stored").touch()
            self.record(run).unlink()

    def news(self) -> Iterator[dict[str, Any]]:
        """Return its messages since the last call."""
        for place, said in self._lines(self._read):
            self._read = place
            if said["kind"] in OVER:
                self.ended[said["job"]] = said
            yield said

    def _lines(self, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield its messages from an offset of its file on, each with the next offset."""
        try:
            with (self.folder / "tasks" / f"{self.number}.news").open("rb") as file:
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            return
        for line in content.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                return  # it is being written
            start += len(line)
            with suppress(ValueError):  # two lines in one, from a task killed while writing
                yield start, json.loads(line)

    def look(self, alive: Mapping[str, str], grace: float) -> None:
        """Mark it as ended, after its last messages have had time to arrive."""
        if self.over or self.name in alive:
            self._missed = 0.0
            return
        self._missed = self._missed or time.monotonic()
        if len(self.ended) == len(self.jobs) or time.monotonic() - self._missed > grace:
            self.over, self.why = True, "is unknown to SLURM"


@dataclass(frozen=True)
class Batch:
    """A folder with its tasks."""

    folder: Path
    tasks: list[ArrayTask]

    @classmethod
    def read(cls, folder: Path) -> Batch:
        """Read a batch that an earlier command submitted."""
        names = json.loads((folder / "names.json").read_text())
        tasks = []
        for number, name in enumerate(names):
            jobs = json.loads((folder / "tasks" / f"{number}.json").read_text())
            tasks.append(ArrayTask(folder, number, name, [list(job["runs"]) for job in jobs]))
        return cls(folder, tasks)

    def named(self, names: Sequence[str]) -> None:
        """Record the names under which the tasks were submitted."""
        for task, name in zip(self.tasks, names, strict=False):
            task.name = name
        _write(self.folder / "names.json", [task.name for task in self.tasks])


def write_batch(folder: Path, jobs: Sequence[Job], tasks: int, setup: Setup) -> Batch:
    """Distribute jobs to at most so many tasks, the longest first, and write the file of each."""
    place = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
    loads: list[tuple[float, int, list[Job]]] = [
        (0.0, number, []) for number in range(max(1, min(tasks, len(jobs))))
    ]
    for job in sorted(jobs, key=lambda job: -job.work):
        load, number, dealt = heapq.heappop(loads)
        heapq.heappush(loads, (load + job.work, number, [*dealt, job]))
    try:
        for part in ("tasks", "records", "logs"):
            (place / part).mkdir(parents=True)
        found = []
        for number, (_, _, dealt) in enumerate(sorted(loads, key=lambda load: load[1])):
            _write(place / "tasks" / f"{number}.json", [_plain(job) for job in dealt])
            runs = [[m.run_id for m in job.cohort.members] for job in dealt]
            found.append(ArrayTask(place, number, "", runs))
        folders = jobs[0].resources
        about = {
            "versions": versions(),
            "plugins": [asdict(plugin) for plugin in setup.plugins],
            "data_dir": str(setup.data_dir.resolve()) if setup.data_dir else None,
            "checkpoints": str(folders.checkpoints),
            "weights": str(folders.weights) if folders.weights else None,
        }
        _write(place / "batch.json", about)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}") from error
    return Batch(place, found)


def _plain(job: Job) -> dict[str, Any]:
    here = ("checkpoints", "data_dir", "weights")
    resources = {k: v for k, v in asdict(job.resources).items() if k not in here}
    runs = {m.run_id: m.config for m in job.cohort.members}
    return {"engine": job.engine, "work": job.work, "resources": resources, "runs": runs}


def _write(file: Path, content: Any) -> None:
    write_whole(file, json.dumps(content).encode())
