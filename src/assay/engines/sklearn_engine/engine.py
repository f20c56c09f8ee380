"""The sklearn engine: members take turns, each fitted once to all training images."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from threadpoolctl import threadpool_limits

from assay.core.errors import EngineError, unknown_name
from assay.core.machine import cpu_name
from assay.core.records import Record
from assay.data.dataset import Dataset
from assay.engines.engine import Cohort, Member, Progress, Resources, check_fixed, check_looks
from assay.engines.evaluation import Evaluation, measured
from assay.engines.numpy_engine.images import NormalSplit
from assay.engines.numpy_engine.losses import LOSSES
from assay.engines.numpy_engine.trainer import NormalDataset
from assay.engines.recording import check_validation, finish, in_turns, make_record
from assay.engines.sklearn_engine.estimator import answers, for_loss, make_estimator
from assay.engines.trained import Trained
from assay.networks.modules import OwnNetwork
from assay.tasks.task import Task, find_task

__all__ = ["SklearnEngine"]

_ROWS = 2000
"""Images at a time in prediction: k-NN stores their distances to all training images."""


class SklearnEngine:
    """Fits classifiers of scikit-learn to normalised pixels, a row for each image.

    The study's recipe does not apply to them, and fitted estimators are not stored (which would
    need pickle). A deterministic estimator gives equal results for all seeds; with `vary: [seed,
    split]`, intervals cover the choice of training images.

    References:
        F. Pedregosa et al., "Scikit-learn: Machine Learning in Python", JMLR 12, 2011.
    """

    name = "sklearn"

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError for a device, precision, task or network that this engine lacks."""
        if resources.device not in ("auto", "cpu"):
            raise EngineError(
                f"the sklearn engine computes on the CPU only, got device {resources.device!r}",
                "device",
            )
        _dtype(resources, str(cohort.members[0].config.get("precision", "auto")))
        if cohort.task_name != "classify":
            name = cohort.task_name
            said = unknown_name("task of the sklearn engine", name, ["classify"])
            raise EngineError(said, "task")
        check_fixed(cohort, "the sklearn engine", "use --engine torch")
        check_looks(cohort, "sklearn")
        for member in cohort.members:
            network = member.network
            if not isinstance(network, OwnNetwork) or network.family != "estimator":
                raise EngineError(
                    "the sklearn engine fits scikit-learn classifiers, got a network; expected "
                    "network: {estimator: MODULE:NAME}"
                )

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Members take turns."""
        return 1

    def describe(self, resources: Resources) -> dict[str, object]:
        """Precision, threads and versions."""
        return {
            "engine": "sklearn",
            "sklearn": version("scikit-learn"),
            "numpy": np.__version__,
            "device": "cpu",
            "device_name": cpu_name(),
            "precision": _dtype(resources, "auto").name,
            "threads": resources.threads,
        }

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Record]:
        """Fit the members; see `Engine`.

        Raises:
            EngineError: the dataset has no validation images.
        """
        check_validation(dataset)
        started = time.perf_counter()
        dtype = _dtype(resources, str(cohort.members[0].config.get("precision", "auto")))
        task = find_task(cohort.task)
        data = NormalDataset(dataset.fit_data, dataset.read_test, task, dtype)
        said = {**self.describe(resources), "precision": dtype.name, "cohort": 1}
        for turn, member in enumerate(cohort.members):
            report = in_turns(on_progress, turn, len(cohort.members))
            report(Progress(0, 0.0, 1))
            with threadpool_limits(resources.threads or None):
                fit = _Fit(member, data, task)
                prepare = time.perf_counter() - started
                trained = fit.run(report)
                if trained.status == "finished":
                    finish(fit, 0, trained, dataset, task, resources.metrics)
            yield _uncounted(make_record(trained, dataset, said, prepare))
            started = time.perf_counter()


class _Fit:
    """One member: fits it, and implements `assay.engines.evaluation.Evaluator`."""

    def __init__(self, member: Member, data: NormalDataset, task: Task):
        assert isinstance(member.network, OwnNetwork)
        self.member, self.network, self.data, self.task = member, member.network, data, task
        self.estimator = make_estimator(self.network, member.seed)

    def run(self, on_progress: Callable[[Progress], None]) -> Trained:
        """Fit; its curves have one point, the evaluation after fitting."""
        trained, started = Trained(self.member), time.perf_counter()
        images, targets = self.data.train
        with self.network.blamed("cannot be fitted"), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.estimator.fit(_rows(images), targets)
        fitted = time.perf_counter()
        outputs, loss = self.validate()
        values = measured(self.task, outputs, 0, self.data.validation[1])
        trained.seconds = {"train": fitted - started, "evaluate": time.perf_counter() - fitted}
        trained.steps = 1
        point = {"step": 1, "epoch": 1.0, "val_loss": float(loss[0])}
        point |= {f"val_{name}": value for name, value in values.items()}
        trained.add(point | {"seconds": trained.seconds["train"]})
        if np.isfinite(loss[0]):
            trained.judge(self.task)
        else:
            trained.diverged()
        latest = {self.task.monitor: trained.curves[self.task.monitor][-1]}
        remark = "; ".join(dict.fromkeys(_said(self.network, w) for w in told))
        on_progress(Progress(len(images), 1.0, 0, latest, remark, trained.points(0)))
        return trained

    def validate(self) -> Evaluation:
        """See `Evaluator`."""
        return self._evaluate(self.data.validation)

    def test(self) -> Evaluation:
        """See `Evaluator`."""
        return self._evaluate(self.data.test())

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """There is only one state."""

    def _evaluate(self, split: NormalSplit) -> Evaluation:
        images, targets = split
        ((_, classes),) = self.network.units
        with self.network.blamed("cannot predict"):
            parts = [
                answers(self.estimator, _rows(images[i : i + _ROWS]), classes)
                for i in range(0, len(images), _ROWS)
            ]
        outputs, predicted = (np.concatenate(several) for several in zip(*parts, strict=True))
        losses, _, _ = LOSSES["classify"]({"class": for_loss(self.estimator, outputs)}, targets)
        return {"class": outputs[None], "predicted": predicted[None]}, losses.mean()[None]


def _uncounted(record: Record) -> Record:
    """Return the record without the sizes of a network, which do not apply to estimators."""
    kept = {k: v for k, v in record.provenance.items() if k not in ("parameters", "macs")}
    return replace(record, provenance=kept)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _said(network: OwnNetwork, warning: warnings.WarningMessage) -> str:
    """Return the first line of a warning, with its source."""
    line = str(warning.message).strip().splitlines()[0]
    return f"{network.source}: {line}"


def _dtype(resources: Resources, precision: str) -> np.dtype:
    """Return the number format; raise EngineError if scikit-learn does not support it."""
    wish = precision if resources.precision == "auto" else resources.precision
    known = {"auto": np.float32, "float32": np.float32, "float64": np.float64}
    if wish not in known:
        raise EngineError(
            f"the sklearn engine computes in float32 or float64, got precision {wish!r}",
            "precision",
        )
    return np.dtype(known[wish])
