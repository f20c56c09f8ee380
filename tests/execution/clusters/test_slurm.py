"""The executor of SLURM on a real one of one node: see `slurm-node`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import conformance
import pytest
from execute_command import config, train

from assay.apps.cli.app import main
from assay.core.errors import ConfigError, EngineError, StudyDetached
from assay.core.records import run_id
from assay.core.store import Store
from assay.execution.executors import slurm
from assay.execution.executors._slurm_batch import ArrayTask, Batch
from assay.execution.executors._slurm_commands import submit
from assay.execution.executors.executor import Setup
from assay.execution.place import parse_place

pytest.importorskip("submitit", reason="needs the extra slurm")
HERE = Path(__file__).parent
COMMAND = HERE.parent / "execute_command.py"

STUDY = """
study: long
dataset: {name: digits, train: 500, validation: 100, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 1500, batch_size: 20, evaluate_every: 100000}
engine: numpy
precision: float32
repeats: 1
"""


def queue() -> str:
    return subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i %T"], capture_output=True, text=True
    ).stdout


def wait_until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, f"{what}: {queue()}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def node(control: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A SLURM whose arrays have three tasks at most."""
    if not shutil.which("slurmctld") or not shutil.which("munged") or os.getuid():
        pytest.skip("needs Debian's slurm-wlm and munge, and root")
    folder = tmp_path_factory.mktemp("slurm")
    paths = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_ARRAY", "4")
        patch.setenv("PYTHONPATH", paths.rstrip(os.pathsep))
        started = subprocess.run(
            [HERE / "slurm-node", "start", folder], capture_output=True, text=True
        )
        assert started.returncode == 0, started.stderr
        patch.setenv("SLURM_CONF", started.stdout.strip())
        patch.setattr(slurm, "LOOK_SECONDS", 0.5)
        patch.setattr(slurm, "GONE_SECONDS", 1.0)
        yield
        subprocess.run([HERE / "slurm-node", "stop", folder], check=True)


def test_everything_is_trained_once(node, misbehave, tmp_path):
    conformance.trains_all_once(tmp_path, "slurm")
    assert not list((tmp_path / "store" / "slurm").iterdir()), "nothing is left to collect"


def test_runs_begin_with_one_of_the_store(node, tmp_path):
    conformance.begins_with_a_stored_run(tmp_path, "slurm")


def test_a_failed_run_stops_nobody(node, misbehave, tmp_path, monkeypatch):
    conformance.a_failed_run_stops_nobody(tmp_path, "slurm", monkeypatch)


def test_detached_tasks_are_collected_by_the_same_command(node, misbehave, tmp_path):
    """Arrays are split to the site's limit: five tasks are two arrays here."""
    configs = [config(seed, epochs=seed + 2) for seed in range(5)]
    place = parse_place("slurm").with_options({"detach": True})
    with pytest.raises(StudyDetached, match="5 runs are queued or in training; run the same"):
        train(tmp_path / "store", configs, executor=place, workers=5)
    (batch,) = (tmp_path / "store" / "slurm").iterdir()
    names = json.loads((batch / "names.json").read_text())
    assert [name.partition("_")[2] for name in names] == ["0", "1", "2", "0", "1"]
    with pytest.raises(StudyDetached):  # it submits nothing again
        train(tmp_path / "store", configs, executor=place, workers=5)
    assert list((tmp_path / "store" / "slurm").iterdir()) == [batch]
    wait_until(lambda: not queue(), "tasks go on without anybody")
    summary, _ = train(tmp_path / "store", configs, executor="slurm", workers=5)
    assert conformance.counts(summary)[1] == 5
    train(tmp_path / "inline", configs, executor="inline")
    assert conformance.same_results(
        conformance.stored(tmp_path / "store", configs),
        conformance.stored(tmp_path / "inline", configs),
    )


def test_a_killed_driver_collects_what_its_tasks_went_on_to_train(node, misbehave, tmp_path):
    misbehave(SOFTMAX_SLEEP="0.5")
    command = [sys.executable, COMMAND, tmp_path / "store", "2", "3", "slurm"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: " RUNNING" in queue(), "a task starts")
    first.kill()
    first.communicate()
    misbehave()
    second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("finished") == 4
    configs = [config(seed, rate) for seed in range(2) for rate in (0.02, 0.05)]
    with Store(tmp_path / "store") as store:
        assert store.run_ids() == sorted(run_id(c) for c in configs)


