"""Ctrl-C at any moment: runs on their way are saved, no process stays, no traceback is seen."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from multiprocessing import resource_tracker
from pathlib import Path

import numpy as np
import pytest
from test_execute_crashes import command, is_gone, wait_for

from assay.apps.api import run
from assay.core.errors import StudyInterrupted
from assay.core.records import Record
from assay.core.store import Store
from assay.core.store_format import decode_arrays
from assay.engines.engine import Resources
from assay.execution.execute import execute
from assay.execution.executors.executor import Crew, Setup
from assay.execution.executors.processes import Processes, _clean_start
from assay.execution.stop import TWICE_SECONDS, interrupts, with_store
from assay.studies.members import cohorts
from assay.studies.plan import Plan, make_plan
from assay.studies.study import parse_study

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc")

SCRIPT = """
import sys
from pathlib import Path
from assay.apps.cli import app, progress, run

class Told(progress.ExecutionState):
    def __call__(self, event):
        super().__call__(event)
        if event.kind not in ("progress", "started") or (event.progress and event.progress.images):
            print(event.kind, flush=True)

    __enter__ = lambda self: self
    __exit__ = lambda self, *reason: None

run.display = Told
sys.exit(app.main(sys.argv[1:]))
"""

STUDY = """
study: long
dataset: {name: digits, train: 500, validation: 100, test: 100}
network: {family: FAMILY}
training: {epochs: EPOCHS, batch_size: 20, evaluate_every: 100000}
engine: ENGINE
precision: float32
repeats: 1
"""


def assay(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command line in a group of its own, which says the kinds of its events."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments, "--store", str(folder / "store")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )


def test_the_command_that_resumes_can_be_pasted_into_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store("my store") as store:
        assert shlex.split(with_store("assay run tour", store))[3:] == ["--store", "my store"]
    with Store("assay-store") as store:
        assert with_store("assay run tour", store) == "assay run tour"


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and standard error, once no process of the group is left."""
    try:
        _, err = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # or it would train for hours
        raise
    assert is_gone(process.pid)
    return process.returncode, err


def trained(plan: Plan, folder: Path, crew: Crew) -> list[Record]:
    """The records of a plan, trained in a worker."""
    with Store(folder) as store:
        groups = cohorts(plan.runs().values())
        options = {"executor": "processes", "workers": 1, "crew": crew}
        execute(plan, groups, store, Resources("cpu"), **options)
        return store.records(plan.runs())


def interrupted(folder: Path, engine: str, family: str, epochs: int) -> tuple[Plan, Path]:
    """Interrupt a study of one run in training; give its plan and the checkpoint that it left."""
    file, text = folder / "long.yaml", STUDY.replace("EPOCHS", str(epochs))
    file.write_text(text.replace("ENGINE", engine).replace("FAMILY", family))
    first = assay(folder, "run", str(file), "--workers", "1", "--device", "cpu")
    wait_for(first, "progress", 1)
    os.killpg(first.pid, signal.SIGINT)
    status, err = ended(first)
    assert status == 130, err
    said, saved = err.splitlines()
    assert said.startswith("interrupted: 0 of 1 runs are stored; run the same command again")
    assert saved == "1 unfinished run resumes from a checkpoint"
    plan = make_plan(parse_study(file))
    (run,) = plan.runs()
    (left,) = (folder / "store" / "checkpoints").iterdir()
    assert left.name == f"{run}.unfinished.safetensors"
    steps = int(decode_arrays(left.read_bytes(), "")["run/steps"])
    assert 0 < steps < 25 * epochs
    return plan, left


@pytest.mark.parametrize("family", ["mlp, hidden: [16]", "cnn, filters: [[4]], dense: []"])
def test_a_run_of_the_torch_engine_is_saved_when_it_is_interrupted(tmp_path, family):
    """How it goes on is tested beside the engines."""
    interrupted(tmp_path, "torch", family, epochs=100_000)


