"""Events of an execution, and its progress."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from assay.core.cores import make_span
from assay.core.records import Record
from assay.engines.engine import Progress

__all__ = ["Event", "Kind", "Tracker"]

Kind = Literal[
    "damaged",
    "older",
    "planned",
    "started",
    "progress",
    "finished",
    "diverged",
    "failed",
    "lost",
    "ended",
    "waiting",
    "stopping",
    "remark",
    "done",
]

WINDOW_SECONDS = 15.0


@dataclass(frozen=True)
class Event:
    """An event for displays.

    Attributes:
        kind: "damaged" (before all: a stored run that is trained again, `message` says what is
            wrong with it); "older" (`members` stored runs are those of an earlier version and are
            trained again, `message` says why); "planned" (`total`, `done` so far and the `work` to
            come); "started" (a job: `title`, `members`, `work`); "progress" (of a job); "finished",
            "diverged",
            "failed" (a run: `record`, and `title` of its trial); "lost" (a worker died, `message`
            says how, its runs are tried again); "ended" (a job); "waiting" (for `members` runs
            that another command trains); "stopping" (the user asked for it: runs on their way are
            saved); "remark" (`message`, of the place where runs train); "done" (last).
        job: number of the job, -1 where the news is not about one.
        total, done: runs of the study, and those with a record.
        images_per_second: training images over the last seconds, all jobs together.
        seconds_left: expected time to the end, None if unknown.
    """

    kind: Kind
    job: int = -1
    title: str = ""
    members: int = 0
    work: float = 0.0
    progress: Progress | None = None
    record: Record | None = None
    message: str = ""
    total: int = 0
    done: int = 0
    images_per_second: float = 0.0
    seconds_left: float | None = None


LEAST_SECONDS = 2.0
"""No time left is shown during the first seconds."""

_FEW = 4
"""With more jobs a worker to start, workers end at about the same time."""


@dataclass
class _Running:
    """A job that trains: its work, the share that is done, and when its progress was first told."""

    work: float
    share: float = 0.0
    first: tuple[float, float] | None = None

    def advance(self, share: float, now: float) -> None:
        self.share, self.first = share, self.first or (now, share)

    def speed(self, now: float) -> float:
        """Return its work a second so far; 0 while unknown."""
        began, before = self.first or (now, 0.0)
        took = now - began
        return self.work * (self.share - before) / took if took >= LEAST_SECONDS else 0.0

    @property
    def left(self) -> float:
        return self.work * (1 - self.share)


@dataclass
class Tracker:
    """Counts work and images.

    Attributes:
        work: expected work of all runs that were missing at the start; `finished`: done of it here;
            `elsewhere`: by other commands.
        jobs: number of jobs that this work was cut into.
        images: training images seen so far.
    """

    work: float = 0.0
    jobs: int = 1
    finished: float = 0.0
    elsewhere: float = 0.0
    images: int = 0
    _running: dict[int, _Running] = field(default_factory=dict)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _began: float | None = None
    _first: tuple[float, float] | None = None
    _workers: int = 1

    def start(self, job: int, work: float) -> None:
        """Note that a job has started."""
        self._began = self._began or time.monotonic()
        self._running[job] = _Running(work)
        self._workers = max(self._workers, len(self._running))

    def advance(self, job: int, progress: Progress) -> None:
        """Note the progress of a job."""
        now = time.monotonic()
        self._running.setdefault(job, _Running(0.0)).advance(progress.fraction, now)
        self.images += progress.images
        self._first = self._first or (now, self._done)
        self._recent.append((now, progress.images))
        while self._recent[0][0] < now - WINDOW_SECONDS:
            self._recent.popleft()

    def end(self, job: int, counts: bool = True) -> None:
        """Note that a job has ended; one that must be repeated does not count."""
        ended = self._running.pop(job, None)
        self.finished += ended.work if ended and counts else 0.0

    @property
    def images_per_second(self) -> float:
        """Return the training images a second over the last seconds."""
        if not self._recent or self._began is None:
            return 0.0
        now = time.monotonic()
        span = min(WINDOW_SECONDS, now - self._began)
        return sum(n for t, n in self._recent if t >= now - span) / max(span, 0.1)

    @property
    def seconds_left(self) -> float | None:
        """Return the expected time to the end at the speed so far, None if unknown.

        The clock starts at the first report, because earlier work, such as fitting features, is
        unrelated to the speed of training.
        """
        if self._first is None:
            return None
        began, before = self._first
        now = time.monotonic()
        done, took = self._done, now - began
        if done >= self.work:
            return 0.0
        if done <= before or took < LEAST_SECONDS:
            return None
        return max(took * (self.work - done) / (done - before), self._last_ends(now))

    def _last_ends(self, now: float) -> float:
        """Return the seconds until the last worker is done: at the end of a study, some wait while
        one still trains. 0 if unknown, or if many jobs still have to start."""
        running = self._running.values()
        known = [speed for job in running if (speed := job.speed(now))]
        waiting = self.work - self._done - sum(job.left for job in running)
        whole = round(waiting * self.jobs / self.work)
        if not known or whole > _FEW * self._workers:
            return 0.0
        usual = sum(known) / len(known)
        ends = [job.left / (job.speed(now) or usual) for job in running]
        return make_span(ends + [self.work / self.jobs / usual] * whole, self._workers)

    @property
    def _done(self) -> float:
        stored = self.finished + self.elsewhere
        return stored + sum(job.work * job.share for job in self._running.values())