def test_a_task_that_must_leave_is_queued_again_and_goes_on(node, tmp_path, capfd):
    """SLURM warns a task before it takes its machine away: it saves a checkpoint."""
    file, store = tmp_path / "long.yaml", tmp_path / "store"
    file.write_text(STUDY)
    command = ["run", str(file), "--store", str(store), "--on", "slurm"]
    assert main([*command, "--detach", "--time", "10"]) == 0
    assert "1 runs are queued or in training" in capfd.readouterr().err
    (batch,) = (store / "slurm").iterdir()
    wait_until(lambda: '"images"' in _text(batch / "tasks" / "0.news"), "it trains")
    name = queue().split()[0]
    subprocess.run(["scancel", "--signal=USR1", name], check=True)
    left = store / "checkpoints"
    wait_until(lambda: left.exists() and list(left.glob("*.unfinished.*")), "it is saved")
    # SLURM holds a task that it has queued again for a while
    wait_until(
        lambda: "PENDING" in queue() or "interrupted run" in _text(batch / "tasks/0.news"), ""
    )
    subprocess.run(["scontrol", "update", f"JobId={name}", "StartTime=now"], check=False)
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert "trained 1 of 1 runs" in out
    assert "an interrupted run resumes from update" in err
    assert not list(left.glob("*"))


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_what_would_run_where_is_said(node, tmp_path, capsys):
    file, store = tmp_path / "long.yaml", ["--store", str(tmp_path / "store")]
    file.write_text(STUDY)
    assert main(["doctor", "--on", "slurm", *store]) == 0
    out = capsys.readouterr().out
    assert "slurm: " in out
    assert os.uname().nodename.partition(".")[0] in out
    (tmp_path / "machine.yaml").write_text("on: slurm\nworkers: 3\nslurm: {partition: tests}\n")
    assert main(["run", str(file), "--dry-run", *store]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "jobs 1, the largest of 1 run" in out
    assert "workers 1 of 3, 1 threads each" in out
    assert not (tmp_path / "store").exists(), "a dry run makes nothing"
    assert main(["run", str(file), "--dry-run", "--partition", "none", *store]) == 2
    assert "there is no node in partition none" in capsys.readouterr().err


def test_settings_of_slurm_are_checked():
    with pytest.raises(ConfigError, match=r"unknown setting of --on slurm 'partitoin'; did you"):
        parse_place("slurm").with_options({"partitoin": "gpu"})
    with pytest.raises(ConfigError, match=r"partition is a setting of --on slurm, got --on local"):
        parse_place("local").with_options({"partition": "gpu"})
    with pytest.raises(ConfigError, match=r"slurm.gpus_per_node must be a whole number >= 0"):
        parse_place("slurm").with_options({"gpus_per_node": -1})
    with pytest.raises(ConfigError, match=r"unknown place to train \(--on\) 'slrum'; did you mean"):
        parse_place("slrum")


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Commands of SLURM that leave a file with what they were asked, or fail."""

    def made(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return made


def test_a_queue_that_does_not_answer_for_a_while_ends_nothing(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "LOOK_SECONDS", 0.0)
    task = ArrayTask(tmp_path, 0, "1_0", [["run"]])
    executor = slurm.Slurm(Setup(None, 1, shared=tmp_path))
    executor._tasks, told = [task], []
    commands("squeue", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    executor._hear(told.append)
    executor._hear(told.append)
    assert [message.kind for message in told] == ["remark"]
    assert "squeue failed: slurm_load_jobs error: Socket timed out; the tasks" in told[0].text
    executor._clear()  # everything is stored by then
    commands("squeue", "echo '1_0|RUNNING'")
    executor._hear(told.append)
    assert len(told) == 1
    assert not task.over
    commands("squeue", "exit 1")
    executor._hear(told.append)
    assert len(told) == 2
    monkeypatch.setattr(slurm, "PATIENT_SECONDS", 0.0)
    with pytest.raises(EngineError, match="run the same command again to collect"):
        executor._hear(told.append)


def test_as_many_tasks_train_at_once_as_there_are(commands, tmp_path):
    commands("srun", "exit 1")  # submitit looks whether it is there
    commands("sbatch", f'cat "$@" > {tmp_path}/asked; echo Submitted batch job 7')
    tasks = [ArrayTask(tmp_path, number, "", [["run"]]) for number in range(300)]
    (tmp_path / "logs").mkdir()
    submit(Batch(tmp_path, tasks), {}, 1000)
    assert "#SBATCH --array=0-299%300\n" in (tmp_path / "asked").read_text()
    assert tasks[-1].name == "7_299"
