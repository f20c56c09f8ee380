"""Starting, stopping and resuming studies, each in its own driver, which outlives the server.

A driver is `assay run STUDY` in its own session. It is stopped as by Ctrl-C, so that its runs save
checkpoints, and resumed by starting it again.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import ConfigError, StoreError
from assay.core.plans import PlanData
from assay.core.store_owner import process_of
from assay.execution.live import FOLDER, read_live

__all__ = ["Drivers", "command_of"]

TAIL = 4000
"""Number of characters of a driver's output to show."""

STOP_SECONDS = 40
"""Seconds after which a driver that was asked to stop has ended."""

_UNSAFE = re.compile(r"[^\w@.-]")

_SCALE = re.compile(r"[\w-]{1,40}")


@dataclass
class _Started:
    """A driver that this server started."""

    study: str
    process: subprocess.Popen[bytes]
    log: Path
    began: float
    asked: bool = False
    """It was asked to stop: it saves its runs and ends."""


class Drivers:
    """The drivers of a store.

    Args:
        store: the folder of records.
        data_dir: the folder with datasets, passed on.
    """

    def __init__(self, store: Path, data_dir: Path | None):
        self._store, self._data = store, data_dir
        self._started: list[_Started] = []
        self._lock = threading.Lock()

    def start(self, study: str, arguments: Sequence[str]) -> int:
        """Start `assay run ARGUMENTS`; returns the process id.

        Args:
            study: its name in the list of drivers and in the name of its log.

        Raises:
            StoreError: it is training already, or the store cannot be written.
        """
        with self._lock:
            self._ended()
            self._let_end(study)
            busy = [s.study for s in self._started if s.process.returncode is None]
            if study in busy or any(said["study"] == study for said in read_live(self._store)):
                raise StoreError(f"{study} is already training")
            log = self._store / FOLDER / (_UNSAFE.sub("_", study) + ".log")
            places = ["--store", str(self._store.resolve())]
            places += ["--data", str(self._data.resolve())] if self._data else []
            command = [sys.executable, "-m", "assay", "run", *arguments, *places]
            try:
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("wb") as output:
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
                    )
            except OSError as error:
                raise StoreError(f"cannot start {study}: {error.strerror or error}") from error
            self._started.append(_Started(study, process, log, time.time()))
            return process.pid

    def stop(self, study: str) -> list[int]:
        """Ask the drivers of a study to stop and save their runs; returns their process ids.

        Raises:
            StoreError: no process on this machine trains it.
        """
        owners = [str(s["owner"]) for s in read_live(self._store) if s["study"] == study]
        found = [pid for pid in map(process_of, owners) if pid is not None]
        with self._lock:  # a driver that has just started has not registered yet
            self._ended()
            mine = [one for one in self._started if one.study == study]
            for one in mine:
                one.asked = True
            found += [one.process.pid for one in mine if one.process.returncode is None]
        if not found:
            where = "on this machine " if owners else ""
            raise StoreError(f"no process trains {study} {where}now")
        for pid in dict.fromkeys(found):
            try:
                os.kill(pid, signal.SIGTERM)
            except OSError as error:
                raise StoreError(f"cannot stop process {pid}: {error.strerror}") from error
        return list(dict.fromkeys(found))

    def running(self, study: str) -> bool:
        """Whether a process that this server started for a study has not ended."""
        with self._lock:
            self._ended()
            return any(o.study == study and o.process.returncode is None for o in self._started)

    def list(self) -> list[dict[str, object]]:
        """Return this server's drivers, latest first, each with the end of its log."""
        with self._lock:
            self._ended()
            return [
                {
                    "study": one.study,
                    "pid": one.process.pid,
                    "status": one.process.returncode,
                    "began": one.began,
                    "log": _tail(one.log),
                }
                for one in reversed(self._started)
            ]

    def _let_end(self, study: str) -> None:
        """Wait for a driver that was asked to stop."""
        for one in self._started:
            if one.study == study and one.asked:
                with suppress(subprocess.TimeoutExpired):
                    one.process.wait(STOP_SECONDS)

    def _ended(self) -> None:
        """Update which drivers have ended, and keep only the last of each study."""
        for one in self._started:
            one.process.poll()
        latest = {one.study: one for one in self._started}
        self._started = [
            one
            for one in self._started
            if one.process.returncode is None or latest[one.study] is one
        ]


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def command_of(plan: PlanData | None, given: Mapping[str, object], studies: Path) -> list[str]:
    """Return the arguments of `assay run` that train a study.

    Args:
        plan: the stored plan, if any, whose command is used.
        given: {"study": name, "scale": ...} from the page's request.
        studies: the folder of studies written in the browser.

    Raises:
        ConfigError: there is no such study.
    """
    from assay.studies.library import is_built_in

    name = str(given.get("study", ""))
    workers = given.get("workers")
    more = ["--workers", str(int(workers))] if isinstance(workers, int) and workers > 0 else []
    if plan is not None:
        words = shlex.split(str(plan.get("command", "")))
        if words[:2] == ["assay", "run"] and len(words) > 2:
            own = studies / f"{name.partition('@')[0]}.yaml"
            file = str(own) if own.is_file() and not is_built_in(words[2]) else words[2]
            return [file, *words[3:], *more]
    scale = str(given.get("scale") or "full")
    if not _SCALE.fullmatch(scale):
        raise ConfigError(f"a scale must be a name, got {scale[:40]!r}")
    more = [*(["--scale", scale] if scale != "full" else []), *more]
    if is_built_in(name):
        return [name, *more]
    file = studies / f"{name}.yaml"
    if Path(name).name == name and file.is_file():
        return [str(file), *more]
    raise ConfigError(f"there is no study {name!r} that could be started from here")
