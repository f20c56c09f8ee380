"""The executor of a Ray cluster: long-lived actors, one for each GPU or for some cores.

A job goes to an actor, which trains it in a thread and keeps what there is to report until it has
been fetched: a report that is lost on the way is fetched again. Nothing is retried by Ray. An actor
that stays silent, or comes back as another process, has lost its job; which of the job's runs are
trained again is decided by their names, from what is stored by then.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import length_hint
from typing import Any, ClassVar

from assay.core.errors import EngineError, MissingExtraError, install_extra
from assay.core.options import number
from assay.data import load
from assay.engines.engine import Resources
from assay.execution.executors._ray_actor import RayWorker, Remote
from assay.execution.executors.executor import EXECUTORS, Capacity, Job, Message, Node, Setup
from assay.execution.executors.processes import SAVE_SECONDS, TICK_SECONDS, worker_environment
from assay.execution.versions import versions

__all__ = ["Ray"]

REACH_SECONDS = 5.0
"""How long the address of a cluster may take to answer."""

GROW_SECONDS = 5.0
"""How often it is seen whether machines have joined the cluster."""


@EXECUTORS.add("ray")
class Ray:
    """Trains in actors of a Ray cluster.

    The address is "" for a Ray of this machine alone, "auto" for the cluster that this machine
    belongs to, "ray://HOST:PORT" for one elsewhere, or HOST:PORT of a cluster's head.
    """

    OPTIONS: ClassVar = {
        "num_cpus": number(
            None, above=0, help="CPU cores per worker [1, or the cores for each GPU]."
        ),
        "num_gpus": number(None, low=0, help="GPUs per worker; 0.5 puts two workers on each."),
    }

    def __init__(self, setup: Setup):
        self._setup, self._workers = setup, list[Remote]()
        self._data: dict[str, Any] = {}
        self._ray: Any = None
        self._own, self._looked, self._asked, self._places = False, 0.0, 0.0, 0
        self._told = set[str]()
        self._needs = {"num_cpus": 1.0, "num_gpus": 0.0}

    def capacity(self, resources: Resources) -> Capacity:
        """What the cluster has now; machines that join later are used as well."""
        ray = self._connect()
        nodes = [n for n in ray.nodes() if n["Alive"]]
        cpus, gpus = self._share(resources, nodes)
        self._needs = {"num_cpus": cpus, "num_gpus": gpus}
        found = [_node(n) for n in nodes]
        wanted = self._setup.workers or sum(_places(n, cpus, gpus) for n in nodes)
        if not wanted:
            had = ", ".join(f"{n.cpus} cores and {n.gpus} GPUs" for n in found) or "nothing"
            said = f"a worker needs {cpus:g} cores and {gpus:g} GPUs, its machines have {had}"
            raise EngineError(f"the Ray cluster has no room for a worker: {said}")
        memory = min(
            (n.memory // max(1, int(n.cpus // cpus)) for n in found if n.memory), default=0
        )
        return Capacity(
            wanted,
            int(max(1, cpus)),
            "cuda" if gpus else "cpu",
            0 if gpus else memory,
            least_seconds=60.0,
            nodes=tuple(found),
        )

    def _share(self, resources: Resources, nodes: list[Any]) -> tuple[float, float]:
        """Cores and GPUs of a worker."""
        options = dict(self._setup.options)
        gpus = options.get("num_gpus")
        if gpus is None:
            there = any(n["Resources"].get("GPU") for n in nodes)
            gpus = float(there and resources.device != "cpu")
        return options.get("num_cpus") or float(resources.threads or 1), gpus

    def run(
        self, jobs: Iterator[Job], send: Callable[[Message], None], stop: Callable[[], bool]
    ) -> None:
        """Train all jobs; see `Executor.run`."""
        ray, whole, more = self._connect(), False, True
        try:
            while not stop():
                self._grow(length_hint(jobs), send)
                for worker in self._workers:
                    alone = any(w.job and w.job.alone for w in self._workers)
                    if not (more and worker.ready and not alone):
                        continue
                    job = next(jobs, None)
                    more = job is not None
                    if job is not None:
                        worker.take(job, self._dataset(job))
                if not more and not any(w.busy for w in self._workers):
                    whole = self._setup.keep
                    return
                self._hear(ray, send, False)
                send(Message("tick"))
            if any(worker.training for worker in self._workers):
                send(Message("stopping"))
            end = time.monotonic() + SAVE_SECONDS
            while any(w.training for w in self._workers) and time.monotonic() < end:
                self._hear(ray, send, True)
                send(Message("tick"))
        finally:
            if not whole:
                self.close()

    def close(self) -> None:
        """End the actors, and the Ray of this machine if it was started here."""
        if self._ray is None:
            return
        for worker in self._workers:
            with suppress(Exception):
                self._ray.kill(worker.actor)
        self._workers, self._data = [], {}
        if self._own:
            self._ray.shutdown()
        self._ray = None

    def _connect(self) -> Any:
        if self._ray is None:
            self._ray = _ray()
            self._own = not self._ray.is_initialized()
            if self._own:
                _start(self._ray, self._setup)
        return self._ray

    def _grow(self, left: int, send: Callable[[Message], None]) -> None:
        """Start workers while there are jobs for them, on machines that joined later, too.

        A worker that cannot be used keeps its place, which Ray would give to the next one.
        """
        now = time.monotonic()
        if not self._looked or now - self._looked > GROW_SECONDS:
            self._looked = now
            nodes = [n for n in self._ray.nodes() if n["Alive"]]
            self._places = sum(_places(n, *self._needs.values()) for n in nodes)
        problems = [worker.problem for worker in self._workers if worker.problem]
        for problem in dict.fromkeys(problems):
            if problem not in self._told:
                self._told.add(problem)
                send(Message("remark", text=f"a worker is not used: {problem}"))
        if problems and len(problems) >= self._places:
            raise EngineError(f"no worker of the Ray cluster can be used: {problems[-1]}")
        used = [worker for worker in self._workers if not worker.problem]
        idle = sum(worker.job is None for worker in used)
        room = (self._setup.workers or self._places - len(problems)) - len(used)
        for _ in range(min(left - idle, room)):
            self._workers.append(Remote(self._ray, self._actor()))

    def _actor(self) -> Any:
        environment = worker_environment(int(max(1, self._needs["num_cpus"])))
        if "KERAS_BACKEND" in os.environ:
            environment["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
        how = {
            **self._needs,
            "max_restarts": -1,
            "max_task_retries": 0,
            "scheduling_strategy": "SPREAD",
            "runtime_env": {"env_vars": environment},
        }
        return self._ray.remote(**how)(RayWorker).remote(self._setup, versions(), sys.path)

    def _dataset(self, job: Job) -> Any:
        """The job's dataset in the object store, put there once; None where each node makes it."""
        spec = job.cohort.members[0].config["dataset"]
        key = json.dumps(spec, sort_keys=True)
        if key not in self._data:
            dataset = load(spec, self._setup.data_dir)
            self._data[key] = None if dataset.fresh else self._ray.put(dataset)
        return self._data[key]

    def _hear(self, ray: Any, send: Callable[[Message], None], stop: bool) -> None:
        before, self._asked = self._asked, time.monotonic()
        for worker in self._workers if before else ():
            worker.spare(max(0.0, self._asked - before - 2 * TICK_SECONDS))
        asked = {ref: w for w in self._workers if (ref := w.ask(stop)) is not None}
        if not asked:
            time.sleep(TICK_SECONDS)
            return
        ready, _ = ray.wait(list(asked), num_returns=1, timeout=TICK_SECONDS)
        if ready:
            ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
        for ref in ready:
            asked[ref].hear(ref, send)
        for worker in self._workers:
            worker.mourn(send)


