"""Sources of initial weights other than the initializers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from assay.core.config import Option
from assay.core.digests import digest
from assay.core.errors import EngineError
from assay.core.records import VALIDATION_ONLY, Config, Record, Spec, run_id
from assay.core.registry import Registry, register
from assay.data import Info
from assay.data.dataset import Dataset, FitData
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.training import Training
from assay.networks.network import Network, initial_weights

__all__ = [
    "PRETRAININGS",
    "Pretraining",
    "Train",
    "begun_with",
    "checkpoint_names",
    "ended",
    "first_part",
    "first_progress",
    "freezes",
    "later_progress",
    "stored_runs",
    "stored_weights",
    "trainable",
]

Train = Callable[[Cohort, Dataset, Resources, Callable[[Progress], None]], Iterable[Record]]
"""Function that trains a cohort in an engine."""


class Pretraining(Protocol):
    """`training.pretrain`: a frozen dataclass whose fields are its `options`.

    One that begins with runs of the store also has `runs`, their names; the files of their weights
    are then in the folder `Resources.weights`. One that trains (`first_part`) has `first`, what the
    configuration of its training has beside the run's.
    """

    options: ClassVar[Mapping[str, Option]]
    """Its settings, with their readers and defaults."""

    share: ClassVar[float]
    """Its fraction of the run's progress, from 0 (no training) to 1."""

    def check(self, task: str, info: Info, data_dir: Path | None) -> None:
        """Raise ConfigError if a task cannot use it with a dataset.

        Args:
            data_dir: folder of the user's own files; None for the usual places.
        """

    def weights(
        self,
        cohort: Cohort,
        data: FitData,
        resources: Resources,
        on_progress: Callable[[Progress], None],
        train: Train,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Return the initial weights of each member, by name of the run."""


PRETRAININGS: Registry[type[Pretraining]] = Registry("pretraining")
"""Name -> its class."""
register("pretraining", "stored", "assay.engines.stored:Stored")
register("pretraining", "transfer", "assay.engines.transfer:Transfer")


def ended(record: Record, member: Member, where: str) -> dict[str, np.ndarray]:
    """Return the weights after a pretraining; NaN if it diverged, with which the run diverges, too.

    Args:
        where: what it was trained on, for the message.

    Raises:
        EngineError: it failed, so that there is nothing to begin with.
    """
    if record.status == "finished":
        return record.weights
    if record.status == "diverged":
        start = initial_weights(member.network, member.seed)
        return {name: np.full_like(array, np.nan) for name, array in start.items()}
    raise EngineError(f"training.pretrain {record.status} on {where}: {record.message}")


def first_part(member: Member, changes: Spec) -> Member:
    """The run that comes before a member's own: its recipe to the end, without pretraining, never
    tested.

    Args:
        changes: settings of the training.
    """
    training = replace(
        member.training, pretrain=None, early_stopping=None, stop_after=None, test_curve=False,
        **changes,
    )  # fmt: skip
    return replace(member, config=_first_config(member), training=training)


def _first_config(member: Member) -> Config:
    first = getattr(member.training.pretrain, "first", {})
    return {**member.config, VALIDATION_ONLY: True, **first}


def checkpoint_names(member: Member) -> tuple[str, str]:
    """Return the names under which the state of an interrupted member is kept: in its own training,
    and in the pretraining before it."""
    return member.run_id, run_id(_first_config(member))


def first_progress(
    on_progress: Callable[[Progress], None], share: float
) -> Callable[[Progress], None]:
    """Return the progress of pretraining as a part of the run's."""
    return lambda p: on_progress(replace(p, fraction=share * p.fraction, points=()))


def later_progress(
    on_progress: Callable[[Progress], None], share: float
) -> Callable[[Progress], None]:
    """Progress of what comes after pretraining."""
    return lambda p: on_progress(replace(p, fraction=share + (1 - share) * p.fraction))


def stored_runs(training: Training) -> tuple[str, ...]:
    """Return the names of the stored runs whose weights a recipe begins with."""
    return tuple(getattr(training.pretrain, "runs", ()))


def begun_with(member: Member, resources: Resources) -> dict[str, dict[str, str]]:
    """Return what the provenance says of the stored runs that a member begins with: the digests of
    their weights files, which a repeated training may replace.
    """
    if not (runs := stored_runs(member.training)) or resources.weights is None:
        return {}
    found = {}
    for run in runs:
        with suppress(OSError):  # the pretraining says that it cannot be read
            found[run] = digest(stored_weights(resources.weights, run).read_bytes())
    return {"begun_with": found}


def stored_weights(folder: Path, run: str) -> Path:
    """Return the file with the weights of a stored run, in the folder of `Resources.weights`."""
    return folder / f"{run}.safetensors"


def freezes(training: Training) -> bool:
    """Whether a run only trains its heads, on a frozen pretrained trunk."""
    return bool(getattr(training.pretrain, "freeze", False))


def trainable(network: Network, training: Training) -> int:
    """Return the number of parameters that a recipe trains."""
    places = network.places()
    moving = (p for p in places if not (freezes(training) and p.name.startswith("trunk.")))
    return sum(p.layer.parameters(p.input_shape) for p in moving)
