"""The executor of one machine: worker processes, fed over pipes.

A worker has one thread, or a GPU of its own (`assay.execution.gpus`).

Two workers of one thread train small networks faster than one of two, and a worker that dies
(out of memory, killed) takes nothing else down.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import ModuleType

from assay.core.errors import AssayError, EngineError
from assay.core.plugins import load_again
from assay.execution.executors.executor import EXECUTORS, Job, Message, Setup
from assay.execution.executors.worker import Datasets, train_job

__all__ = ["Processes", "worker_environment"]

TICK_SECONDS = 0.2
SAVE_SECONDS = 30.0
"""Seconds in which workers that are asked to stop may save checkpoints."""

SIGNALS = {getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)}
"""Signals of a whole process group, which only the parent handles."""

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@EXECUTORS.add("processes")
class Processes:
    """Trains in up to `setup.workers` processes; they start when there is work for them."""

    ADDRESS = False

    def __init__(self, setup: Setup):
        self._setup = setup
        self._workers: list[_Worker] = []

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs; see `Executor.run`."""
        whole = False
        try:
            more = True
            while not stop():
                while more and (free := self._free()) is not None:
                    job = next(jobs, None)
                    more = job is not None
                    if job is not None:
                        self._give(job, free)
                if not any(worker.job for worker in self._workers):
                    whole = self._setup.keep
                    return
                self._hear(send)
                send(Message("tick"))
            self._see_off(send)
        finally:
            if not whole:
                self.close()

    def _see_off(self, send: Callable[[Message], None]) -> None:
        """Let runs in training save checkpoints; other workers have nothing to save."""
        if any(worker.training for worker in self._workers):
            send(Message("stopping"))
        for worker in self._workers:  # all, because one may just be starting
            worker.ask_to_stop()
        end = time.monotonic() + SAVE_SECONDS
        while any(worker.training for worker in self._workers) and time.monotonic() < end:
            self._hear(send)
            send(Message("tick"))
        for worker in self._workers:
            worker.hear(send)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()
        self._workers = []

    def _free(self) -> _Worker | int | None:
        """Return an idle worker, 0 for a new one, or None."""
        idle = (worker for worker in self._workers if worker.job is None)
        room = 0 if len(self._workers) < self._setup.workers else None
        return next(idle, room)

    def _give(self, job: Job, worker: _Worker | int) -> None:
        if isinstance(worker, _Worker) and worker.threads != job.resources.threads:
            self._workers.remove(worker)  # libraries take their number of threads once
            worker.end()
            worker = 0
        if isinstance(worker, int):
            worker = _Worker(self._setup, job.resources.threads, self._device())
            self._workers.append(worker)
        worker.take(job)

    def _device(self) -> str:
        """Return the first device with a free share; "" if workers have no own device."""
        left = list(self._setup.devices)
        for worker in self._workers:
            if worker.device in left:
                left.remove(worker.device)
        return left[0] if left else ""

    def _hear(self, send: Callable[[Message], None]) -> None:
        sources = [s for w in self._workers for s in (w.connection, w.process.sentinel)]
        ready = wait(sources, timeout=TICK_SECONDS)
        for worker in list(self._workers):
            if worker.connection in ready or worker.process.sentinel in ready:
                alive = worker.hear(send)
                if not alive:
                    self._workers.remove(worker)
                    worker.mourn(send)


class _Worker:
    """The parent's side of one worker process."""

    def __init__(self, setup: Setup, threads: int, device: str = ""):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, setup), daemon=True)
        self.job: Job | None = None
        self.threads, self.device = threads, device
        self.ready = self.training = False
        _started.add(self.process)
        with _clean_start(threads):
            self.process.start()
        # this must be the only other end, or the worker's end would go unnoticed
        theirs.close()

    def take(self, job: Job) -> None:
        if self.device:
            job = replace(job, resources=replace(job.resources, device=self.device))
        self.job = job
        with suppress(OSError):  # it has died, which `hear` detects
            self.connection.send(job)

    def ask_to_stop(self) -> None:
        with suppress(OSError):
            self.connection.send(None)

    def hear(self, send: Callable[[Message], None]) -> bool:
        """Pass on all its messages; return False if it is dead."""
        try:
            while self.connection.poll():
                message: Message = self.connection.recv()
                self.ready = True
                self.training |= message.kind in ("progress", "record")
                if message.kind in ("ended", "failed", "stopped"):
                    self.job, self.training = None, False
                if message.kind != "tick":
                    send(message)
        except (EOFError, OSError):
            self.process.join(5)
            return False
        return self.process.is_alive() or self.connection.poll()

    def mourn(self, send: Callable[[Message], None]) -> None:
        """Report the job that died with it.

        Raises:
            EngineError: it never started, so that no other one would.
        """
        self.end()
        code = self.process.exitcode or 0
        if not self.ready and code >= 0:
            raise EngineError(f"worker processes cannot start (exit status {code}); see above")
        if self.job is not None:
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            hint = (
                ("; it may have run out of memory")
                if code == -getattr(signal, "SIGKILL", 9)
                else ""
            )
            send(Message("lost", self.job.number, text=f"its worker died ({how}{hint})"))

    def end(self) -> None:
        """End the process at once, because it has nothing to save."""
        self.process.kill()
        self.process.join()
        self.connection.close()


_started: weakref.WeakSet[multiprocessing.process.BaseProcess] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """End remaining workers, because they block the signal that multiprocessing sends."""
    for process in multiprocessing.active_children():
        if process in _started:
            process.kill()


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment variables that a worker's libraries read when they are loaded.

    Waiting threads must sleep, unless the user has set otherwise. If another program uses a core,
    spinning threads make a step of a small network take 80 ms instead of 0.8 (two threads on two
    cores).
    """
    waiting = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    return {**dict.fromkeys(THREAD_SETTINGS, str(max(1, threads))), "OMP_WAIT_POLICY": waiting}


@contextmanager
def _clean_start(threads: int) -> Iterator[None]:
    """Context that starts processes without the caller's script and with their number of threads.

    Libraries read their number of threads when they are loaded, so it must be in the environment
    before. And a worker must not import the caller's main module: a script that trains without
    `if __name__ == "__main__"` would start itself again and again. Signals that reach the whole
    group stay blocked in the workers from the start. (The first start of a process by
    multiprocessing starts its resource tracker as well, and that unblocks them.)
    """
    wanted = worker_environment(threads)
    before = {name: os.environ.get(name) for name in wanted}
    main = sys.modules["__main__"]
    mask = getattr(signal, "pthread_sigmask", None)
    old = mask(signal.SIG_BLOCK, SIGNALS) if mask else None
    try:
        if mask:
            resource_tracker.ensure_running()
            mask(signal.SIG_BLOCK, SIGNALS)
        os.environ.update(wanted)
        sys.modules["__main__"] = ModuleType("__main__")
        yield
    finally:
        sys.modules["__main__"] = main
        for name, setting in before.items():
            if setting is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = setting
        if mask and old is not None:
            mask(signal.SIG_SETMASK, old)


def _work(connection: Connection, setup: Setup) -> None:
    """The main loop of a worker: train jobs until there are no more."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        load_again(setup.plugins)  # before any job comes, which may hold things of theirs
    except AssayError as error:
        sys.exit(str(error))
    datasets = Datasets(setup.data_dir)
    with suppress(EOFError, OSError):  # the parent has died
        connection.send(Message("tick"))
        while (job := connection.recv()) is not None:  # None asks it to stop
            train_job(job, datasets, connection.send, connection.poll)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
