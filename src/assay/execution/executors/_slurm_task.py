"""What one task of a SLURM array does: it trains the jobs of its file and leaves what it has to say
in files of the shared folder. `python -m assay.execution.executors._slurm_task FOLDER OFFSET`.

A batch is a folder: `batch.json`, `tasks/N.json` (what task N trains), `tasks/N.news` (a line of
JSON for each message of it), `records/RUN.record`, and an empty `records/RUN.stored` instead of a
record that the store has.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.core.errors import AssayError
from assay.core.plugins import Plugin, load_again
from assay.core.record_files import write_record
from assay.engines.engine import Resources
from assay.execution.executors.executor import Job, Message
from assay.execution.executors.worker import Datasets, train_job
from assay.execution.versions import differences, versions
from assay.studies.members import cohorts

__all__ = ["SIGNAL", "main"]

SIGNAL = "USR1"
"""What SLURM sends before it takes a task's machine away."""


class _TaskRun:
    def __init__(self, folder: Path, number: int):
        self.batch = json.loads((folder / "batch.json").read_text())
        self.jobs = json.loads((folder / "tasks" / f"{number}.json").read_text())
        self.news, self.records = folder / "tasks" / f"{number}.news", folder / "records"
        self.leaving, self.stop = threading.Event(), threading.Event()

    def run(self) -> None:
        """Train what has no record yet."""
        signal.signal(getattr(signal, f"SIG{SIGNAL}"), self._leave)
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())
        data = self.batch["data_dir"]
        datasets = Datasets(Path(data) if data else None)
        problem = differences(self.batch["versions"], versions())
        try:
            load_again(Plugin(**plugin) for plugin in self.batch["plugins"])
        except AssayError as error:
            problem = str(error)
        for place, job in enumerate(self.jobs):
            if problem:
                self._write(place, Message("failed", text=problem, expected=True))
            elif not self.stop.is_set():
                self._train(place, job, datasets)
        if self.leaving.is_set():
            number = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
            subprocess.run(["scontrol", "requeue", number], check=True)

    def _train(self, place: int, job: dict[str, Any], datasets: Datasets) -> None:
        missing = [
            config
            for run, config in job["runs"].items()
            if not any((self.records / f"{run}.{end}").exists() for end in ("record", "stored"))
        ]
        if not missing:
            self._write(place, Message("ended"))
            return
        checkpoints = Path(self.batch["checkpoints"])
        told: dict[str, Any] = {**job["resources"], "metrics": tuple(job["resources"]["metrics"])}
        told["checkpoints"] = checkpoints if checkpoints.parent.is_dir() else None
        data, weights = (
            Path(self.batch[name]) if self.batch.get(name) else None
            for name in ("data_dir", "weights")
        )
        resources = Resources(**told, data_dir=data, weights=weights)
        (cohort,) = cohorts(missing, data)
        own = Job(place, cohort, job["engine"], resources, job["work"])
        train_job(own, datasets, lambda m: self._write(place, m), self.stop.is_set)

    def _leave(self, *_: object) -> None:
        self.leaving.set()
        self.stop.set()

    def _write(self, place: int, message: Message) -> None:
        said: dict[str, Any] = {"kind": message.kind, "job": place, "text": message.text}
        if message.record is not None:
            write_record(message.record, self.records / f"{message.record.run_id}.record")
            said["run"] = message.record.run_id
        if message.progress is not None:
            said["progress"] = asdict(message.progress)
        if message.kind == "failed":
            said |= {"details": message.details, "expected": message.expected}
        if message.kind == "stopped" and self.leaving.is_set():
            return  # it goes on elsewhere
        with self.news.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


def main(arguments: list[str]) -> None:
    """Train the task of this array element."""
    folder, offset = Path(arguments[0]), int(arguments[1])
    _TaskRun(folder, offset + int(os.environ["SLURM_ARRAY_TASK_ID"])).run()


if __name__ == "__main__":
    main(sys.argv[1:])
