"""From members to records, for tasks that train several networks together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from assay.core.errors import EngineError
from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.checkpoints import unpack
from assay.engines.engine import Cohort, Progress, Resources, check_fixed
from assay.engines.recording import begin, in_turns, make_record
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.trainer import DeviceDataset
from assay.engines.trained import Trained
from assay.subjects.generation.judge import Judge
from assay.subjects.generation.latents import point, way
from assay.subjects.generation.parts import LEAST
from assay.subjects.generation.training.adversarial import AdversarialProgram
from assay.subjects.generation.training.autoencoding import AutoencodingProgram
from assay.subjects.generation.training.flow import FlowProgram
from assay.subjects.generation.training.loop import PartsLoop
from assay.subjects.generation.training.parts import PartsProgram
from assay.subjects.generation.training.trainer import STEPS, PartsTrainer
from assay.tasks.task import TASKS, Task

__all__ = ["PROGRAM", "PROGRAMS", "PartsTraining", "check_parts", "train_parts"]

PROGRAMS: dict[str, type[PartsProgram]] = {
    "adversarial": AdversarialProgram,
    "autoencode": AutoencodingProgram,
    "flow_matching": FlowProgram,
}
"""Name of the task -> what trains it."""

SAMPLES, NEAREST = 64, 4
"""Number of random pictures in a record, and of nearest training pictures of each."""


def check_parts(cohort: Cohort) -> None:
    """Raise EngineError for settings that do not apply to several networks."""
    check_fixed(cohort, f"task {cohort.task_name}", "leave it out")
    for member in cohort.members:
        spec = member.config.get("dataset") or {}
        if "normalize" in spec:
            raise EngineError(
                f"task {cohort.task_name} needs pixels from -1 to 1, got dataset.normalize "
                f"{spec['normalize']!r}; leave it out",
                "dataset.normalize",
            )
        if member.training.test_curve:
            raise EngineError(
                f"task {cohort.task_name} supports no test curve, got test_curve true",
                "training.test_curve",
            )
        stopping = member.training.early_stopping
        has_loss = getattr(TASKS[cohort.task_name], "has_loss", False)
        known = ("val_distance", "val_loss") if has_loss else ("val_distance",)
        if stopping and stopping.monitor not in known:
            raise EngineError(
                f"early_stopping.monitor {stopping.monitor!r} is not measured by task "
                f"{cohort.task_name}; use {' or '.join(known)}",
                "training.early_stopping.monitor",
            )


def train_parts(
    cohort: Cohort,
    dataset: Dataset,
    resources: Resources,
    where: DevicePlace,
    task: Task,
    describe: Callable[[], dict[str, object]],
    on_progress: Callable[[Progress], None],
) -> Iterator[Record]:
    """Train the members one after the other; yield each record as soon as it is ready.

    Raises:
        EngineError: the dataset has too few validation or test pictures.
    """
    started = time.perf_counter()
    for name, part in (("validation", dataset.validation), ("test", dataset.test)):
        if len(part) < LEAST[name]:
            raise EngineError(
                f"dataset {dataset.name} has {len(part)} {name} images, which evaluate the "
                f"generated ones; expected at least {LEAST[name]}"
            )
    middle = np.full(dataset.image_shape[-1], 127.5, np.float32)
    dataset = replace(dataset, mean=middle, std=middle)
    fit = dataset.fit_data
    judge = Judge(fit, dataset.read_test, getattr(task, "features", 0))
    data = DeviceDataset(fit, dataset.read_test, task, where)
    for turn, member in enumerate(cohort.members):
        trained = begin(member, dataset, describe(), resources)
        program = PROGRAMS[task.name](member, where, task, fit)
        trainer = PartsTrainer(program, member, data, fit, judge, where)
        state = trained.checkpoint.load()
        if state is not None:
            trainer.load(0, unpack(state, trained))
        report = in_turns(on_progress, turn, len(cohort.members))
        loop = PartsLoop(trainer, [trained], fit, task, trainer.points, report)
        prepare = time.perf_counter() - started
        for _ in loop.run():
            _finish(trainer, trained)
            if resources.save_weights and trained.status == "finished":
                trained.weights = program.weights()
            yield make_record(trained, dataset, {**describe(), "cohort": 1}, prepare)
        started = time.perf_counter()


def _finish(trainer: PartsTrainer, trained: Trained) -> None:
    """Restore the best weights if requested, read the test part, once, and record pictures.

    The recorded pictures of a diverged run are kept. A run that only serves to select does not read
    the test part.
    """
    started = time.perf_counter()
    if trainer.film:
        trained.predictions["film"] = np.stack([pictures for _, pictures in trainer.film])
        trained.predictions["film_step"] = np.array([n for n, _ in trainer.film], np.int64)
    if trained.status != "finished":
        return
    program = trainer.program
    if trained.best_weights is not None:
        trainer.restore(0, trained.best_weights)
        program.prepare(trainer.data.train)
    at = trained.result_at()
    for name, curve in trained.curves.items():
        if name.startswith("val_"):
            trained.metrics[name] = curve[at]
    start, end = (point(program.prior, seed)[0] for seed in (1, 2))
    samples = program.make(point(program.prior, 0, SAMPLES))
    near, apart = trainer.judge.nearest(samples, NEAREST)
    trained.predictions |= {
        "samples": samples,
        "samples_nearest": near,
        "samples_distance": apart,
        "interpolation": program.make(way(program.prior, start, end, STEPS)),
    }
    if not trained.member.validation_only:
        tested = trainer.tested()
        trained.metrics |= {f"test_{name}": number for name, number in tested.items()}
        trained.predictions |= program.extras(trainer.data.test())
    trained.seconds["evaluate"] += time.perf_counter() - started


class PartsTraining:
    """The program of the torch engine for several networks."""

    check = staticmethod(check_parts)
    train = staticmethod(train_parts)


PROGRAM = PartsTraining()
