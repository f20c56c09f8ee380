"""What `assay run` shows while it trains: a live display, or plain lines in a pipe.

`ExecutionState` collects the events of an execution without printing; `LiveDisplay` and `Lines`
show it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.apps.cli import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.execution.events import Event

__all__ = [
    "Lines",
    "LiveDisplay",
    "Safe",
    "ExecutionState",
    "display",
    "duration",
    "estimated",
    "runs_text",
]


NAMED = 20
"""Maximum number of diverged runs to name while a study trains; a search may have thousands."""


def duration(seconds: float) -> str:
    """Format seconds for people: "0.8 s", "42 s", "3:07 min", "2:05 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


def estimated(seconds: float) -> str:
    """Format an estimate, which is no finer than a second: "about 42 s", "less than 1 s"."""
    return f"about {duration(seconds)}" if seconds >= 1 else "less than 1 s"


def runs_text(count: int) -> str:
    """Count runs: "1 run", "1,200 runs"."""
    return f"{count:,} run{'s' * (count != 1)}"


@dataclass
class RunningJob:
    """Runs that are training together."""

    title: str
    members: int
    fraction: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Describe the last evaluation."""
        from assay.statistics import metric_of, metric_title

        names = [n for n in self.latest if n.startswith("val_") and n != "val_loss"]
        name = next(iter([*names, *self.latest]), None)
        return f"{metric_title(name)} {metric_of(name).value(self.latest[name])}" if name else ""


@dataclass
class ExecutionState:
    """Progress of an execution, the sum of its events."""

    total: int = 0
    done: int = 0
    work: float = 0.0
    finished: float = 0.0
    diverged: int = 0
    failed: int = 0
    images_per_second: float = 0.0
    seconds_left: float | None = None
    jobs: dict[int, tuple[RunningJob, float]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def __call__(self, event: Event) -> str:
        """Process an event; return a new line to keep on the screen, if any."""
        self.total, self.done = event.total or self.total, event.done or self.done
        self.images_per_second, self.seconds_left = event.images_per_second, event.seconds_left
        kept = self.jobs.get(event.job)
        if event.kind == "planned":
            self.work = event.work
        elif event.kind == "started":
            self.jobs[event.job] = (RunningJob(event.title, event.members), event.work)
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
            if self.diverged > NAMED:
                return "further runs diverged; from now on they are only counted"
            return f"{self._run(event)} diverged: {event.message}".rstrip(": ")
        if event.kind == "failed":
            self.failed += 1
            return f"{self._run(event)} failed: {event.message}".rstrip(": ")
        if event.kind == "damaged":
            return f"{event.message}; it is trained again"
        if event.kind == "older":
            runs, them = ("run is", "it is") if event.members == 1 else ("runs are", "they are")
            said = f"{event.members} stored {runs} of an earlier version ({event.message})"
            return f"{said}; {them} trained again"
        if event.kind == "remark":
            return event.message
        if event.kind == "lost":
            runs = "run is" if event.members == 1 else f"{event.members} runs are"
            return f"{self._title(event)}: {event.message}; its {runs} tried again"
        if event.progress is not None and event.progress.remark:
            return f"{self._title(event)}: {event.progress.remark}"
        if event.kind == "waiting":
            return f"{event.members} runs are being trained by another command; waiting for them"
        if event.kind == "stopping":
            return "stopping: runs in training save a checkpoint; Ctrl-C again stops at once"
        return ""

    def _run(self, event: Event) -> str:
        """Return the trial and the seed of an event's run."""
        seed = f" (seed {event.record.seed})" if event.record else ""
        return f"{event.title or self._title(event)}{seed}"

    def _title(self, event: Event) -> str:
        job = self.jobs.get(event.job)
        return job[0].title if job else "a trial"

    @property
    def fraction(self) -> float:
        """Fraction of the missing work that is done, 0 to 1."""
        running = sum(work * job.fraction for job, work in self.jobs.values())
        return min(1.0, (self.finished + running) / self.work) if self.work else 1.0

    def line(self) -> str:
        """One line: the summary, and the progress of the latest job."""
        running = [job for job, _ in self.jobs.values() if job.fraction]
        if not running:
            return self.summary()
        job = running[-1]
        said = ", ".join(filter(None, [f"{job.fraction:.0%}", job.text()]))
        return f"{self.summary()}; {job.title}: {said}"

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
    """Plain lines: events of runs are printed at once, progress every ten seconds at first and less
    often later, never the same line twice.

    Args:
        after: seconds before the first line of progress.
    """

    LEAST, MOST = 10.0, 60.0
    """Seconds between two lines of progress, at first and at most."""

    def __init__(
        self,
        after: float = 0.0,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.state, self._after, self._clock = ExecutionState(), after, clock
        self._write = write or console.remark
        self._began = self._at = clock()
        self._said = ""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._said and self.state.done == self.state.total:
            self._line()

    def __call__(self, event: Event) -> None:
        """Process an event."""
        remark = self.state(event)
        if remark:
            self._write(remark)
        now = self._clock()
        gap = min(max((now - self._began) / 10, self.LEAST), self.MOST)
        due = not self._said or now - self._at >= gap
        if due and now - self._began >= self._after and self.state.done < self.state.total:
            self._line()

    def _line(self) -> None:
        text = self.state.line()
        if text != self._said:
            self._write(text)
        self._said, self._at = text, self._clock()


class LiveDisplay:
    """A display that is redrawn four times a second and removed at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self.state = ExecutionState()
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            get_renderable=self._view,
            console=self._console,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._live.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        """Process an event; lines to keep are printed above the display."""
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


class Safe:
    """Wraps a display and drops it when it fails, so that training goes on."""

    def __init__(self, inner: object):
        self._inner = inner

    def __enter__(self) -> Safe:
        self._try(lambda inner: inner.__enter__())
        return self

    def __exit__(self, *reason: object) -> None:
        self._try(lambda inner: inner.__exit__(*reason))

    def __call__(self, event: Event) -> None:
        """Process an event."""
        self._try(lambda inner: inner(event))

    def _try(self, show: Callable[[Any], object]) -> None:
        if self._inner is None:
            return
        try:
            show(self._inner)
        except Exception as error:
            self._inner = None
            with suppress(Exception):
                said = f"{type(error).__name__}: {error}"
                console.remark(f"progress is no longer displayed ({said}); training continues")


def display() -> Safe:
    """Return the live display in a terminal, plain lines elsewhere."""
    return Safe(LiveDisplay() if sys.stderr.isatty() else Lines())
