"""A trunk that a run of another study has learned: its weights are read from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from assay.core.config import Entry, Option
from assay.core.errors import ConfigError, EngineError, StoreError
from assay.core.options import REQUIRED, check_fields, flag, options_of, setting
from assay.core.store_format import decode_arrays
from assay.data import Info
from assay.data.dataset import FitData
from assay.engines.engine import Cohort, Progress, Resources
from assay.engines.pretraining import Train, stored_weights
from assay.networks.layers import Shape
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network, initial_weights, weight_shapes
from assay.tasks.task import TASKS, parts_of

__all__ = ["Stored", "trunk_problem"]

_DIGITS, _LENGTH = "0123456789abcdef", 16


def _read_run(entry: Entry) -> str:
    run = entry.value
    if not isinstance(run, str) or len(run) != _LENGTH or not {*run} <= {*_DIGITS}:
        raise entry.expected(
            f"the whole name of a run, {_LENGTH} hexadecimal digits in quotes (`assay show STUDY "
            "--json` lists those of a study)"
        )
    return run


@dataclass(frozen=True)
class Stored:
    """Begin with the trunk of a run that the store holds, and start a new head.

    The name of a run is its configuration, so that it says all that the trunk has learned from. The
    network sees images as the study normalises them, not as that run did.

    Args:
        run: name of the run; its trunk is that of this network.
        freeze: whether the trunk is frozen: only the output layer learns, and batch norm keeps its
            averages.
    """

    run: str = setting(
        Option(
            _read_run,
            REQUIRED,
            "The run of the store whose trunk to begin with, by its whole name.",
            {"type": "string", "pattern": f"^[{_DIGITS}]{{{_LENGTH}}}$"},
            f"{_LENGTH} hexadecimal digits",
            "0f1e2d3c4b5a6978",
        )
    )
    freeze: bool = setting(flag(help="Train only the output layer afterwards."))

    options: ClassVar[Mapping[str, Option]] = {}
    share: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_fields(self, ("training", "pretrain"))

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the stored runs whose weights it needs."""
        return (self.run,)

    def check(self, task: str, info: Info, data_dir: Path | None) -> None:
        """Refuse tasks whose networks have no trunk."""
        if parts := parts_of(TASKS[task]):
            raise ConfigError(
                "training.pretrain: stored is for tasks whose network has a trunk and a head, got "
                f"task {task!r}, which trains {' and '.join(parts)}"
            )

    def weights(
        self,
        cohort: Cohort,
        data: FitData,
        resources: Resources,
        on_progress: Callable[[Progress], None],
        train: Train,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Return the stored trunk with a newly initialised head, by name of the run.

        Raises:
            EngineError: the weights cannot be read here, or are of another trunk.
        """
        trunk = {k: v for k, v in self._read(resources.weights).items() if k.startswith("trunk.")}
        begun = {}
        for member in cohort.members:
            shapes = {name: array.shape for name, array in trunk.items()}
            if problem := trunk_problem(member.network, shapes):
                raise EngineError(f"training.pretrain: run {self.run} {problem}")
            begun[member.run_id] = initial_weights(member.network, member.seed) | trunk
        return begun

    def _read(self, folder: Path | None) -> dict[str, np.ndarray]:
        if folder is None:
            raise EngineError(
                "training.pretrain: stored begins with a run of a store, but this training has none"
            )
        file = stored_weights(folder, self.run)
        try:
            return decode_arrays(file.read_bytes(), str(file))
        except (OSError, StoreError) as error:
            said = getattr(error, "strerror", None) or error
            raise EngineError(
                f"training.pretrain: the weights of run {self.run} cannot be read from {file} "
                f"({said}); every machine that trains must see the store"
            ) from None


Stored.options = options_of(Stored)


def trunk_problem(network: Network, found: Mapping[str, Shape]) -> str:
    """Say why these are not the weights of the trunk of a network; "" if they are.

    Args:
        found: shape of each weight of a stored run.
    """
    if isinstance(network, OwnNetwork):
        return "needs a network that assay describes, to tell its trunk from its head"
    wanted = {k: v for k, v in weight_shapes(network).items() if k.startswith("trunk.")}
    if not wanted:
        return "has nothing to begin with: the trunk of this network has no weights"
    for name, shape in wanted.items():
        here = f"this network has {name} of shape {_written(shape)}"
        if name not in found:
            return f"has another trunk: {here}, the run has none"
        if tuple(found[name]) != shape:
            return f"has another trunk: {here}, the run {_written(found[name])}"
    more = [name for name in found if name.startswith("trunk.") and name not in wanted]
    return f"has another trunk: this network has no {more[0]}" if more else ""


def _written(shape: Shape) -> str:
    return "x".join(map(str, shape))
