"""Training of a job in a worker, wherever it runs."""

from __future__ import annotations

import json
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from assay.core.contracts import fitting, made
from assay.core.errors import AssayError, ConfigError
from assay.core.own import watched
from assay.core.plugins import culprit, told
from assay.core.records import Spec
from assay.data import Dataset, load
from assay.engines.engine import ENGINES, Engine, Progress, Stopped
from assay.execution.executors.executor import Job, Message

__all__ = ["Datasets", "find_engine", "train_job"]

PROGRESS_SECONDS = 0.25


class Datasets:
    """Loads datasets and caches the last few, because a worker's next jobs often share them."""

    def __init__(self, data_dir: Path | None, keep: int = 2):
        self._data_dir, self._keep = data_dir, keep
        self._loaded: OrderedDict[str, Dataset] = OrderedDict()

    def get(self, spec: Spec) -> Dataset:
        """Return the dataset for a specification."""
        key = json.dumps(spec, sort_keys=True)
        if key not in self._loaded:
            self.put(spec, load(spec, self._data_dir))
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def put(self, spec: Spec, dataset: Dataset) -> None:
        """Add a dataset that was loaded elsewhere."""
        key = json.dumps(spec, sort_keys=True)
        while key not in self._loaded and len(self._loaded) >= self._keep:
            self._loaded.popitem(last=False)
        self._loaded[key] = dataset


def find_engine(name: str) -> Engine:
    """Make the engine of a registered name or of "module:callable".

    Raises:
        ConfigError: there is no such engine.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        place = ENGINES.place(name)
        if place.module.startswith("assay."):
            return ENGINES[name]()
        with watched(f"engine {name!r}", str(place)):
            return fitting(made(ENGINES[name]), Engine)
    try:
        return getattr(import_module(module), attribute)()
    except AssayError:
        raise
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"engine {name!r} cannot be imported: {error}") from error


def train_job(
    job: Job,
    datasets: Datasets,
    send: Callable[[Message], None],
    stop: Callable[[], bool],
) -> None:
    """Train a job and send its messages; errors become messages as well.

    Args:
        stop: called between updates; once true, the engine saves its state, and the job ends.
    """
    send(Message("started", job.number))
    try:
        engine = find_engine(job.engine)
        dataset = datasets.get(job.cohort.members[0].config["dataset"])
        report = _Reporter(job.number, send, stop)
        for record in engine.train(job.cohort, dataset, job.resources, report):
            send(Message("record", job.number, record=record))
        report.flush()
        send(Message("ended", job.number))
    except Stopped:
        send(Message("stopped", job.number))
    except AssayError as error:
        # what assay refuses in the user's code is found there
        place = Path(culprit(error, libraries=False)).name
        said = f"{place}: {error}" if place and place not in str(error) else str(error)
        send(Message("failed", job.number, text=said, expected=True))
    except Exception as error:  # the study continues, whatever an engine raises
        details = traceback.format_exc()
        send(Message("failed", job.number, text=told(error), details=details))


class _Reporter:
    """Passes progress on, a few times a second at most, and remarks at once."""

    def __init__(self, job: int, send: Callable[[Message], None], stop: Callable[[], bool]):
        self._job, self._send, self._stop = job, send, stop
        self._sent, self._images = 0.0, 0
        self._points: list[tuple[str, dict[str, float]]] = []
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        self._images += progress.images
        self._points += progress.points
        self._last = progress
        if self._stop():
            raise Stopped
        if progress.remark or time.monotonic() - self._sent >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send the progress since the last message."""
        if self._last is None:
            return
        last = self._last
        total = replace(last, images=self._images, points=tuple(self._points))
        self._sent, self._images, self._last, self._points = time.monotonic(), 0, None, []
        self._send(Message("progress", self._job, progress=total))