def test_a_run_of_seconds_goes_on_where_it_was_interrupted(tmp_path):
    """It is saved between evaluations, of which there is none before its end."""
    plan, left = interrupted(tmp_path, "numpy", "mlp, hidden: [16]", epochs=1600)
    with Crew() as crew:
        (resumed,) = trained(plan, tmp_path / "store", crew)
        (whole,) = trained(plan, tmp_path / "whole", crew)
    assert not left.exists()
    assert whole.metrics == resumed.metrics
    for name in set(whole.curves) - {"seconds"}:
        np.testing.assert_array_equal(whole.curves[name], resumed.curves[name])


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(0.0, signal.SIGINT), (0.6, signal.SIGINT), (0.2, signal.SIGHUP)],
)
def test_a_group_that_is_interrupted_while_workers_start_shows_no_traceback(
    tmp_path, seconds, number
):
    process = command(tmp_path, SOFTMAX_SLEEP="2")
    wait_for(process, "planned", 1)  # workers start now
    time.sleep(seconds)
    os.killpg(process.pid, number)
    status, err = ended(process)
    assert status == 130, err
    assert err.startswith("interrupted: 0 of 8 runs are stored; run the same command again")
    assert "Traceback" not in err


def test_every_worker_is_asked_to_stop_but_only_runs_in_training_are_waited_for(monkeypatch):
    """One that begins to train after all was asked, too, and is not waited for in vain."""
    said: list[str] = []

    class Asked:
        training = asked = False

        def ask_to_stop(self) -> None:
            self.asked = True

        def hear(self, send) -> bool:
            return True

    executor, late, busy = Processes(Setup(None, 2)), Asked(), Asked()
    busy.training = True
    executor._workers = [late, busy]  # type: ignore[list-item]

    def hear(send) -> None:
        late.training, busy.training = not late.training, False

    monkeypatch.setattr(executor, "_hear", hear)
    executor._see_off(lambda message: said.append(message.kind))
    assert (late.asked, busy.asked) == (True, True)
    assert said == ["stopping", "tick", "tick"]


def test_the_first_worker_starts_with_the_signals_blocked(monkeypatch):
    """Even where multiprocessing starts its resource tracker, which unblocks them."""
    masks = []
    monkeypatch.setattr(resource_tracker._resource_tracker, "_fd", None)
    monkeypatch.setattr(resource_tracker._resource_tracker, "_pid", None)
    with _clean_start(1):
        resource_tracker.ensure_running()  # as the start of a process does
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= masks[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    """A program that passes the first one on sends it twice; that is still the first one."""
    with interrupts() as stopped:
        with interrupts() as inner:
            os.kill(os.getpid(), signal.SIGINT)
            assert (stopped(), inner()) == (True, True)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(TWICE_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # nothing disturbs the end of the workers


def test_a_signal_that_is_ignored_stays_ignored():
    """`nohup assay run ...` outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts() as stopped:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stopped()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_search_that_is_stopped_at_the_last_run_of_a_batch_goes_no_further(tmp_path):
    study = {
        "study": "stopped",
        "dataset": {"name": "xor", "train": 60, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [4]},
        "training": {"epochs": 1},
        "engine": "numpy",
        "repeats": 1,
        "search": {
            "sampler": "random",
            "trials": 3,
            "batch": 1,
            "best": 1,
            "space": {"training.learning_rate": {"float": [0.01, 0.2]}},
        },
    }
    finished = []

    def told(event):
        if event.kind == "finished":
            finished.append(event)
            if len(finished) == 1:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(StudyInterrupted, match="interrupted after 1 of 3 trials"):
        run(study, store=tmp_path, device="cpu", on="inline", on_event=told)
    assert len(finished) == 1
    run(study, store=tmp_path, device="cpu", on="inline", on_event=told)
    assert len(finished) == 4


def test_a_run_that_is_stopped_in_its_pretraining_resumes_there(tmp_path):
    points = {"name": "xor", "train": 60, "validation": 20, "test": 20}
    pretrain = {"name": "transfer", "dataset": {**points, "noise": 0.5}, "epochs": 20000}
    study = {
        "study": "stopped",
        "dataset": points,
        "network": {"family": "mlp", "hidden": [4]},
        "training": {"epochs": 1, "pretrain": pretrain},
        "repeats": 1,
    }
    remarks = []

    def told(event):
        if event.kind == "progress":
            remarks.append(event.progress.remark)
            if 0 < event.progress.fraction < 0.5:
                os.kill(os.getpid(), signal.SIGINT)

    for _ in range(2):
        with pytest.raises(StudyInterrupted, match="1 unfinished run resumes from a checkpoint"):
            run(study, store=tmp_path, device="cpu", on="inline", on_event=told)
    assert any("an interrupted run resumes from update" in remark for remark in remarks)
