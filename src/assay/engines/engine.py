"""The interface of engines; nothing here imports a framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from assay.core.errors import EngineError
from assay.core.records import VALIDATION_ONLY, Config, Record, run_id, trial_id
from assay.core.registry import Registry
from assay.data.dataset import Dataset
from assay.engines.training import Training
from assay.networks.modules import ENGINE_OF, OwnNetwork
from assay.networks.network import Network
from assay.tasks.looks import looks_of
from assay.tasks.task import TaskName, find_task

__all__ = [
    "ENGINES",
    "Cohort",
    "Engine",
    "Member",
    "Progress",
    "Resources",
    "Stopped",
    "check_engine",
    "check_fixed",
    "check_looks",
    "check_weights",
]


class Stopped(BaseException):
    """Raised by `on_progress` to stop training: an engine saves the state of unfinished runs, if it
    can, and lets the exception pass. No engine may treat it as an error."""


@dataclass(frozen=True)
class Member:
    """One run of a cohort: its configuration as data and as objects.

    Attributes:
        run_id, trial_id: identity of `config`, computed where the member is created. Workers do not
            recompute them, because they may use fewer digits than the process that planned the run.
    """

    config: Config
    network: Network
    training: Training
    seed: int
    run_id: str = field(init=False)
    trial_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_id", run_id(self.config))
        object.__setattr__(self, "trial_id", trial_id(self.config))

    @property
    def validation_only(self) -> bool:
        """Whether it only serves to select, so that it must not read the test part."""
        return bool(self.config.get(VALIDATION_ONLY))

    @property
    def test_curve(self) -> bool:
        """Whether it is evaluated on the test part during training."""
        return self.training.test_curve and not self.validation_only


@dataclass(frozen=True)
class Cohort:
    """Runs that share one program and one dataset."""

    members: tuple[Member, ...]
    task: TaskName = "classify"

    @property
    def task_name(self) -> str:
        """Name of the task, without its options."""
        return self.task if isinstance(self.task, str) else str(self.task["name"])


@dataclass(frozen=True)
class Resources:
    """The resources of an engine; "auto" lets it decide.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "auto" (bfloat16 where the hardware has it), "float32", "bfloat16", "float64".
        threads: threads of one worker; 0 lets the engine decide.
        save_weights: whether records contain the trained weights.
        metrics: names of metrics to compute at the end of a run, in addition to the task's own.
        checkpoints: folder in which an engine may save the state of unfinished runs, from which
            another process, or the same run at a later rung, resumes; None for none.
        checkpoint_seconds: minimum interval between checkpoints of a run.
        data_dir: folder of the user's own files, for pretraining that reads a dataset; None for
            the usual places.
        weights: folder with the weights of stored runs, RUN.safetensors each, for pretraining that
            begins with one; None for none.
    """

    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    save_weights: bool = True
    metrics: tuple[str, ...] = ()
    checkpoints: Path | None = None
    checkpoint_seconds: float = 300.0
    data_dir: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True)
class Progress:
    """Sent by an engine a few times a second at most.

    Attributes:
        images: training images seen since the last report, summed over the members.
        fraction: share of the cohort's budget done, 0 to 1.
        alive: members still training.
        latest: last evaluation, for display: {"val_accuracy": 0.91, ...} (mean over members).
        remark: a message about these runs to show once; "" for none.
        points: evaluations since the last report, in order: the name of a run and the new point of
            each curve.
    """

    images: int
    fraction: float
    alive: int
    latest: dict[str, float] = field(default_factory=dict)
    remark: str = ""
    points: tuple[tuple[str, dict[str, float]], ...] = ()


def check_engine(network: Network, engine: str) -> None:
    """Raise EngineError if a user-defined network is written for another engine."""
    if isinstance(network, OwnNetwork) and engine != (own := ENGINE_OF[network.family]):
        raise EngineError(
            f"network: {network.family}: needs the {own} engine, got engine {engine!r}; use "
            f"engine: {own}"
        )


def check_weights(member: Member, engine: str) -> None:
    """Raise EngineError if a recipe averages or pretrains weights."""
    if member.training.pretrain:
        raise EngineError(
            f"the {engine} engine does not support training.pretrain; use --engine torch",
            "training.pretrain",
        )
    for name, value in member.training.averages.items():
        raise EngineError(
            f"the {engine} engine does not support averaged weights, got {name} {value!r}; "
            "use --engine torch",
            name,
        )


def check_fixed(cohort: Cohort, who: str, instead: str) -> None:
    """Raise EngineError if a dataset draws new training images for every epoch.

    Args:
        who: what cannot use them; instead: what to do about it.
    """
    if any((member.config.get("dataset") or {}).get("fresh") for member in cohort.members):
        said = f"{who} trains on fixed images, got dataset.fresh true; {instead}"
        raise EngineError(said, "dataset.fresh")


def check_looks(cohort: Cohort, engine: str) -> None:
    """Raise EngineError if a task evaluates several views of each image."""
    looks = len(looks_of(find_task(cohort.task)))
    if looks > 1:
        raise EngineError(
            f"the {engine} engine looks at each image once, got a task with {looks} looks "
            f"({cohort.task}); use engine: torch",
            "task",
        )


class Engine(Protocol):
    """Trains cohorts. A member's result equals that of the same run trained alone.

    An engine may have `in_threads(cohort, resources)`, which says whether it trains the cohort
    without the global interpreter lock, so that threads of one process can train in parallel. An
    engine for GPUs may have `accelerators(resources)`, which returns the devices that "auto" may
    use with their memory in bytes, {"cuda:0": 85_899_345_920}.
    """

    name: str

    def check(self, cohort: Cohort, resources: Resources) -> None:
        """Raise EngineError if this engine cannot train the cohort; this must be fast."""

    def train(
        self,
        cohort: Cohort,
        dataset: Dataset,
        resources: Resources,
        on_progress: Callable[[Progress], None],
    ) -> Iterable[Record]:
        """Train every member to the end of its budget; yield each record as soon as it is ready.

        Args:
            on_progress: called between updates, a few times a second; it may raise `Stopped`.
        """

    def limit(self, cohort: Cohort, resources: Resources) -> int:
        """Return how many members to train together on these resources (1: one at a time)."""

    def describe(self, resources: Resources) -> dict[str, object]:
        """Return device, precision and versions for `assay doctor` and the provenance."""


ENGINES: Registry[Callable[[], Engine]] = Registry("engine", "assay.engines")
"""Name -> factory; `assay.engines.NAME_engine` registers itself when imported."""
