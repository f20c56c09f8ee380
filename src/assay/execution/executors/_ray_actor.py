"""Both sides of a Ray actor: the worker in the cluster, and its proxy in the driver."""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.errors import AssayError, EngineError
from assay.core.plugins import load_again
from assay.data.dataset import Dataset
from assay.execution.executors.executor import Job, Message, Setup
from assay.execution.executors.worker import Datasets, train_job
from assay.execution.versions import differences, versions

__all__ = ["RayWorker", "Remote"]

WAIT_SECONDS = 0.5
"""Seconds that an actor waits for messages before it returns none."""

SILENT_SECONDS = 60.0
"""Seconds without a response after which an actor has lost its job."""

REFUSED_SECONDS = 5.0
"""Seconds until an actor that cannot be used is asked again."""


class RayWorker:
    """One worker, as an actor of Ray."""

    def __init__(self, setup: Setup, expected: dict[str, str], path: list[str]):
        sys.path += [entry for entry in path if entry not in sys.path]
        self._setup, self._token = setup, uuid.uuid4().hex
        self._datasets = Datasets(setup.data_dir)
        self._news, self._stop = threading.Condition(), threading.Event()
        self._key, self._first, self._out = "", 0, list[Message]()
        self._problem = differences(expected, versions())
        try:
            load_again(setup.plugins)  # before any job, which may contain objects of plugins
        except AssayError as error:
            self._problem = str(error)

    def hello(self) -> tuple[str, str, str]:
        """Return this process, its node, and why it cannot be used ("" if it can)."""
        import ray

        context = ray.get_runtime_context()
        return self._token, context.get_node_id(), self._problem

    def take(self, key: str, job: Job, dataset: Dataset | None) -> None:
        """Start to train a job; repeated calls have no effect.

        Args:
            dataset: what it trains on; None to load it here.
        """
        if key == self._key:
            return
        self._stop = threading.Event()
        with self._news:
            self._key, self._first, self._out = key, 0, []
        if dataset is not None:
            self._datasets.put(job.cohort.members[0].config["dataset"], dataset)
        folder = job.resources.checkpoints
        if folder is not None and not _is_folder(folder):  # another machine's
            job = _without_checkpoints(job)

        def send(message: Message) -> None:
            with self._news:
                if self._key == key:
                    self._out.append(message)
                    self._news.notify()

        arguments = (job, self._datasets, send, self._stop.is_set)
        threading.Thread(target=train_job, args=arguments, daemon=True).start()

    def poll(self, key: str, seen: int, stop: bool) -> tuple[str, bool, int, list[Message]]:
        """Return the messages of a job.

        Args:
            seen: number of messages that have arrived, which are dropped.
            stop: request to save a checkpoint and stop.

        Returns:
            This process, whether the job is its own, the number of the first message, messages.
        """
        if stop and key == self._key:
            self._stop.set()
        with self._news:
            del self._out[: max(0, seen - self._first)]
            self._first = max(self._first, seen)
            if not self._out and key == self._key:
                self._news.wait(WAIT_SECONDS)
            return self._token, key == self._key, self._first, list(self._out)


def _is_folder(path: Path) -> bool:
    """Whether this process can see a folder; one that another user keeps to himself is not seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _without_checkpoints(job: Job) -> Job:
    """The same job for a machine that does not see the store's folder."""
    return replace(job, resources=replace(job.resources, checkpoints=None))


class Remote:
    """The driver's side of one actor."""

    def __init__(self, ray: Any, actor: Any):
        self._ray, self.actor = ray, actor
        self.job: Job | None = None
        self.problem = ""
        self._token, self._node, self._key = "", "", ""
        self._seen, self._given_up, self._begun = 0, False, False
        self._asked: Any = actor.hello.remote()
        self._greeting, self._next, self._heard = True, 0.0, time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether it can take a job."""
        return self.job is None and not self._greeting and not self.problem

    @property
    def training(self) -> bool:
        """Whether a stop must wait, because its job has a state to save."""
        return self.busy and self._begun and time.monotonic() - self._heard < 10 * WAIT_SECONDS

    @property
    def busy(self) -> bool:
        """Whether it still has a job."""
        return self.job is not None and not self._given_up

    def take(self, job: Job, dataset: Dataset | None) -> None:
        """Give it a job."""
        self.job, self._key, self._seen = job, uuid.uuid4().hex, 0
        self._given_up = self._begun = False
        self._heard = time.monotonic()
        self._arguments = (self._key, job, dataset)
        self.actor.take.remote(*self._arguments)

    def ask(self, stop: bool) -> Any:
        """Return the pending call; None if there is none."""
        if self._asked is None and time.monotonic() >= self._next:
            if self._greeting:
                self._asked = self.actor.hello.remote()
            elif self.job is not None:
                told = stop or self._given_up
                self._asked = self.actor.poll.remote(self._key, self._seen, told)
        return self._asked

    def hear(self, ref: Any, send: Callable[[Message], None]) -> None:
        """Process a response, or its absence."""
        self._asked = None
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayActorError as error:
            if isinstance(error, self._ray.exceptions.ActorDiedError) and not self._token:
                raise EngineError(f"workers of the Ray cluster cannot start: {error}") from error
            self._greeting, self._next = True, time.monotonic() + WAIT_SECONDS
            return
        self._heard = time.monotonic()
        if self._greeting:
            self._greeting = False
            self._greet(answer, send)
        else:
            self._report(answer, send)

    def _greet(self, answer: tuple[str, str, str], send: Callable[[Message], None]) -> None:
        token, node, problem = answer
        if self.job is not None and token != self._token:
            moved = node != self._node
            self._lose(send, "its machine was lost" if moved else "its worker died", moved)
            self.job = None
        self._token, self._node, self.problem = token, node, problem
        if problem:  # another process in its place, perhaps on another machine, may have none
            self._greeting, self._next = True, time.monotonic() + REFUSED_SECONDS

    def _report(
        self, answer: tuple[str, bool, int, list[Message]], send: Callable[[Message], None]
    ) -> None:
        token, its_own, first, messages = answer
        if token != self._token:
            self._greeting = True  # it is a new process
            return
        if not its_own:
            self.actor.take.remote(*self._arguments)  # it did not arrive
            return
        for message in messages[max(0, self._seen - first) :]:
            self._seen += 1
            self._begun |= message.kind in ("progress", "record")
            if not self._given_up or message.kind == "record":
                send(message)
            if message.kind in ("ended", "failed", "stopped"):
                self.job = None

    def spare(self, seconds: float) -> None:
        """Do not count seconds in which this process was busy, and nobody was asked."""
        self._heard += seconds

    def mourn(self, send: Callable[[Message], None]) -> None:
        """Give up the job of an actor that has not responded for too long."""
        if time.monotonic() - self._heard > SILENT_SECONDS:
            self._lose(send, "its machine cannot be reached", True)

    def _lose(self, send: Callable[[Message], None], text: str, moved: bool) -> None:
        if self.job is not None and not self._given_up:
            self._given_up = True
            send(Message("lost", self.job.number, text=text, moved=moved))
