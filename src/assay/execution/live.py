"""Live progress: one small file for each driver, beside the records.

`STORE/live/PROCESS.json` contains the progress of an execution and the curves, so far, of the runs
in training. The driver writes it atomically, at most once a second, so that readers need no lock.
It is not a record: the curves of a run are removed when the run is stored, the file at the end of
the execution, and that of a dead process is ignored and deleted.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict

from assay.core.files import written_whole
from assay.core.store_owner import is_alive, new_owner, retire_owner
from assay.execution.events import Event

__all__ = ["EVERY_SECONDS", "FOLDER", "LiveFile", "read_live"]

FOLDER = "live"

EVERY_SECONDS = 1.0
"""Minimum seconds between two writes of the file."""

MOST_POINTS = 240
"""Maximum number of points of a curve; of a longer one every second point is dropped."""

_ENDS = ("finished", "diverged", "failed")


class LiveFile:
    """Passes events on and writes the file of this execution; leaving it removes the file.

    Training continues if the file cannot be written.

    Args:
        store: the folder of the store.
        study: the name of the plan; `command`: what trains it again.
        on_event: called with every event first.
    """

    def __init__(
        self,
        store: Path,
        study: str,
        command: str = "",
        on_event: Callable[[Event], None] | None = None,
    ):
        self._owner, self._on_event = new_owner(), on_event
        self._file = store / FOLDER / f"{os.getpid()}-{self._owner.rpartition('|')[2]}.json"
        self._jobs: dict[int, dict[str, Any]] = {}
        self._curves: dict[str, dict[str, list[float | None]]] = {}
        self._written, self._state = -EVERY_SECONDS, "preparing"
        self._head: dict[str, Any] = {
            "owner": self._owner,
            "pid": os.getpid(),
            "study": study,
            "command": command,
            "started": time.time(),
        }
        self._counts: dict[str, Any] = {}

    def __enter__(self) -> LiveFile:
        for file, said in _files(self._file.parent.parent):
            if said is None:
                with suppress(OSError):
                    file.unlink()
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        retire_owner(self._owner)
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def __call__(self, event: Event) -> None:
        """Process an event."""
        if self._on_event is not None:
            self._on_event(event)
        self._note(event)
        due = time.monotonic() - self._written >= EVERY_SECONDS
        if due or event.kind in ("planned", "stopping"):
            self._write()

    def _note(self, event: Event) -> None:
        self._counts = {
            "total": event.total,
            "done": event.done,
            "images_per_second": event.images_per_second,
            "seconds_left": event.seconds_left,
        }
        if event.kind in ("planned", "started") and self._state != "stopping":
            self._state = "training"
        elif event.kind in ("waiting", "stopping"):
            self._state = event.kind
        if event.kind == "started":
            title = {"title": event.title, "members": event.members, "fraction": 0.0}
            self._jobs[event.job] = title
        elif event.kind in ("ended", "lost"):
            self._jobs.pop(event.job, None)
        elif event.kind in _ENDS and event.record is not None:
            self._curves.pop(event.record.run_id, None)
        if event.progress is not None:
            if event.job in self._jobs:
                self._jobs[event.job]["fraction"] = event.progress.fraction
            for run, point in event.progress.points:
                self._add(run, point)

    def _add(self, run: str, point: dict[str, float]) -> None:
        curves = self._curves.setdefault(run, {})
        if len(curves.get("step", ())) >= MOST_POINTS:
            for name in curves:
                curves[name] = curves[name][1::2]
        for name, value in point.items():
            short = float(f"{value:.6g}") if math.isfinite(value) else None
            curves.setdefault(name, []).append(short)

    def _write(self) -> None:
        self._written = time.monotonic()
        said = {
            **self._head,
            "updated": time.time(),
            "state": self._state,
            **self._counts,
            "jobs": list(self._jobs.values()),
            "curves": self._curves,
        }
        with suppress(OSError), written_whole(self._file) as part:
            part.write_text(json.dumps(said, separators=(",", ":")), encoding="utf-8")


class LiveJob(TypedDict):
    """A job of a driver: its title, how many runs it trains, and the fraction that is done."""

    title: str
    members: int
    fraction: float


class LiveDriver(TypedDict):
    """What a driver says of itself, see `read_live`."""

    owner: str
    pid: int
    study: str
    command: str
    started: float
    updated: float
    state: str
    total: int
    done: int
    images_per_second: float
    seconds_left: float | None
    jobs: list[LiveJob]
    curves: dict[str, dict[str, list[float | None]]]


def read_live(store: Path) -> list[LiveDriver]:
    """Return the running executions of a store, one for each driver, the oldest first.

    Keys: "owner", "pid", "study", "command", "started" and "updated" (seconds since the epoch),
    "state" ("preparing", "training", "waiting" for another driver, "stopping"), "total" and "done"
    runs, "images_per_second", "seconds_left" (None while unknown), "jobs" (each with "title",
    "members" and the "fraction" done) and "curves": run -> name -> points, with "step" and "epoch".
    """
    found = [said for _, said in _files(store) if said is not None]
    return sorted(found, key=lambda said: said["started"])


def _files(store: Path) -> Iterator[tuple[Path, LiveDriver | None]]:
    """Yield each file with its content; None if its writer has ended or it is damaged."""
    for file in sorted((store / FOLDER).glob("*.json")):
        with suppress(OSError):
            text = file.read_text(encoding="utf-8", errors="replace")
            yield file, _parsed(text)


def _parsed(text: str) -> LiveDriver | None:
    try:
        said = json.loads(text)
        numbers = float(said["started"]), float(said["updated"])
        owner = str(said["owner"])
    except (KeyError, TypeError, ValueError):
        return None
    return said if is_alive(owner, time.time() - numbers[1]) else None
