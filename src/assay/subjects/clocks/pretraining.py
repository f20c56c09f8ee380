"""Pretraining for clocks: on rendered clocks, or from a trained reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from assay.core.config import Option
from assay.core.errors import ConfigError, EngineError, NetworkError
from assay.core.options import check_fields, choice, integer, options_of, setting, text
from assay.core.records import Config, Spec
from assay.data import Info
from assay.data.dataset import FitData
from assay.data.loading import load
from assay.engines.engine import Cohort, Progress, Resources
from assay.engines.pretraining import Train, ended, first_part, first_progress
from assay.networks.checks import check_weights
from assay.subjects.clocks.dataset import STYLES, style_version

__all__ = ["ReaderPretraining", "RenderedPretraining"]

EPOCH = 3200
"""Number of fresh clocks to draw at a time."""

READERS = {"any": 2}
"""Versions of the weights of built-in readers that have changed."""

LOOKS = 20
"""Number of evaluations, after each of which an interrupted pretraining can resume."""


@dataclass(frozen=True)
class RenderedPretraining:
    """First train on fresh rendered clocks, for task tell_time.

    Args:
        style: of the clocks, "course" or "any".
        steps: updates.
    """

    style: str = setting(choice("course", "style of clocks", STYLES, help="Style of the clocks."))
    steps: int = setting(integer(3000, low=1, help="Updates on fresh rendered clocks."))

    options: ClassVar[Mapping[str, Option]] = {}
    share: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        check_fields(self, ("training", "pretrain"))

    def check(self, task: str, info: Info, data_dir: Path | None) -> None:
        """Require task tell_time and square grey pictures."""
        _check_task(task, "draws clocks")
        height, width, channels = info.image_shape
        if height != width or channels != 1:
            raise ConfigError(
                f"training.pretrain draws square grey pictures; dataset {info.name} has "
                f"{height}x{width}x{channels}"
            )

    @property
    def first(self) -> Config:
        """What the configuration of the first training has beside the run's."""
        return {"pretraining": self.steps}

    @staticmethod
    def version_of(spec: Spec) -> int:
        """The version of the style; see `assay.core.registry.register`."""
        return style_version(spec["style"])

    def first_updates(self, batch_size: int, data_dir: Path | None) -> int:
        """Return the number of updates on rendered clocks, for estimates of cost."""
        return self.steps

    def weights(
        self,
        cohort: Cohort,
        data: FitData,
        resources: Resources,
        on_progress: Callable[[Progress], None],
        train: Train,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Return the weights of each member after pretraining, by name of the run: the same recipe
        with its own number of updates, on fresh rendered clocks of the dataset's size.
        """
        drawn = {"name": "clocks-rendered", "style": self.style, "size": data.image_shape[0]}
        spec = {**drawn, "fresh": True, "train": EPOCH, "validation": 720, "test": 720}
        changes = {"steps": self.steps, "evaluate_every": -(-self.steps // LOOKS)}
        members = tuple(first_part(m, changes) for m in cohort.members)
        inner = replace(resources, save_weights=True)

        report = first_progress(on_progress, self.share)
        trained = train(replace(cohort, members=members), load(spec), inner, report)
        records = {record.run_id: record for record in trained}
        pairs = zip(cohort.members, members, strict=True)
        return {
            own.run_id: ended(records[first.run_id], own, "rendered clocks") for own, first in pairs
        }


@dataclass(frozen=True)
class ReaderPretraining:
    """Start from the weights of a trained reader of clocks, for task tell_time.

    Args:
        reader: its file, or "any" or "course" for the built-in reader of that style.
    """

    reader: str = setting(
        text("any", help="The reader's file, or the style of one that comes with assay.")
    )

    options: ClassVar[Mapping[str, Option]] = {}
    share: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_fields(self, ("training", "pretrain"))

    def check(self, task: str, info: Info, data_dir: Path | None) -> None:
        """Refuse tasks with other outputs, and a name that can only be a misspelled style."""
        from assay.subjects.clocks.app import check_reader

        _check_task(task, "is a reader of clocks")
        if self.reader == Path(self.reader).stem:  # a file may be on another machine, or gone
            check_reader(self.reader, "training.pretrain.reader")

    @staticmethod
    def version_of(spec: Spec) -> int:
        """The version of a built-in reader; see `assay.core.registry.register`."""
        return READERS.get(spec["reader"], 1)

    def weights(
        self,
        cohort: Cohort,
        data: FitData,
        resources: Resources,
        on_progress: Callable[[Progress], None],
        train: Train,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Return the weights of the reader, by name of the run.

        Raises:
            EngineError: the reader has another network than the run.
        """
        from assay.subjects.clocks.app import first_reader

        given = first_reader(self.reader).weights
        full = {name: np.asarray(array, np.float32) for name, array in given.items()}
        for member in cohort.members:
            try:
                check_weights(member.network, full)
            except NetworkError as error:
                raise EngineError(f"training.pretrain: reader {self.reader}: {error}") from error
        return {member.run_id: full for member in cohort.members}


def _check_task(task: str, what: str) -> None:
    if task != "tell_time":
        raise ConfigError(f"training.pretrain {what} and is for task tell_time, got task {task!r}")


RenderedPretraining.options = options_of(RenderedPretraining)
ReaderPretraining.options = options_of(ReaderPretraining)
