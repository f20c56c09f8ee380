"""Transfer learning: a trunk that the same network learned on other data, frozen or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.core.config import Entry, Option
from assay.core.errors import ConfigError, EngineError
from assay.core.options import REQUIRED, check_fields, flag, integer, options_of, setting
from assay.core.records import Config, Spec
from assay.data import Info
from assay.data.dataset import FitData
from assay.data.loading import describe, load
from assay.data.specs import problems, resolve
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.pretraining import Train, ended, first_part, first_progress
from assay.networks.families import build_network
from assay.networks.modules import OwnNetwork
from assay.networks.network import initial_weights
from assay.tasks.task import find_task

__all__ = ["Transfer"]


def _read_dataset(entry: Entry) -> Spec:
    if not isinstance(entry.value, str | dict):
        raise entry.expected("a dataset's name or a mapping with its name")
    spec = {"name": entry.value} if isinstance(entry.value, str) else entry.value
    if found := problems(spec):
        raise entry.error("; ".join(found.values()))
    return resolve(spec)


@dataclass(frozen=True)
class Transfer:
    """Train the same network on another dataset first, then keep its trunk and start a new head.

    Args:
        dataset: a dataset with images of the same shape; its files are looked for where those of
            the study's dataset are.
        epochs: epochs on it, with the same recipe otherwise.
        freeze: whether the trunk is frozen: only the output layer learns, and batch norm keeps its
            averages.

    References:
        J. Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014.
    """

    dataset: Mapping[str, Any] = setting(
        Option(
            _read_dataset,
            REQUIRED,
            "The dataset to learn from first; its images have the shape of the study's.",
            {"$ref": "#/$defs/dataset"},
            "a dataset, or a mapping with its `name` (see Dataset)",
            "fashion-mnist",
        )
    )
    epochs: int = setting(integer(5, low=1, help="Passes over that dataset."))
    freeze: bool = setting(flag(help="Train only the output layer afterwards."))

    options: ClassVar[Mapping[str, Option]] = {}
    share: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        check_fields(self, ("training", "pretrain"))

    def check(self, task: str, info: Info, data_dir: Path | None) -> None:
        """Require classification and images of the other dataset's shape."""
        if task != "classify":
            raise ConfigError(
                f"training.pretrain: transfer is for task classify, got task {task!r}"
            )
        there = describe(self.dataset, data_dir)
        if there.image_shape != info.image_shape:
            shapes = ["x".join(map(str, shape)) for shape in (there.image_shape, info.image_shape)]
            raise ConfigError(
                f"training.pretrain: images of {there.name} are {shapes[0]}, those of {info.name} "
                f"{shapes[1]}; expected equal shapes (dataset.resize changes height and width)"
            )

    @property
    def first(self) -> Config:
        """What the configuration of the first training has beside the run's."""
        return {"dataset": dict(self.dataset), "pretraining": self.epochs}

    def first_updates(self, batch_size: int, data_dir: Path | None) -> int:
        """Return the number of updates on the other dataset, for estimates of cost."""
        return self.epochs * -(-describe(self.dataset, data_dir).train // batch_size)

    def weights(
        self,
        cohort: Cohort,
        data: FitData,
        resources: Resources,
        on_progress: Callable[[Progress], None],
        train: Train,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Return each member's trunk after training on the other dataset, and a newly initialised
        head, by name of the run.

        Raises:
            EngineError: the network is the user's own.
        """
        other = load(self.dataset, resources.data_dir)
        heads = find_task(cohort.task).heads(other)
        members = tuple(_first_part(m, self, heads) for m in cohort.members)
        inner = replace(resources, save_weights=True, metrics=())

        report = first_progress(on_progress, self.share)
        trained = train(replace(cohort, members=members), other, inner, report)
        found = {record.run_id: record for record in trained}
        begun = {}
        for own, first in zip(cohort.members, members, strict=True):
            weights = ended(found[first.run_id], own, other.name)
            trunk = {k: v for k, v in weights.items() if k.startswith("trunk.")}
            begun[own.run_id] = initial_weights(own.network, own.seed) | trunk
        return begun


def _first_part(member: Member, transfer: Transfer, heads: Mapping[str, int]) -> Member:
    if isinstance(member.network, OwnNetwork):
        raise EngineError("training.pretrain: transfer needs a network that assay describes")
    network = build_network(member.config["network"], member.network.input_shape, heads)
    changes = {"epochs": transfer.epochs, "steps": None, "evaluate_every": None}
    return first_part(replace(member, network=network), changes)


Transfer.options = options_of(Transfer)
