"""The executor of compiled programs: workers are threads of this process, on one copy of data.

Only engines that compute without the interpreter's lock gain by it (`Engine.in_threads`). Nothing
has to start: a study of small networks trains from the first moment. The calling thread only
receives messages, so that it reacts to Ctrl-C and other requests.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from assay.core.plugins import told
from assay.core.records import Spec
from assay.data import Dataset
from assay.execution.executors.executor import EXECUTORS, Job, Message, Setup
from assay.execution.executors.worker import Datasets, train_job

__all__ = ["Threads"]

TICK_SECONDS = 0.2
SAVE_SECONDS = 30.0
"""Seconds in which threads that are asked to stop may save checkpoints."""


class _SharedDatasets(Datasets):
    """Loads each dataset once for all threads."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._lock = threading.Lock()

    def get(self, spec: Spec) -> Dataset:
        with self._lock:
            return super().get(spec)


@EXECUTORS.add("threads")
class Threads:
    """Trains in up to `setup.workers` threads; they start when there is work for them."""

    ADDRESS = False

    def __init__(self, setup: Setup):
        self._workers = setup.workers
        self._datasets = _SharedDatasets(setup.data_dir)

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs; see `Executor.run`."""
        news: queue.SimpleQueue[Message] = queue.SimpleQueue()
        leave = threading.Event()
        busy: set[int] = set()
        more = True
        try:
            while not stop():
                while more and len(busy) < self._workers:
                    job = next(jobs, None)
                    more = job is not None
                    if job is not None:
                        busy.add(job.number)
                        self._start(job, news, leave)
                if not busy:
                    return
                _hear(news, busy, send)
            leave.set()
            send(Message("stopping"))
            end = time.monotonic() + SAVE_SECONDS
            while busy and time.monotonic() < end:
                _hear(news, busy, send)
        finally:
            leave.set()

    def _start(self, job: Job, news: queue.SimpleQueue[Message], leave: threading.Event) -> None:
        def work() -> None:
            try:
                train_job(job, self._datasets, news.put, leave.is_set)
            except BaseException as error:  # a thread has no caller for its errors
                details = traceback.format_exc()
                news.put(Message("failed", job.number, text=told(error), details=details))

        threading.Thread(target=work, name=f"training {job.number}", daemon=True).start()


def _hear(
    news: queue.SimpleQueue[Message], busy: set[int], send: Callable[[Message], None]
) -> None:
    """Pass on messages of threads, or a tick if there are none for a moment."""
    try:
        message = news.get(timeout=TICK_SECONDS)
    except queue.Empty:
        send(Message("tick"))
        return
    if message.kind in ("ended", "failed", "stopped"):
        busy.discard(message.job)
    send(message)
