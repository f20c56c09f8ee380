"""One display for the many executions of a search: their events, counted together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from assay.execution.events import Event
from assay.execution.execute import Summary
from assay.studies.search.plan import planned_runs, planned_work
from assay.studies.study import Study

__all__ = ["SearchProgress"]


class SearchProgress:
    """Passes events on as if all runs of a search were one execution.

    Progress is counted in runs, because what later batches will train is not known yet; the time
    left follows from their budgets, in which a run that stops at a rung counts less than others.
    """

    def __init__(self, study: Study, on_event: Callable[[Event], None]):
        self._on_event, self._total = on_event, planned_runs(study)
        self._before = self._here = self._present = self._jobs = self._most = 0
        self._left, self._done, self._now = planned_work(study), 0.0, 0.0
        self._began = self._here_began = self._trains_since = time.monotonic()
        self._sum: Summary | None = None

    def expect(self, runs: int, planned: int, work: float) -> None:
        """Announce an execution of so many of the planned runs; the others were counted before.

        Args:
            work: of the planned runs, in runs with the complete budget.
        """
        self._before += self._here
        self._done += self._now
        self._left -= work
        self._now = work * runs / max(planned, 1)
        self._here_began = time.monotonic()
        self._here, self._jobs = runs, self._most
        self._total -= planned - runs

    def __call__(self, event: Event) -> None:
        """Process an event of the present execution."""
        if event.kind == "done":
            return
        done = self._before + event.done
        if event.kind == "planned":
            self._present += event.done
            self._now *= (event.total - event.done) / max(event.total, 1)
            if not self._done:  # until now, what is stored was proposed again, which trains nothing
                self._trains_since = time.monotonic()
        work = self._total - self._present if event.kind == "planned" else float(event.members)
        job = event.job + self._jobs if event.job >= 0 else -1
        self._most = max(self._most, job + 1)
        self._on_event(
            replace(
                event,
                job=job,
                done=done,
                total=self._total,
                work=float(max(work, 0)),
                seconds_left=self._seconds_left(event.seconds_left),
            )
        )

    def _seconds_left(self, here: float | None) -> float | None:
        """Return the seconds left of the search from those of the present execution."""
        if here is None:
            return None
        now = time.monotonic()
        took = now - self._here_began
        done = self._done + self._now * took / max(took + here, 1e-9)
        took = now - self._trains_since
        return here + took * max(self._left, 0.0) / done if done else None

    def add(self, summary: Summary) -> None:
        """Count an execution that has ended."""
        if self._sum is None:
            self._sum = summary
            return
        a, b = self._sum, summary
        self._sum = Summary(
            runs=a.runs + b.runs,
            present=a.present + b.present,
            trained=a.trained + b.trained,
            elsewhere=a.elsewhere + b.elsewhere,
            diverged=tuple(sorted({*a.diverged, *b.diverged})),
            failed={**a.failed, **b.failed},
            seconds=a.seconds + b.seconds,
            images=a.images + b.images,
        )

    def summary(self) -> Summary:
        """Return the summary of all executions."""
        assert self._sum is not None
        seconds = time.monotonic() - self._began
        self._on_event(Event("done", total=self._total, done=self._total))
        return replace(self._sum, seconds=seconds)
