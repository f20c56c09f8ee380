"""What happens to a whole command: kills, Ctrl-C, a second command, a full disk; each for real."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from execute_command import RATES, config, train

from assay.core.records import Record, run_id
from assay.core.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, mounts and /proc")

HERE = Path(__file__).parent
SEEDS = 4
RUNS = [config(seed, rate) for seed in range(SEEDS) for rate in RATES]
NAMES = [run_id(c) for c in RUNS]


def command(store: Path, executor: str = "processes", **env: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, HERE / "execute_command.py", store, str(SEEDS), "3", executor]
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SOFTMAX_SLEEP": "0.05", **env},
        start_new_session=True,  # a group of its own, as a shell gives it
    )


def wait_for(process: subprocess.Popen[str], word: str, times: int) -> list[str]:
    """Read what a command says until `word` has come so often."""
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if sum(word in text for text in said) == times:
            return said
    raise AssertionError(f"it ended early: {said}, {process.communicate()[1]}")


def living(group: int) -> list[str]:
    """States of the processes of a group that still run."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended just now
            state, _, its_group = file.read_text().rpartition(")")[2].split()[:3]
            found += [state] * (int(its_group) == group and state not in "ZX")
    return found


def is_gone(group: int) -> bool:
    """Whether no process of a group runs any more, soon."""
    end = time.monotonic() + 60
    while living(group) and time.monotonic() < end:
        time.sleep(0.02)
    return not living(group)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command; its workers must follow it by themselves."""
    process.kill()
    process.wait()
    gone = is_gone(process.pid)
    with suppress(ProcessLookupError):  # leave nothing running, whatever came out
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert gone


def records(store: Path) -> list[Record]:
    with Store(store, create=False, read_only=True) as opened:
        assert opened.run_ids() == sorted(NAMES)
        return opened.records(NAMES)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path = tmp_path_factory.mktemp("undisturbed")
    train(path, RUNS, executor="inline")
    return records(path)


def same(a: list[Record], b: list[Record]) -> bool:
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left.curves["loss"], right.curves["loss"])
        assert (left.run_id, left.status, left.metrics) == (
            right.run_id,
            right.status,
            right.metrics,
        )
    return True


def test_kill_and_resume(tmp_path, undisturbed):
    first = command(tmp_path)
    wait_for(first, "finished", 2)
    kill(first)
    with Store(tmp_path) as store:
        before = store.present(NAMES)
    assert 2 <= len(before) < len(NAMES)
    second = command(tmp_path)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    trained = {line.split()[3] for line in out.splitlines() if line.startswith("finished")}
    assert trained == set(NAMES) - before
    found = records(tmp_path)
    assert {record.provenance["threads"] for record in found} == {"1"}
    assert {record.provenance["waiting"] for record in found} == {
        "PASSIVE"
    }  # see worker_environment
    assert same(found, undisturbed)


def test_no_worker_outlives_a_killed_command(tmp_path):
    first = command(tmp_path, SOFTMAX_SLEEP="60")
    wait_for(first, "started", 2)
    assert len(living(first.pid)) >= 3
    kill(first)


def test_two_commands_share_the_work(tmp_path, undisturbed):
    both = [command(tmp_path), command(tmp_path)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    trained = [
        [line.split()[3] for line in out.splitlines() if line.startswith("finished")]
        for out, _ in said
    ]
    assert all(trained)
    assert sorted(trained[0] + trained[1]) == sorted(NAMES)
    assert same(records(tmp_path), undisturbed)


@pytest.mark.parametrize(
    ("executor", "number"),
    [
        ("processes", signal.SIGINT),
        ("processes", signal.SIGHUP),
        ("processes", signal.SIGTERM),
        ("inline", signal.SIGTERM),
    ],
)
def test_interrupt_and_resume(tmp_path, executor, number, undisturbed):
    first = command(tmp_path, executor)
    said = wait_for(first, "finished", 2)
    if executor == "processes":
        os.killpg(first.pid, number)  # the whole group hears it
    else:
        os.kill(first.pid, number)
    assert first.stdout is not None
    said += first.stdout.readlines()  # communicate() leaves out what `wait_for` has read ahead
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    with Store(tmp_path) as store:
        kept = store.present(NAMES)
    assert kept == {line.split()[3] for line in said if line.startswith("finished")}
    expected = (
        f"interrupted: {len(kept)} of 8 runs are stored; run the same command again to train "
        f"the other {8 - len(kept)}: `assay run softmax --store {tmp_path}`\n"
    )
    lost = r"(|[1-6] unfinished runs? ha(s|ve) no checkpoint and will start again\n)"
    assert re.fullmatch(lost, err.removeprefix(expected))
    assert is_gone(first.pid)
    train(tmp_path, RUNS, executor="inline")
    assert same(records(tmp_path), undisturbed)


def test_a_worker_that_dies_takes_only_its_own_run_down(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setenv("SOFTMAX_KILL", "1")
    summary, events = train(tmp_path, RUNS, executor="processes", workers=2)
    bad = {run_id(config(1, rate)) for rate in RATES}
    assert summary.failed.keys() == bad
    assert set(summary.failed.values()) == {
        "its worker died (signal 9; it may have run out of memory)"
    }
    assert summary.trained == 6
    assert next(e.message for e in events if e.kind == "lost") in summary.failed.values()
    assert events[-1].kind == "done"
    monkeypatch.delenv("SOFTMAX_KILL")
    again, _ = train(tmp_path, RUNS, executor="processes", workers=2)
    assert (again.present, again.trained, again.failed) == (6, 2, {})
    assert same(records(tmp_path), undisturbed)


def test_a_worker_that_dies_once_is_made_good(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setenv("SOFTMAX_KILL_ONCE", "1 2")
    monkeypatch.setenv("SOFTMAX_MARKER", str(tmp_path / "marker"))
    summary, events = train(tmp_path / "store", RUNS, executor="processes", workers=2)
    assert (summary.trained, summary.failed) == (8, {})
    assert [e.kind for e in events].count("lost") == 1
    assert same(records(tmp_path / "store"), undisturbed)


def test_a_full_disk_and_resume(tmp_path, undisturbed):
    """The store is on a disk that is too small; made larger, the same command goes on."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        first = command(tmp_path / "store")
        _, err = first.communicate(timeout=60)
        assert first.returncode == 2, err
        assert "free some space and run the same command again" in err
        assert "Traceback" not in err
        assert is_gone(first.pid)
        with Store(tmp_path / "store", read_only=True) as store:
            kept = store.run_ids()
        assert 0 < len(kept) < 8
        larger = ["mount", "-o", "remount,size=8m", str(tmp_path)]
        subprocess.run(larger, check=True)
        second = command(tmp_path / "store")
        out, err = second.communicate(timeout=60)
        assert second.returncode == 0, err
        assert out.count("finished") == 8 - len(kept)
        assert same(records(tmp_path / "store"), undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_script_needs_no_main_guard(tmp_path):
    """Workers must not run the caller's script again."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "from execute_command import config, train\n"
        f"print(train(Path({str(tmp_path / 'store')!r}), [config(0)], workers=1)[0].trained)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
