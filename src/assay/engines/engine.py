"""The interface of engines; nothing here imports a framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

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
    "check_looks",
    "check_weights",
]


class Stopped(BaseException):
    """Raised by `on_progress` when training must stop: an engine saves the state of the runs on
    their way, where it can, and lets it pass. No engine may take it for an error of its own."""


@dataclass(frozen=True)
class Member:
    """One run of a cohort: its configuration, and the same resolved into objects.

    Attributes:
        run_id, trial_id: identity of `config`, computed where the member is made. A worker takes
            them from here: it may compute with fewer digits than the process that planned the run.
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
        """Whether it only serves to choose, so that nothing of it may read the test part."""
        return bool(self.config.get(VALIDATION_ONLY))

    @property
    def test_curve(self) -> bool:
        """Whether it is evaluated on the test part on its way."""
        return self.training.test_curve and not self.validation_only


@dataclass(frozen=True)
class Cohort:
    """Runs that share one program and one dataset; `plan` makes sure that they do."""

    members: tuple[Member, ...]
    task: TaskName = "classify"

    @property
    def task_name(self) -> str:
        """Name of the task, without its options."""
        return self.task if isinstance(self.task, str) else str(self.task["name"])


@dataclass(frozen=True)
class Resources:
    """What an engine may use; "auto" lets it decide.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "auto" (bfloat16 where the hardware has it), "float32", "bfloat16", "float64".
        threads: threads of one worker; 0 lets the engine decide.
        save_weights: whether records carry the trained weights.
        metrics: names of those that are computed when a run has ended, beside the task's own.
        checkpoints: folder in which an engine may leave the state of a run on its way, so that
            another process, or the same run at a later epoch, can go on with it; None for nowhere.
        checkpoint_seconds: how often at most, where a run is saved on its way.
        data_dir: folder of the user's own files, for a pretraining that reads a dataset; None for
            where datasets are usually found.
    """

    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    save_weights: bool = True
    metrics: tuple[str, ...] = ()
    checkpoints: Path | None = None
    checkpoint_seconds: float = 300.0
    data_dir: Path | None = None


@dataclass(frozen=True)
class Progress:
    """Sent by an engine a few times a second at most.

    Attributes:
        images: training images seen since the last report, summed over the members.
        fraction: share of the cohort's budget done, 0 to 1.
        alive: members still training.
        latest: last evaluation, for people: {"val_accuracy": 0.91, ...} (mean over members).
        remark: what people should know of these runs, said once; "" for nothing.
        points: evaluations since the last report, in their order: a run's name and the new point of
            each of its curves.
    """

    images: int
    fraction: float
    alive: int
    latest: dict[str, float] = field(default_factory=dict)
    remark: str = ""
    points: tuple[tuple[str, dict[str, float]], ...] = ()


def check_engine(network: Network, engine: str) -> None:
    """Raise EngineError where a network of the user's own is written for another engine."""
    if isinstance(network, OwnNetwork) and engine != (own := ENGINE_OF[network.family]):
        raise EngineError(
            f"network: {network.family}: needs the {own} engine, got engine {engine!r}; use "
            f"engine: {own}"
        )


def check_weights(member: Member, engine: str) -> None:
    """Raise EngineError, for an engine that keeps no average of the weights and begins with those
    of the initializers, where a recipe wants something else."""
    if member.training.pretrain:
        raise EngineError(
            f"the {engine} engine does not support training.pretrain; use --engine torch"
        )
    for name, value in member.training.averages.items():
        raise EngineError(
            f"the {engine} engine does not support averaged weights, got {name} {value!r}; "
            "use --engine torch"
        )


def check_looks(cohort: Cohort, engine: str) -> None:
    """Raise EngineError, for an engine that looks once, where a task looks at images several times
    in evaluation."""
    looks = len(looks_of(find_task(cohort.task)))
    if looks > 1:
        raise EngineError(
            f"the {engine} engine looks at each image once, got a task with {looks} looks "
            f"({cohort.task}); use engine: torch"
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

    def describe(self, resources: Resources) -> dict[str, Any]:
        """Return device, precision and versions for `assay doctor` and the provenance."""


ENGINES: Registry[Callable[[], Engine]] = Registry("engine", "assay.engines")
"""Name -> factory; `assay.engines.NAME_engine` registers itself when imported."""
