"""The default engine's program for dense networks on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from assay.core.cores import physical_cores
from assay.core.machine import cpu_name
from assay.core.records import Record
from assay.data.dataset import Dataset, Split
from assay.engines.compiled.compiling import features, once
from assay.engines.compiled.coverage import precision_of, torch_version
from assay.engines.compiled.pictures import Pixels
from assay.engines.compiled.program import CompiledProgram
from assay.engines.compiled.rules import rule, step_of
from assay.engines.compiled.trainer import CompiledTrainer
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.recording import train_groups
from assay.networks.network import initial_weights
from assay.tasks.task import find_task

__all__ = ["describe", "prepare", "train"]

COMPILING = "compiling the program for dense networks, once (about 10 s)"


def describe(resources: Resources, precision: str = "auto") -> dict[str, object]:
    """Return device, precision and versions, as PyTorch's programs do."""
    able = {"avx512f": "avx512_f", "avx2": "avx2"}
    return {
        "engine": "torch",
        "torch": torch_version(),
        "program": "compiled",
        "device": "cpu",
        "device_name": cpu_name(),
        "precision": precision_of(resources, precision),
        "threads": 1,
        "cpu_features": [name for flag, name in able.items() if flag in features()],
    }


def train(
    cohort: Cohort,
    dataset: Dataset,
    resources: Resources,
    on_progress: Callable[[Progress], None],
) -> Iterator[Record]:
    """Train the members of a cohort that `coverage.covers` accepts; see `Engine.train`."""
    precision = str(cohort.members[0].config.get("precision", "auto"))
    said = describe(resources, precision)
    dtype, task = np.dtype(str(said["precision"])), find_task(cohort.task)
    threads = resources.threads or physical_cores()
    prepare(cohort.members[0], dtype, lambda said: on_progress(Progress(0, 0.0, 1, remark=said)))
    started = time.perf_counter()  # a program is compiled once, for all runs on this machine
    pictures = Pixels(dataset.fit_data, dataset.read_test, task, dtype)

    def make_trainer(group: Sequence[Member]) -> CompiledTrainer:
        programs = [CompiledProgram(m, initial_weights(m.network, m.seed), dtype) for m in group]
        return CompiledTrainer(programs, pictures, threads, task)

    members = cohort.members
    yield from train_groups(
        [members[i : i + threads] for i in range(0, len(members), threads)],
        make_trainer,
        dataset,
        task,
        lambda: said,
        on_progress,
        resources=resources,
        started=started,
    )


def prepare(member: Member, dtype: np.dtype, say: Callable[[str], None]) -> None:
    """Compile the pieces for a member, unless they are cached, and report this."""
    kinds = {type(place.layer).__name__ for place in member.network.places()}
    step = step_of(member)
    assert step is not None
    with once("-".join([dtype.name, rule(step).name, *sorted(kinds)])) as missing:
        if missing:
            say(COMPILING)
            program = CompiledProgram(member, initial_weights(member.network, member.seed), dtype)
            shape = member.network.input_shape
            one = Split(np.zeros((1, *shape), np.uint8), np.zeros(1, np.int64))
            flat = np.ones(shape[-1], np.float32)
            few = Dataset({"name": "one"}, one, one, one, (), flat, flat, "one")
            pictures = Pixels(few.fit_data, few.read_test, find_task("classify"), dtype)
            still = np.zeros((0, 3), np.int64)
            program.train(pictures, np.zeros(1, np.int64), still, np.ones(1), np.zeros(2))
            program.evaluate(pictures, pictures.validation)
