"""What `assay run` shows while it trains: one live display, or plain lines in a pipe.

`State` gathers the events of an execution and knows no terminal; `Live` and `Lines` show it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.apps.cli import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.execution.events import Event

__all__ = ["Lines", "Live", "State", "display", "duration"]


def duration(seconds: float) -> str:
    """Seconds for people: "0.8 s", "42 s", "3:07 min", "2:05 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


@dataclass
class Job:
    """Runs that train together now."""

    title: str
    members: int
    fraction: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """The last evaluation in words."""
        from assay.statistics import metric_of, metric_title

        names = [n for n in self.latest if n.startswith("val_") and n != "val_loss"]
        name = next(iter([*names, *self.latest]), None)
        return f"{metric_title(name)} {metric_of(name).value(self.latest[name])}" if name else ""


@dataclass
class State:
    """How far an execution is: the sum of its events."""

    total: int = 0
    done: int = 0
    work: float = 0.0
    finished: float = 0.0
    diverged: int = 0
    failed: int = 0
    images_per_second: float = 0.0
    seconds_left: float | None = None
    jobs: dict[int, tuple[Job, float]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def __call__(self, event: Event) -> str:
        """Take in an event; return what should stay on the screen, if it is new."""
        self.total, self.done = event.total or self.total, event.done or self.done
        self.images_per_second, self.seconds_left = event.images_per_second, event.seconds_left
        kept = self.jobs.get(event.job)
        if event.kind == "planned":
            self.work = event.work
        elif event.kind == "started":
            self.jobs[event.job] = (Job(event.title, event.members), event.work)
        elif event.kind == "progress" and event.progress is not None and kept:
            job, _ = kept
            job.fraction, job.members = event.progress.fraction, event.progress.alive
            job.latest = event.progress.latest or job.latest
        elif event.kind == "ended" and kept:
            self.finished += self.jobs.pop(event.job)[1]
        remark = self._remark(event)
        news = remark not in self.said
        self.said.add(remark)
        return remark if news else ""

    def _remark(self, event: Event) -> str:
        if event.kind == "diverged":
            self.diverged += 1
            return f"a run of {self._title(event)} diverged: {event.message}".rstrip(": ")
        if event.kind == "failed":
            self.failed += 1
            return f"a run of {self._title(event)} failed: {event.message}".rstrip(": ")
        if event.kind == "damaged":
            return f"{event.message}; it is trained again"
        if event.kind == "lost":
            return (
                f"{self._title(event)}: {event.message}; its {event.members} runs are tried again"
            )
        if event.progress is not None and event.progress.remark:
            return f"{self._title(event)}: {event.progress.remark}"
        if event.kind == "waiting":
            return f"{event.members} runs are being trained by another command; waiting for them"
        return ""

    def _title(self, event: Event) -> str:
        job = self.jobs.get(event.job)
        return job[0].title if job else "a trial"

    @property
    def fraction(self) -> float:
        """Share of the work that was missing at the start, 0 to 1."""
        running = sum(work * job.fraction for job, work in self.jobs.values())
        return min(1.0, (self.finished + running) / self.work) if self.work else 1.0

    def summary(self) -> str:
        """One line: runs done, images a second, time left."""
        if not self.total:
            return "getting ready"
        parts = [f"{self.done} of {self.total} runs"]
        if self.diverged:
            parts.append(f"{self.diverged} diverged")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.images_per_second >= 1:
            parts.append(f"{self.images_per_second:,.0f} images/s")
        if self.seconds_left is not None and self.done < self.total:
            parts.append(f"{duration(self.seconds_left)} left")
        return ", ".join(parts)


class Lines:
    """Plain lines: one when runs are stored (each second at most), else one every `every` s."""

    def __init__(
        self,
        every: float = 30.0,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.state, self._every, self._clock = State(), every, clock
        self._write = write or console.remark
        self._at, self._done = clock(), -1

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._done not in (-1, self.state.done):
            self._line()

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        remark = self.state(event)
        if remark:
            self._write(remark)
        quiet = self._clock() - self._at
        news = quiet >= 1 and self.state.done != self._done
        begins = event.kind == "planned" and event.done < event.total
        if news or quiet >= self._every or begins:
            self._line()

    def _line(self) -> None:
        said = [job.text() for job, _ in self.state.jobs.values() if job.latest]
        self._write("; ".join([self.state.summary(), *said[:1]]))
        self._at, self._done = self._clock(), self.state.done


class Live:
    """One display that is drawn anew four times a second and goes away at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self.state = State()
        self._console = Console(stderr=True, highlight=False)
        self._live = RichLive(
            get_renderable=self._view,
            console=self._console,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Live:
        self._live.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._live.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        """Take in an event; what should stay is printed above the display."""
        remark = self.state(event)
        if remark:
            self._console.print(console.styled(remark))

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        state, width = self.state, self._console.width
        bar = Table.grid()
        bar.add_row(ProgressBar(total=1.0, completed=state.fraction, width=min(60, width)))
        jobs = Table.grid(padding=(0, 2))
        jobs.add_column(no_wrap=True, overflow="ellipsis")
        for _ in range(3):
            jobs.add_column(justify="right", no_wrap=True)
        for job, _ in list(state.jobs.values())[: max(1, self._console.height - 4)]:
            runs = f"{job.members} run{'' if job.members == 1 else 's'}"
            said = job.text() if width >= 70 else ""
            jobs.add_row(console.styled(job.title), runs, f"{job.fraction:.0%}", said)
        return Group(Text(state.summary(), overflow="ellipsis", no_wrap=True), bar, jobs)


def display() -> Live | Lines:
    """The live display on a terminal, lines elsewhere."""
    return Live() if sys.stderr.isatty() else Lines()