def _ray() -> Any:
    """The library, told what it must not do."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what fails is an exception as well
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(f"--on ray needs the extra ray: {install_extra('ray')}") from error
    return ray


def _start(ray: Any, setup: Setup) -> None:
    """Connect to a cluster, or start one that listens to this machine alone."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    address = setup.address
    with _own_signals(), warnings.catch_warnings(action="ignore"):
        try:
            if address:
                _reach(address)
                ray.init(address=address, **quiet)
                return
            with _loopback():
                how = {"num_cpus": setup.workers} if setup.workers else {}
                here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
                ray.init(address="local", **here, **how, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            where = f"connect to the Ray cluster at {address!r}" if address else "start Ray here"
            hint = "; `ray start --head` starts one" if address == "auto" else ""
            raise EngineError(f"cannot {where}: {said}{hint}") from error


def _reach(address: str) -> None:
    """Raise OSError where nobody listens; Ray itself would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals, some of which Ray takes for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number_, handler in before.items():
            signal.signal(number_, handler)


@contextmanager
def _loopback() -> Iterator[None]:
    """Let a Ray that starts here listen on 127.0.0.1; by itself it takes the address by which other
    machines reach this one."""
    from ray._private import ray_constants

    name, before = "ENABLE_RAY_CLUSTER", ray_constants.ENABLE_RAY_CLUSTER
    variable = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    try:
        setattr(ray_constants, name, False)
        os.environ[variable] = "0"
        yield
    finally:
        setattr(ray_constants, name, before)
        os.environ.pop(variable, None)


def _places(node: Any, cpus: float, gpus: float) -> int:
    """Workers that a node of Ray has room for."""
    has = node["Resources"]
    room = int(has.get("CPU", 0) // cpus)
    return min(room, int(has.get("GPU", 0) // gpus)) if gpus else room


def _node(node: Any) -> Node:
    has = node["Resources"]
    name = str(node.get("NodeManagerHostname") or node.get("NodeManagerAddress"))
    return Node(name, int(has.get("CPU", 0)), int(has.get("GPU", 0)), int(has.get("memory", 0)))
