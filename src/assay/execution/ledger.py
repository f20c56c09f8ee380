"""The ledger of one execution: which job has which runs, and the outcome of each."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from assay.core.errors import StoreError
from assay.core.plans import PlanData, runs_by_label
from assay.core.records import Record
from assay.core.store import Store
from assay.core.store_holding import Owner
from assay.engines.checkpoints import Checkpoint
from assay.engines.engine import Cohort, Member, Resources
from assay.engines.pretraining import checkpoint_names
from assay.execution.events import Event, Kind, Tracker
from assay.execution.executors.executor import Job, Message
from assay.execution.jobs import Part
from assay.execution.stop import kept
from assay.studies.parts import of_earlier_versions

__all__ = ["Ledger"]

LOOK_SECONDS = 20.0
"""Seconds after which it is seen again what other commands have stored."""

MOVES = 3
"""Number of lost machines after which the runs of a job are tried one by one."""


class Ledger:
    """Claims runs for jobs, keeps records as they come and tells the caller.

    Attributes:
        members: every run of the study.
        again: parts whose runs are tried once more, each alone.
        trained, diverged: runs trained here; failed: run -> why.
        stopped: parts that were asked to stop while they trained.
        tracker: work and images so far.
    """

    def __init__(
        self,
        plan: PlanData,
        cohorts: Sequence[Cohort],
        store: Store,
        on_event: Callable[[Event], None],
    ):
        self.members = {m.run_id: m for cohort in cohorts for m in cohort.members}
        self._damaged = store.verify(self.members)
        configs = {name: member.config for name, member in self.members.items()}
        self._older = of_earlier_versions(configs, store.present, store.plan_before(plan["study"]))
        self.present = len(store.present(self.members))
        self.again: list[Part] = []
        self.stopped: list[Part] = []
        self.trained: set[str] = set()
        self.diverged: set[str] = set()
        self.failed: dict[str, str] = {}
        self.tracker = Tracker()
        self._works: dict[str, float] = {}
        self._moves: Counter[str] = Counter()
        self._others = 0
        self._store, self._on_event = store, on_event
        self._labels = {r: label for label, runs in runs_by_label(plan) for r in runs}
        self._jobs: dict[int, tuple[Part, bool]] = {}
        self._owner, self._looked = Owner(store.path), time.monotonic()

    def trial_of(self, run: str) -> str:
        """Return the label of a run's trial; "" if the study has only one trial."""
        return self._labels.get(run, "") if len(set(self._labels.values())) > 1 else ""

    def close(self) -> None:
        """Release every claim."""
        self._owner.end()
        with suppress(StoreError):  # for example a full disk; claims of a retired owner are void
            self._store.release(self.members, self._owner.name)

    def missing(self) -> list[str]:
        """Runs without a record that have not failed here."""
        present = self._present()
        return [r for r in self.members if r not in present and r not in self.failed]

    def _present(self) -> set[str]:
        """Return the stored runs; those stored by other commands count as done."""
        present = self._store.present(self.members)
        others = present & self._works.keys() - self.trained - self.failed.keys()
        self._others = len(others)
        self.tracker.elsewhere = sum(self._works[run] for run in others)
        return present

    def kept(self) -> str:
        """Describe the checkpoints of missing runs; see `stop.kept`."""
        runs, folder = self.missing(), self._store.checkpoints
        names = {run: checkpoint_names(self.members[run]) for run in runs}
        saved = {run for run in runs if any(Checkpoint(folder, n).exists() for n in names[run])}
        lost = [p for p in self.stopped if not saved & {*p.runs}]
        return kept(len(saved), len({run for p in lost for run in p.runs} & {*runs}))

    def left_by_others(self) -> list[str]:
        """Claim missing runs that no other command holds (any more)."""
        return self._store.claim(self.missing(), self._owner.name)

    def expect(self, parts: Sequence[Part]) -> None:
        """Announce the work to be done."""
        self._works = {r: w for part in parts for r, w in zip(part.runs, part.works, strict=True)}
        self.tracker.work, self.tracker.jobs = sum(self._works.values()), max(1, len(parts))
        for said in self._damaged.values():
            self.tell("damaged", message=said)
        for said, number in self._older.items():
            self.tell("older", members=number, message=said)
        self.tell("planned", work=self.tracker.work)

    def jobs(self, parts: Sequence[Part], resources: Resources, alone: bool) -> Iterator[Job]:
        """Yield jobs, each claimed at the moment when a worker is free."""

        def claim(part: Part) -> Job | None:
            mine = part.only(set(self._store.claim(part.runs, self._owner.name)))
            if not mine.runs:
                return None
            number = len(self._jobs)
            self._jobs[number] = mine, alone
            engine = mine.cohort.members[0].config["engine"]
            return Job(number, mine.cohort, engine, resources, mine.work, alone)

        return _Jobs(parts, claim)

    def receive(self, message: Message) -> None:
        """Process a message of the executor."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._present()
        if message.kind == "tick":
            return
        if message.kind in ("stopping", "remark"):
            self.tell("stopping" if message.kind == "stopping" else "remark", message=message.text)
            return
        part, alone = self._jobs[message.job]
        if message.kind == "started":
            self.tracker.start(message.job, part.work)
            news = {"title": self._title(part), "members": len(part.runs), "work": part.work}
            self.tell("started", message.job, **news)
        elif message.progress is not None:
            self.tracker.advance(message.job, message.progress)
            self.tell("progress", message.job, progress=message.progress)
        elif message.record is not None:
            self._keep(message.record, message.job)
        elif message.kind == "stopped":
            self.stopped.append(part)
        else:
            self._end(message, part, alone)

    def _keep(self, record: Record, job: int) -> None:
        added = self._store.add(record)
        if record.status != "failed":  # a failed run resumes when it is tried again
            Checkpoint(self._store.checkpoints, record.run_id).remove()
        if not added:
            return  # another command, which considered this one dead, was faster
        if record.status == "failed":
            self.failed[record.run_id] = record.message
        else:
            self.trained.add(record.run_id)
        if record.status == "diverged":
            self.diverged.add(record.run_id)
        title = self._labels.get(record.run_id, "")
        self.tell(record.status, job, record=record, title=title, message=record.message)

    def _end(self, message: Message, part: Part, alone: bool) -> None:
        """End a job: handle those of its runs that have no record."""
        rest = part.only(set(self.missing()))
        # One bad run must not fail others of its job, nor a temporary lack of memory any run; an
        # engine's own refusal would be repeated.
        worth = message.kind == "lost" or (message.kind == "failed" and len(part.runs) > 1)
        moved = message.moved and max((self._moves[run] for run in rest.runs), default=0) < MOVES
        if rest.runs and (moved or (worth and not message.expected and not alone)):
            if moved:
                self._moves.update(rest.runs)  # they are still claimed and missing: cut again later
            else:
                self.again.append(rest)
            self.tracker.end(message.job, counts=False)
            self.tell("lost", message.job, members=len(rest.runs), message=message.text)
        else:
            text = message.text or "the engine ended without a record of this run"
            for run in rest.runs:
                failed = _failed_record(run, self.members[run], text, message.details)
                self._keep(failed, message.job)
            self._store.release(part.runs, self._owner.name)
            self.tracker.end(message.job)
        self.tell("ended", message.job)

    def tell(self, kind: Kind, job: int = -1, **news: Any) -> None:
        """Send the caller an event with the present counts."""
        event = Event(
            kind,
            job,
            total=len(self.members),
            done=self.present + len(self.trained) + len(self.failed) + self._others,
            images_per_second=self.tracker.images_per_second,
            seconds_left=self.tracker.seconds_left,
            **news,
        )
        self._on_event(event)

    def _title(self, part: Part) -> str:
        labels = list(dict.fromkeys(self._labels.get(run, "") for run in part.runs))
        return labels[0] + (f" and {len(labels) - 1} more" if len(labels) > 1 else "")


class _Jobs(Iterator[Job]):
    """Jobs of parts, created on demand; the length hint is the number of remaining parts."""

    def __init__(self, parts: Sequence[Part], claim: Callable[[Part], Job | None]):
        self._parts, self._claim = deque(parts), claim

    def __next__(self) -> Job:
        while self._parts:
            if job := self._claim(self._parts.popleft()):
                return job
        raise StopIteration

    def __length_hint__(self) -> int:
        return len(self._parts)


def _failed_record(run: str, member: Member, message: str, details: str) -> Record:
    nothing = np.zeros(0, np.float32)
    return Record(
        run_id=run,
        trial_id=member.trial_id,
        seed=member.seed,
        status="failed",
        config=member.config,
        curves={"step": nothing, "epoch": nothing},
        metrics={},
        provenance={"traceback": details} if details else {},
        message=message,
    )
