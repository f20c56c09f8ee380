"""The interface of executors; a new executor, for a cluster for example, is one file here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from assay.core.contracts import fitting, made
from assay.core.errors import AssayError, EngineError
from assay.core.own import watched
from assay.core.plugins import Plugin, culprit
from assay.core.records import Record
from assay.core.registry import Registry
from assay.engines.engine import Cohort, Progress, Resources

__all__ = [
    "EXECUTORS",
    "Capacity",
    "Crew",
    "Executor",
    "Job",
    "Message",
    "Node",
    "Setup",
    "blame",
    "make_executor",
]


@dataclass(frozen=True)
class Job:
    """A cohort, or a part of one, that one worker trains in one go.

    Attributes:
        number: tells the jobs of one execution apart.
        engine: a registered name, or "module:callable" that makes a user-defined engine.
        work: expected multiply-adds, for load balancing and for the time left.
        alone: a second try of a single run after a failure that affected others.
    """

    number: int
    cohort: Cohort
    engine: str
    resources: Resources
    work: float
    alone: bool = False


@dataclass(frozen=True)
class Message:
    """A message about a job.

    The kinds are "started"; "progress" with `progress`; "record" with `record`; and finally one of
    "ended", "failed" (the engine raised an error: `text` is the message, `details` the traceback,
    `expected` whether it is one of assay's own errors), "lost" (the worker died: `text` says how;
    `moved` if its machine was lost, which is not held against the job) and "stopped" (on request,
    after saving its state). A "record" may arrive after the end of its job. Some messages belong to
    no job: "stopping" (jobs in training are asked to stop), "remark" (`text` to show to the user)
    and "tick", which is sent several times a second so that the receiver can do other work.
    """

    kind: Literal[
        "started",
        "progress",
        "record",
        "ended",
        "failed",
        "lost",
        "stopped",
        "stopping",
        "remark",
        "tick",
    ]
    job: int = -1
    progress: Progress | None = None
    record: Record | None = None
    text: str = ""
    details: str = ""
    expected: bool = False
    moved: bool = False


@dataclass(frozen=True)
class Setup:
    """Arguments of an executor: the data folder, the number of workers, and so on.

    With `keep`, workers stay for the next `run`; who made the executor calls its `close`. Every
    worker loads the `plugins` before it trains.

    Attributes:
        workers: at most; 0 lets an executor with a `capacity` choose.
        address: what followed the executor's name in `--on`.
        options: of the executor, sorted by name; its `OPTIONS` say which it has.
        devices: of the workers, in the order in which they start; empty where the resources of a
            job say it.
        shared: a folder for files of the executor, which every machine must see where it needs one.
    """

    data_dir: Path | None
    workers: int
    keep: bool = False
    plugins: tuple[Plugin, ...] = ()
    address: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    shared: Path | None = None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """A machine, or a kind of machine, where jobs may train; for display."""

    name: str
    cpus: int
    gpus: int = 0
    memory: int = 0
    note: str = ""


@dataclass(frozen=True)
class Capacity:
    """The capacity of an executor, which determines jobs and their resources.

    Attributes:
        workers: jobs at the same time.
        threads: threads of one worker.
        device: "cpu" or "cuda": what a worker computes on.
        memory: bytes that one worker may use; 0 if unknown.
        least_seconds: a cohort is not cut into shorter jobs than this, to keep workers busy.
        nodes: its nodes.
    """

    workers: int
    threads: int
    device: str = "cpu"
    memory: int = 0
    least_seconds: float = 0.0
    nodes: tuple[Node, ...] = ()


class Executor(Protocol):
    """Trains jobs somewhere. Only the receiver of its messages writes to the store.

    An executor for other machines also has `capacity(resources)`, which returns its `Capacity`, and
    `OPTIONS`, which declares its settings (`assay.core.options`); they arrive as `Setup.options`.
    One whose `ADDRESS` is False is refused with an address, and one that has `WORKERS` with more
    workers than that.
    """

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs and send messages; return when each has ended, failed or been lost.

        Args:
            jobs: take the next job only when a worker is free. Taking a job claims its runs; other
                commands on the same store can claim the rest. The length hint of the iterator says
                how many jobs may be left.
            send: call it in the caller's thread. An exception that it raises ends the execution.
            stop: call it several times a second. Once it returns true, let the jobs in training
                save their state, pass on the records that are ready, end the workers and return.
        """


EXECUTORS: Registry[Callable[[Setup], Executor]] = Registry("executor", "assay.execution.executors")
"""Name -> factory."""


@contextmanager
def blame(
    name: str, receive: Callable[[Message], None] = lambda message: None
) -> Iterator[Callable[[Message], None]]:
    """A context in which an executor runs: an error of a plugin's executor names its line.

    Args:
        name: of the executor.
        receive: takes messages.

    Yields:
        `receive`, whose own errors are not blamed on the executor.

    Raises:
        EngineError: the plugin's code raised an error.
    """
    passed: list[Exception] = []

    def send(message: Message) -> None:
        try:
            receive(message)
        except Exception as error:
            passed.append(error)
            raise

    try:
        yield send
    except AssayError:
        raise
    except Exception as error:
        where = culprit(error)
        if error in passed or not where or EXECUTORS.place(name).module.startswith("assay."):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise EngineError(f"{where}: executor {name!r} failed: {said}") from error


def make_executor(name: str, setup: Setup) -> Executor:
    """Make the executor of a registered name.

    Raises:
        ConfigError: it is a plugin's and cannot be made from a setup alone, or cannot run jobs.
    """
    place, factory = EXECUTORS.place(name), EXECUTORS[name]
    if place.module.startswith("assay."):
        return factory(setup)
    with watched(f"executor {name!r}", str(place)):
        return fitting(made(factory, setup), Executor)


class Crew:
    """Executors that persist over several executions, so that their workers start only once.

    They end when the context is left.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Setup], Executor] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *reason: object) -> None:
        for executor in self._kept.values():
            close = getattr(executor, "close", None)
            if close:
                close()
        self._kept = {}

    def get(self, name: str, setup: Setup) -> Executor:
        """Return the executor of this name and setup, created on first use."""
        setup = replace(setup, keep=True)
        if (name, setup) not in self._kept:
            self._kept[name, setup] = make_executor(name, setup)
        return self._kept[name, setup]
