"""The keras engine: members take turns, each through Keras's own `model.fit`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy as np

from assay.core.errors import EngineError, unknown_name
from assay.core.machine import cpu_name
from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.engine import (
    Cohort,
    Progress,
    Resources,
    check_fixed,
    check_looks,
    check_weights,
)
from assay.engines.keras_engine.backend import backend_name, check_keras, load_keras
from assay.engines.keras_engine.build import described_kernels
from assay.engines.keras_engine.calls import layer_call, optimizer_call
from assay.engines.keras_engine.fitting import KerasRun
from assay.engines.numpy_engine.trainer import NormalDataset
from assay.engines.recording import check_validation, finish, in_turns, make_record
from assay.engines.targets import soft_rows
from assay.networks.modules import OwnNetwork
from assay.tasks.task import TASKS

__all__ = ["KerasEngine", "number_format"]

POLICIES = {
    "auto": "float32",
    "float32": "float32",
    "float64": "float64",
    "bfloat16": "mixed_bfloat16",
}
"""Precision -> Keras's dtype policy."""


class KerasEngine:
    """Trains with Keras 3 on TensorFlow, JAX or PyTorch (env KERAS_BACKEND)."""

    name = "keras"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError for cohorts that this engine cannot train; does not import Keras.

        Raises:
            MissingExtraError: Keras or its backend is not installed.
            EngineError: a device, precision, task, layer or schedule that this engine lacks.
        """
        check_keras()
        if resources.device not in ("auto", "cpu"):
            known = resources.device.partition(":")[0] in ("cuda", "mps")
            raise EngineError(
                f"the keras engine leaves the device to its backend, got device "
                f"{resources.device!r}; expected auto or cpu"
                if known
                else unknown_name("device", resources.device, ["auto", "cpu"]),
                "device",
            )
        _precision(resources, str(cohort.members[0].config.get("precision", "auto")))
        if cohort.task_name != "classify":
            name = cohort.task_name
            said = unknown_name("task of the keras engine", name, ["classify"])
            raise EngineError(said, "task")
        check_fixed(cohort, "the keras engine", "use --engine torch")
        check_looks(cohort, "keras")
        for member in cohort.members:
            check_weights(member, "keras")
            if member.training.stop_after:
                raise EngineError(
                    "the keras engine cannot resume training, got training.stop_after "
                    f"{member.training.stop_after!r}; use --engine torch",
                    "training.stop_after",
                )
            if member.training.minutes:
                raise EngineError(
                    "the keras engine trains by updates and keeps no time limit, got "
                    f"training.minutes {member.training.minutes!r}; use --engine torch",
                    "training.minutes",
                )
            own = isinstance(member.network, OwnNetwork)
            for place in () if own else member.network.leaves():
                layer_call(place.layer, place.name)
            kernels = ({}, []) if own else described_kernels(member.network)
            optimizer_call(member.training, 1, 1, *kernels)

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Members take turns."""
        return 1

    def describe(self, resources: Resources) -> dict[str, object]:
        """Return backend, precision and versions, without importing Keras."""
        check_keras()
        backend = backend_name()
        package = "tensorflow_cpu" if backend == "tensorflow" and _lacks(backend) else backend
        return {
            "engine": "keras",
            "keras": version("keras"),
            "backend": f"{backend} {version(package)}",
            "numpy": np.__version__,
            "device": resources.device,
            "device_name": cpu_name(),
            "precision": POLICIES[_precision(resources, "auto")],
            "threads": resources.threads,
        }

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Train the members; see `Engine`.

        Raises:
            EngineError: the dataset has no validation images.
        """
        self.check(cohort, resources)
        check_validation(dataset)
        started = time.perf_counter()
        precision = _precision(resources, str(cohort.members[0].config.get("precision", "auto")))
        keras, task = load_keras(resources.threads), TASKS["classify"]
        dtype = np.dtype(np.float64 if precision == "float64" else np.float32)
        data = NormalDataset(dataset.fit_data, dataset.read_test, task, dtype)
        description = {**self.describe(resources), "precision": POLICIES[precision], "cohort": 1}
        for turn, member in enumerate(cohort.members):
            where = keras.device("cpu:0") if resources.device == "cpu" else nullcontext()
            with number_format(keras, precision), where:
                report = in_turns(on_progress, turn, len(cohort.members))
                soft = soft_rows(member.training, task, dataset)
                soft = None if soft is None else soft.astype(dtype)
                run = KerasRun(keras, member, data, dataset.fit_data, task, soft)
                prepare = time.perf_counter() - started
                trained = run.fit(report)
                if trained.status == "finished":
                    finish(run, 0, trained, dataset, task, resources.metrics)
                    if resources.save_weights:
                        trained.weights = run.weights()
                keras.utils.clear_session()
            yield make_record(trained, dataset, description, prepare)
            started = time.perf_counter()


def _lacks(package: str) -> bool:
    """Whether an imported module is missing because a package is not installed."""
    try:
        version(package)
    except PackageNotFoundError:
        return True
    return False


@contextmanager
def number_format(keras: ModuleType, precision: str) -> Iterator[None]:
    """Context in which models compute in this precision.

    Args:
        precision: one of POLICIES.
    """
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    if precision == "float64" and keras.backend.backend() == "jax":
        import_module("jax").config.update("jax_enable_x64", True)
    try:
        keras.config.set_floatx("float64" if precision == "float64" else "float32")
        keras.config.set_dtype_policy(POLICIES[precision])
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def _precision(resources: Resources, precision: str) -> str:
    wish = precision if resources.precision == "auto" else resources.precision
    if wish not in POLICIES:
        raise EngineError(unknown_name("precision", wish, POLICIES), "precision")
    return wish
