"""assay's default engine, with jobs and workers as in a study.

A worker trains its jobs with `DefaultEngine.train`, in a thread if the engine supports it, else in
a process. The time is the training time of the records, without the start of workers, loading of
data, compiling, initial weights and evaluation.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from assay.core.cores import physical_cores
from assay.core.machine import machine
from assay.data.dataset import Dataset, Split
from assay.engines.engine import Cohort, Member, Resources
from assay.engines.torch_engine.front import DefaultEngine
from assay.engines.training import Training
from assay.execution.executors.processes import worker_environment
from assay.execution.jobs import cut
from assay.networks.families import build_network
from protocol import CLASSES, IMAGES, Measured, Setup, family_of, images, main, timed

COHORTS = {"one run": 1, "cohort of 5": 5, "cohort of 20": 20}
FIRST_STEPS = 4
EVALUATED = 256
"""Images in the validation and test parts, whose evaluation is not counted."""


@dataclass(frozen=True)
class Shares:
    """Who trains what: for each worker its jobs, each a list of members; threads of a worker.

    `turns` is 1 where all is measured. Networks that cannot be stacked are the same job over and
    over: only the first turn is measured, with a job for every worker, and the cohort takes
    `turns` times as long.
    """

    workers: tuple[tuple[tuple[int, ...], ...], ...]
    threads: int
    turns: int


class AssayPeer:
    """The parent: cuts a cohort as `assay run` does and lets the workers train side by side."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.cores = physical_cores()
        self.engine = DefaultEngine()
        self.shares = {variant: self._share(size) for variant, size in COHORTS.items()}
        self.steps = dict.fromkeys(COHORTS, FIRST_STEPS)
        resources = Resources("cpu", setup.precision)
        cohort = Cohort(tuple(_members(setup, range(1), 1)))
        self.data = dataset(setup.side) if self.engine.in_threads(cohort, resources) else None
        os.environ.update(worker_environment(1))
        self.ends = [] if self.data else [self._start() for _ in range(self.cores)]

    def prepare(self) -> dict[str, Any]:
        """Let every worker make the images, then find how many steps to take."""
        for variant in COHORTS:
            self._measure(variant, min(0.5, self.setup.seconds))
        torch = version("torch")
        return {
            "variants": list(COHORTS),
            "settings": {
                v: _in_words(share, self.data is not None) for v, share in self.shares.items()
            },
            "threads": self.cores,
            "versions": {"assay": machine()["assay"], "torch": torch},
        }

    def measure(self, variant: str) -> Measured:
        """Train a cohort for about the time asked for."""
        return self._measure(variant, self.setup.seconds)

    def _measure(self, variant: str, seconds: float) -> Measured:
        share = self.shares[variant]
        batch = COHORTS[variant] * self.setup.batch / share.turns
        found = timed(partial(self._train, share), batch, self.steps[variant], seconds)
        rate = found.images / found.seconds
        self.steps[variant] = max(2, round(rate * self.setup.seconds / batch))
        return found

    def _train(self, share: Shares, steps: int) -> float:
        """Train on all workers; returns the training seconds of the one that took longest."""
        if self.data is not None:
            works = [work for work in share.workers if work]
            with ThreadPoolExecutor(len(works)) as pool:
                return max(pool.map(lambda work: self._in_thread(work, steps), works))
        busy = [(end, w) for end, w in zip(self.ends, share.workers, strict=True) if w]
        for end, work in busy:
            end.send((work, steps, share.threads))
        return max(end.recv() for end, _ in busy)

    def _in_thread(self, work: Sequence[Sequence[int]], steps: int) -> float:
        assert self.data is not None
        return sum(_train(self.engine, self.data, self.setup, job, steps, 1) for job in work)

    def _share(self, size: int) -> Shares:
        """Cut a cohort into jobs, then let the worker that is free first take the next."""
        cohort = Cohort(tuple(_members(self.setup, range(size), 1)))
        limit = self.engine.limit(cohort, Resources("cpu", self.setup.precision))
        parts = cut([cohort], lambda c: IMAGES, lambda c: limit, self.cores)
        jobs = [tuple(m.seed for m in part.cohort.members) for part in parts]
        threads = max(1, self.cores // min(self.cores, len(jobs)))
        turns = 1 if limit > 1 else -(-len(jobs) // self.cores)
        given: list[list[tuple[int, ...]]] = [[] for _ in range(self.cores)]
        loads = [(0, worker) for worker in range(self.cores)]
        for job in jobs[: self.cores] if turns > 1 else jobs:
            load, worker = loads[0]
            heapq.heapreplace(loads, (load + len(job), worker))
            given[worker].append(job)
        return Shares(tuple(tuple(g) for g in given), threads, turns)

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        context.Process(target=_work, args=(theirs, self.setup), daemon=True).start()
        theirs.close()
        return ours


def _in_words(share: Shares, compiled: bool) -> str:
    sizes = [" then ".join(str(len(job)) for job in work) for work in share.workers if work]
    turns = f", {share.turns} turns" if share.turns > 1 else ""
    workers = "threads, compiled" if compiled else f"x {share.threads} thread(s)"
    return f"{len(sizes)} {workers}, runs {' + '.join(sizes)}{turns}"


def _work(connection: Connection, setup: Setup) -> None:
    """The life of a worker: lists of jobs in, seconds out."""
    data = dataset(setup.side)
    engine = DefaultEngine()
    while True:
        try:
            jobs, steps, threads = connection.recv()
        except EOFError:
            return
        connection.send(sum(_train(engine, data, setup, job, steps, threads) for job in jobs))


def _train(
    engine: DefaultEngine,
    dataset: Dataset,
    setup: Setup,
    seeds: Sequence[int],
    steps: int,
    threads: int,
) -> float:
    resources = Resources("cpu", setup.precision, threads, save_weights=False)
    cohort = Cohort(tuple(_members(setup, seeds, steps)))
    records = engine.train(cohort, dataset, resources, lambda progress: None)
    return sum(record.timing["train"] for record in records)


def _members(setup: Setup, seeds: Sequence[int], steps: int) -> list[Member]:
    network = build_network(family_of(setup.model), (setup.side, setup.side, 1), {"class": CLASSES})
    training = Training(steps=steps, batch_size=setup.batch, evaluate_every=steps)
    return [
        Member({"precision": setup.precision, "seed": seed}, network, training, seed)
        for seed in seeds
    ]


def dataset(side: int, count: int = IMAGES) -> Dataset:
    """Random pictures."""
    pictures, labels = (array[:count] for array in images(side))
    small = Split(pictures[:EVALUATED], labels[:EVALUATED])
    return Dataset(
        spec={"name": "random"},
        train=Split(pictures, labels),
        validation=small,
        test=small,
        class_names=tuple("0123456789"),
        mean=pictures.mean((0, 1, 2), dtype=np.float64).astype(np.float32),
        std=pictures.std((0, 1, 2), dtype=np.float64).astype(np.float32),
        fingerprint="random",
    )


if __name__ == "__main__":
    main(AssayPeer)
