"""The executor of Ray on a real cluster: what is lost, killed and stopped there, each for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import conformance
import pytest
from execute_command import RATES, config, train

from assay.core.errors import EngineError
from assay.core.records import run_id
from assay.core.store import Store
from assay.execution.executors import _ray_actor
from assay.execution.executors.executor import Job, Setup
from assay.execution.executors.ray import _ray, _start

ray = pytest.importorskip("ray", reason="needs the extra ray")

COMMAND = Path(__file__).parents[1] / "execute_command.py"
RUNS = [config(seed, rate) for seed in range(4) for rate in RATES]
NAMES = [run_id(c) for c in RUNS]


@pytest.fixture
def connected(cluster, misbehave) -> Iterator[str]:
    """The place to train, while this process is connected to the cluster."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield f"ray:{cluster.address}"
    ray.shutdown()


def test_everything_is_trained_once(tmp_path, connected):
    conformance.trains_all_once(tmp_path, connected)


def test_runs_begin_with_one_of_the_store(tmp_path, connected):
    conformance.begins_with_a_stored_run(tmp_path, connected)


def test_a_failed_run_stops_nobody(tmp_path, connected, monkeypatch, misbehave):
    misbehave(SOFTMAX_FAIL="1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monkeypatch, "delenv", lambda name: misbehave())
        conformance.a_failed_run_stops_nobody(tmp_path, connected, monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed")
    train(path, RUNS, executor="inline")
    return conformance.stored(path, RUNS)


def pids(cluster, node: int) -> list[int]:
    """The processes of one node of the cluster: its raylet and what that has started."""
    raylet = cluster.list_all_nodes()[node].all_processes["raylet"][0].process.pid
    found = [raylet]
    for parent in found:
        file = Path(f"/proc/{parent}/task/{parent}/children")
        found += [int(pid) for pid in file.read_text().split()]
    return found


class Kinds:
    """Notes the kinds of events, and does something when some have come."""

    def __init__(self, kind: str, times: int, act):
        self.kinds: list[str] = []
        self.messages: list[str] = []
        self._kind, self._times, self._act = kind, times, act

    def __call__(self, event) -> None:
        self.kinds.append(event.kind)
        if event.kind == "lost":
            self.messages.append(event.message)
        if event.kind == self._kind and self.kinds.count(self._kind) == self._times:
            self._act()


def whole(path: Path, undisturbed) -> bool:
    """All runs are there once, with the results of an undisturbed study."""
    with Store(path) as store:
        assert store.run_ids() == sorted(NAMES)
    return conformance.same_results(conformance.stored(path, RUNS), undisturbed)


def test_a_worker_that_is_killed_is_made_good(tmp_path, connected, misbehave, undisturbed):
    misbehave(SOFTMAX_KILL_ONCE="1 2", SOFTMAX_MARKER=str(tmp_path / "marker"))
    told = Kinds("", 0, None)
    summary, _ = train(tmp_path / "store", RUNS, executor=connected, on_event=told)
    assert (summary.trained, summary.failed) == (8, {})
    assert told.messages == ["its worker died"]
    assert whole(tmp_path / "store", undisturbed)


def test_a_machine_that_is_lost_and_one_that_joins(
    tmp_path, connected, cluster, misbehave, undisturbed
):
    """What trained there is trained elsewhere; a machine that joins in mid-study is used."""

    def replace_node() -> None:
        cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)
        cluster.add_node(wait=False, **cluster.node_arguments)

    misbehave(SOFTMAX_SLEEP="0.4")
    told = Kinds("finished", 1, replace_node)
    summary, _ = train(tmp_path / "store", RUNS, executor=connected, on_event=told)
    assert (summary.trained, summary.failed) == (8, {})
    assert told.messages
    assert set(told.messages) <= {"its machine was lost", "its machine cannot be reached"}
    assert whole(tmp_path / "store", undisturbed)
    assert len([n for n in ray.nodes() if n["Alive"]]) == 2


def test_a_machine_that_comes_back_with_runs_that_were_trained_again(
    tmp_path, connected, cluster, misbehave, undisturbed, monkeypatch
):
    """A network partition: one record of each run, whoever was first."""
    monkeypatch.setattr("assay.execution.executors._ray_actor.SILENT_SECONDS", 1.0)
    misbehave(SOFTMAX_SLEEP="0.4")
    stopped: list[int] = []

    def partition() -> None:
        stopped.extend(pids(cluster, 1))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    def heal() -> None:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    class Partition(Kinds):
        def __call__(self, event) -> None:
            super().__call__(event)
            if self.messages and self.kinds[-1] == "finished":
                heal()

    told = Partition("finished", 1, partition)
    try:
        summary, _ = train(tmp_path / "store", RUNS, executor=connected, on_event=told)
    finally:
        heal()
    assert (summary.trained, summary.failed) == (8, {})
    assert told.messages
    assert whole(tmp_path / "store", undisturbed)


def command(path: Path, place: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(COMMAND), str(path), "4", "3", place]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(arguments, start_new_session=True, **pipes)


def until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert any(word in line for line in process.stdout), process.communicate()[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_or_stopped_leaves_no_worker_and_goes_on(
    tmp_path, cluster, misbehave, undisturbed, number
):
    misbehave(SOFTMAX_SLEEP="0.3")
    place = f"ray:{cluster.address}"
    first = command(tmp_path, place)
    until(first, "finished")
    os.killpg(first.pid, number)
    _, err = first.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert first.returncode == 130, err
        assert err.startswith("interrupted: ")
        assert "Traceback" not in err
    misbehave()
    second = command(tmp_path, place)
    out, err = second.communicate(timeout=100)
    assert second.returncode == 0, err
    assert 0 < out.count("\nfinished") < 8
    assert whole(tmp_path, undisturbed)


def test_another_version_on_a_node_is_named(tmp_path, connected, monkeypatch):
    monkeypatch.setattr(
        "assay.execution.executors.ray.versions", lambda: {"torch": "1.0", "python": "3.11.7"}
    )
    with pytest.raises(
        EngineError, match=r"no worker of the Ray cluster can be used: .* has torch "
    ):
        train(tmp_path, RUNS[:1], executor=connected)


def refusing(nodes: list[str], slow: str) -> type:
    """Workers that cannot be used on some nodes, of which one takes longer to say so."""

    class Refusing(_ray_actor.RayWorker):
        def hello(self) -> tuple[str, str, str]:
            token, node, problem = super().hello()
            time.sleep(2 * (node == slow))
            return token, node, "other versions" if node in nodes else problem

    return Refusing


@pytest.mark.parametrize("all_of_them", [False, True])
def test_machines_of_another_version_are_left_out(
    tmp_path, connected, cluster, monkeypatch, undisturbed, all_of_them
):
    """They are asked once, and the study ends: without an error where others can train it."""
    nodes = [node.node_id for node in cluster.list_all_nodes()]
    refused = nodes if all_of_them else nodes[1:]
    worker = refusing(refused, nodes[1])
    monkeypatch.setattr("assay.execution.executors.ray.RayWorker", worker)
    told = Kinds("", 0, None)
    if all_of_them:
        with pytest.raises(EngineError, match="no worker of the Ray cluster can be used: other"):
            train(tmp_path, RUNS, executor=connected, on_event=told)
    else:
        summary, _ = train(tmp_path, RUNS, executor=connected, on_event=told)
        assert (summary.trained, summary.failed) == (8, {})
        assert whole(tmp_path, undisturbed)
    assert told.kinds.count("remark") == 1


def test_a_cluster_that_is_not_there_is_named_at_once(tmp_path):
    for place in ("ray://127.0.0.1:1", "ray:127.0.0.1:1"):
        with pytest.raises(
            EngineError, match=r"cannot connect to the Ray cluster at '.*127.0.0.1:1'"
        ):
            train(tmp_path, RUNS[:1], executor=place)


def test_a_cluster_that_does_not_answer_is_said_in_one_error(monkeypatch, tmp_path):
    def init(**_):
        warnings.warn("Ray Client connection timed out. Ensure that", stacklevel=2)
        raise ConnectionError("ray client connection timeout")

    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    assert _ray() is ray
    assert os.environ["GRPC_VERBOSITY"] == "NONE"  # gRPC would write of each attempt
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ray://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EngineError, match=rf"cluster at '{address}': ray client connection"):
            _start(SimpleNamespace(init=init), Setup(None, 1, address=address))


def test_a_ray_of_this_machine_listens_to_nobody_else(tmp_path, misbehave):
    misbehave(SOFTMAX_SLEEP="0.2")
    process = command(tmp_path, "ray")
    until(process, "finished")
    listening = addresses(process.pid)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert listening
    loopback = {"127.0.0.1", MAPPED}
    assert set(listening) <= loopback, listening
    end = time.monotonic() + 30
    while running(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not running(process.pid), "no process of Ray is left"


MAPPED = "0000000000000000ffff00000100007f"
"""127.0.0.1 as an address of IPv6 (::ffff:127.0.0.1), as /proc/net/tcp6 writes it."""


def running(session: int) -> list[int]:
    """Processes of a session, and those that Ray has put into groups of their own."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, its = file.read_text().rpartition(")")[2].split()[:4]
            found += [int(file.parent.name)] * (int(its) == session and state not in "ZX")
    return found


def addresses(session: int) -> list[str]:
    """Where processes of a session listen for TCP."""
    sockets = set()
    for pid in running(session):
        with suppress(OSError):
            sockets |= {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                host = bytes.fromhex(fields[1].partition(":")[0])
                found.append(".".join(map(str, host[::-1])) if table == "tcp" else host.hex())
    return found


def test_a_worker_is_not_given_up_because_nobody_has_asked_it(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_ray_actor.time, "monotonic", lambda: now[0])
    call = SimpleNamespace(remote=lambda *arguments: None)
    remote = _ray_actor.Remote(None, SimpleNamespace(hello=call, take=call, poll=call))
    remote.take(Job(0, SimpleNamespace(), "torch", SimpleNamespace(), 1.0, False), None)
    told = []
    now[0] = 100.0  # this process has read a dataset
    remote.spare(90.0)
    remote.mourn(told.append)
    assert not told
    now[0] = 170.0
    remote.mourn(told.append)
    assert [message.text for message in told] == ["its machine cannot be reached"]
