"""Events of an execution, and its progress."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

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


@dataclass
class Tracker:
    """Counts work and images.

    Attributes:
        work: expected work of all runs that were missing at the start; `finished`: done of it here;
            `elsewhere`: by other commands.
        images: training images seen so far.
    """

    work: float = 0.0
    finished: float = 0.0
    elsewhere: float = 0.0
    images: int = 0
    _running: dict[int, tuple[float, float]] = field(default_factory=dict)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _began: float | None = None
    _first: tuple[float, float] | None = None

    def start(self, job: int, work: float) -> None:
        """Note that a job has started."""
        self._began = self._began or time.monotonic()
        self._running[job] = (work, 0.0)

    def advance(self, job: int, progress: Progress) -> None:
        """Note the progress of a job."""
        work, _ = self._running.get(job, (0.0, 0.0))
        self._running[job] = (work, progress.fraction)
        self.images += progress.images
        now = time.monotonic()
        self._first = self._first or (now, self._done)
        self._recent.append((now, progress.images))
        while self._recent[0][0] < now - WINDOW_SECONDS:
            self._recent.popleft()

    def end(self, job: int, counts: bool = True) -> None:
        """Note that a job has ended; one that must be repeated does not count."""
        work, _ = self._running.pop(job, (0.0, 0.0))
        self.finished += work if counts else 0.0

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
        done, took = self._done, time.monotonic() - began
        if done >= self.work:
            return 0.0
        if done <= before or took < LEAST_SECONDS:
            return None
        return took * (self.work - done) / (done - before)

    @property
    def _done(self) -> float:
        stored = self.finished + self.elsewhere
        return stored + sum(work * share for work, share in self._running.values())
