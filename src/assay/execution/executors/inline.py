"""The executor without workers: one job after the other, in this process.

For a single GPU, for debugging and for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assay.execution.executors.executor import EXECUTORS, Job, Message, Setup
from assay.execution.executors.worker import Datasets, train_job

__all__ = ["Inline"]


class _Unwind(BaseException):
    """Leaves an engine in the middle of a job after an error of the receiver; engines do not catch
    it."""

    def __init__(self, error: Exception):
        super().__init__(error)
        self.error = error


@EXECUTORS.add("inline")
class Inline:
    """Trains in the calling process and thread."""

    ADDRESS = False
    WORKERS = 1

    def __init__(self, setup: Setup):
        self._datasets = Datasets(setup.data_dir)

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs; see `Executor.run`."""

        def send_or_unwind(message: Message) -> None:
            try:
                send(message)
            except Exception as error:
                raise _Unwind(error) from None

        try:
            while not stop() and (job := next(jobs, None)) is not None:
                train_job(job, self._datasets, send_or_unwind, stop)
        except _Unwind as unwind:
            raise unwind.error from None
