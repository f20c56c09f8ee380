"""The torch engine: choose a program for a cohort, run the loop, turn members into records."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from assay.core.machine import machine
from assay.core.records import Record, run_id, trial_id
from assay.data.dataset import Dataset, Split
from assay.engines.contract import Cohort, Member, Progress, Resources
from assay.engines.torch_engine.device import Place, describe, place
from assay.engines.torch_engine.images import DeviceSplit, to_device
from assay.engines.torch_engine.loop import Loop, Trained, evaluate
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.torch_engine.program import Program, StackedProgram, stackable
from assay.networks.network import initial_weights
from assay.tasks.contract import TASKS, Task

__all__ = ["TorchEngine"]

_STACK = 5
"""Members worth stacking on a CPU: with more, their weights push each other out of the cache."""

_ROWS = {True: 1000, False: 250}
"""Images at a time in evaluation, for stacked and for single programs."""


class TorchEngine:
    """Trains on PyTorch: dense networks stacked, all others member by member."""

    name = "torch"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError when the device or the precision is not there."""
        place(resources, str(cohort.members[0].config.get("precision", "auto")))

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Members of a stack: five on the CPU, a hundred on a GPU; one for what takes turns."""
        if not stackable(cohort.members[0].network):
            return 1
        return _STACK if place(resources).device.type == "cpu" else 100

    def describe(self, resources: Resources) -> dict[str, Any]:
        """Device, precision, threads and versions."""
        return describe(resources)

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train the members; see the contract."""
        if not len(dataset.validation):
            raise EngineError(
                f"dataset {dataset.name} has no validation images, and training is judged by them; "
                "expected dataset.validation > 0"
            )
        prepared = time.perf_counter()
        config = cohort.members[0].config
        where = place(resources, str(config.get("precision", "auto")))
        task = TASKS[cohort.task]
        splits = _Splits(dataset, task, where)
        stacked = stackable(cohort.members[0].network)
        groups = [cohort.members] if stacked else [(m,) for m in cohort.members]
        for turn, group in enumerate(groups):
            report = _in_turns(on_progress, turn, len(groups)) if not stacked else on_progress
            program = _program(group, where, task, stacked)
            blank = torch.from_numpy(-dataset.mean / np.maximum(dataset.std, 1e-6))
            loop = Loop(
                program,
                list(group),
                splits.train,
                splits.validation,
                dataset.validation.targets,
                task,
                report,
                _ROWS[stacked],
                blank.to(where.device),
            )
            prepare = (time.perf_counter() - prepared) / len(group)
            for k, trained in loop.run():
                if trained.status == "finished":
                    _finish(program, k, trained, splits, dataset, task, _ROWS[stacked])
                    if resources.save_weights:
                        trained.weights = program.weights(k)
                yield _record(
                    trained, dataset, len(group), prepare, self.describe(resources), where
                )
            prepared = time.perf_counter()


class _Splits:
    """The dataset on the device; the test part is put there only when a member is finished."""

    def __init__(self, dataset: Dataset, task: Task, where: Place):
        fit = dataset.fit_data

        def load(split: Split) -> DeviceSplit:
            return to_device(split, task.encode(split.targets), fit.mean, fit.std, where)

        self._load = load
        self.train, self.validation = load(fit.train), load(fit.validation)
        self._test: DeviceSplit | None = None

    def test(self, dataset: Dataset) -> DeviceSplit:
        """The test part."""
        if self._test is None:
            self._test = self._load(dataset.test)
        return self._test


def _program(group: tuple[Member, ...], where: Place, task: Task, stacked: bool) -> Program:
    weights = [initial_weights(m.network, m.seed) for m in group]
    kind = StackedProgram if stacked else ModuleProgram
    return kind(group, weights, where, task)


def _in_turns(
    on_progress: Callable[[Progress], None], turn: int, turns: int
) -> Callable[[Progress], None]:
    """Progress of one member of several that train one after the other."""

    def report(p: Progress) -> None:
        on_progress(Progress(p.images, (turn + p.fraction) / turns, turns - turn, p.latest))

    return report


def _finish(
    program: Program,
    k: int,
    trained: Trained,
    splits: _Splits,
    dataset: Dataset,
    task: Task,
    rows: int,
) -> None:
    """Restore the best weights if asked for, then read the test part, once."""
    started = time.perf_counter()
    if trained.best_weights is not None:
        program.restore(k, trained.best_weights)
    outputs, loss = evaluate(program, splits.test(dataset), task, rows)
    kept = task.predictions({h: o[k] for h, o in outputs.items()})
    at = trained.result_at()
    for name, curve in trained.curves.items():
        if name.startswith("val_"):
            trained.metrics[name] = curve[at]
    measured = task.metrics(kept, dataset.test.targets)
    trained.metrics |= {f"test_{name}": number for name, number in measured.items()}
    trained.metrics["test_loss"] = float(loss[k])
    trained.predictions = {f"test_{name}": array for name, array in kept.items()}
    trained.predictions["test_target"] = dataset.test.targets
    trained.seconds["evaluate"] += time.perf_counter() - started


def _record(
    trained: Trained,
    dataset: Dataset,
    size: int,
    prepare: float,
    description: dict[str, Any],
    where: Place,
) -> Record:
    config = trained.member.config
    network = trained.member.network
    curves = {name: np.asarray(c, np.float64) for name, c in trained.curves.items()}
    seen = trained.curves["epoch"][-1] * len(dataset.train)
    timing = {**trained.seconds, "prepare": prepare}
    timing["images_per_second"] = seen / max(trained.seconds["train"], 1e-9)
    metrics = {
        **trained.metrics,
        "best_epoch": float(trained.curves["epoch"][trained.best_at]),
        "epochs": float(trained.curves["epoch"][-1]),
        "steps": float(trained.steps),
    }
    provenance = {
        **description,
        **machine(),
        "precision": where.precision,
        "cohort": size,
        "process": os.getpid(),
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset_fingerprint": dataset.fingerprint,
        "parameters": network.parameters,
        "macs": network.macs,
        "network": network.hash,
    }
    return Record(
        run_id=run_id(config),
        trial_id=trial_id(config),
        seed=trained.member.seed,
        status=trained.status,  # type: ignore[arg-type]
        config=config,
        curves=curves,
        metrics=metrics,
        predictions=trained.predictions,
        timing=timing,
        provenance=provenance,
        weights=trained.weights,
        message=trained.message,
    )
