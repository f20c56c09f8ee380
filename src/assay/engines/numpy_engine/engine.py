"""The numpy engine: members take turns, each in the loop that all engines share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from assay.core.errors import EngineError, unknown_name
from assay.core.machine import cpu_name
from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.engine import Cohort, Member, Progress, Resources, check_fixed, check_weights
from assay.engines.numpy_engine.losses import LOSSES
from assay.engines.numpy_engine.model import Model, check_layers
from assay.engines.numpy_engine.optimizers import slot_to_try
from assay.engines.numpy_engine.trainer import NormalDataset, NumpyTrainer
from assay.engines.optimizers.optimizer import try_step
from assay.engines.recording import train_groups
from assay.engines.targets import soft_rows
from assay.networks.network import initial_weights
from assay.tasks.task import find_task

__all__ = ["NumpyEngine"]

PRECISIONS = {"auto": np.dtype(np.float32)} | {n: np.dtype(n) for n in ("float32", "float64")}


class NumpyEngine:
    """Trains dense networks on the CPU, with NumPy's arrays and matrix products only."""

    name = "numpy"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError for a device, precision, task or layer that this engine lacks."""
        if resources.device not in ("auto", "cpu"):
            known = resources.device.partition(":")[0] in ("cuda", "mps")
            raise EngineError(
                f"the numpy engine computes on the CPU only, got device {resources.device!r}"
                if known
                else unknown_name("device", resources.device, ["auto", "cpu"]),
                "device",
            )
        _dtype(resources, str(cohort.members[0].config.get("precision", "auto")))
        if cohort.task_name not in LOSSES:
            said = unknown_name("task of the numpy engine", cohort.task_name, LOSSES)
            raise EngineError(said, "task")
        check_fixed(cohort, "the numpy engine", "use --engine torch")
        for member in cohort.members:
            check_weights(member, "numpy")
            try_step(member.training.optimizer, "numpy", slot_to_try)
            check_layers(member.network)

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Members take turns."""
        return 1

    def describe(self, resources: Resources) -> dict[str, object]:
        """Precision, threads and versions."""
        _limit_threads(resources)
        libraries = [i for i in threadpool_info() if i["user_api"] == "blas"]
        names = {f"{i['internal_api']} {i.get('version') or ''}".strip() for i in libraries}
        threads = max((i["num_threads"] for i in libraries), default=os.cpu_count() or 1)
        return {
            "engine": "numpy",
            "numpy": np.__version__,
            "device": "cpu",
            "device_name": cpu_name(),
            "precision": _dtype(resources, "auto").name,
            "threads": threads,
            "blas": ", ".join(sorted(names)),
        }

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train the members; see `Engine`."""
        started = time.perf_counter()
        _limit_threads(resources)
        dtype = _dtype(resources, str(cohort.members[0].config.get("precision", "auto")))
        task = find_task(cohort.task)
        data = NormalDataset(dataset.fit_data, dataset.read_test, task, dtype)

        def make_trainer(group: Sequence[Member]) -> NumpyTrainer:
            (member,) = group
            weights = initial_weights(member.network, member.seed)
            model = Model(member.network, weights, member.seed, dtype)
            soft = soft_rows(member.training, task, dataset)
            soft = None if soft is None else soft.astype(dtype)
            return NumpyTrainer(member, model, data, cohort.task_name, soft)

        yield from train_groups(
            [(member,) for member in cohort.members],
            make_trainer,
            dataset,
            task,
            lambda: {**self.describe(resources), "precision": dtype.name},
            on_progress,
            resources=resources,
            started=started,
        )


def _limit_threads(resources: Resources) -> None:
    if resources.threads:
        threadpool_limits(resources.threads, user_api="blas")


def _dtype(resources: Resources, precision: str) -> np.dtype:
    """Return the number format; raise EngineError if NumPy does not have it."""
    wish = precision if resources.precision == "auto" else resources.precision
    if wish == "bfloat16":
        raise EngineError(
            "the numpy engine computes in float32 or float64, got precision 'bfloat16', which "
            "NumPy does not have",
            "precision",
        )
    if wish not in PRECISIONS:
        raise EngineError(unknown_name("precision", wish, PRECISIONS), "precision")
    return PRECISIONS[wish]
