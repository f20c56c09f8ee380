"""Telling the time: times from pictures of clocks, evaluated by the circular error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.config import Entry, Option
from assay.core.errors import ConfigError, DataError
from assay.core.options import choice, flag, integer
from assay.core.records import Spec
from assay.data.dataset import Dataset
from assay.subjects.clocks.labels.distributions import logarithm, read_together
from assay.subjects.clocks.labels.relational import Relational
from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.looks import TURNS
from assay.subjects.clocks.time import distance, hour_flip
from assay.tasks.looks import Look

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TellTime"]


class TellTime:
    """Read the time off a picture of a clock.

    Targets are rows (hour, minute, ...), see `clocks`. A record keeps per image "minutes"
    (float32, the reading, in minutes after 12:00), "certainty" (float16, 0 to 1) and "runner_up"
    (float32, the second best time); both are NaN if the label scheme has no probabilities.

    Args:
        labels: name of the label scheme, which represents times.
        directions: also predict the directions of the 12 and of both hands (the loss of labels
            "relational"), with additional heads that are only used in training. They teach the
            trunk features that every representation needs, especially if the dataset contains the
            directions.
        looks: number of slightly rotated views of each picture in evaluation (`TURNS`), 1 to 9
            (None: one), which are averaged. Only for distributions over the dial.

    Raises:
        ConfigError: several views with other labels.
    """

    name = "tell_time"
    monitor = "val_minutes"
    measures = (
        "minutes",
        "median_minutes",
        "within_1_minute",
        "within_5_minutes",
        "hour_flip_rate",
    )
    options: Mapping[str, Option] = {
        "labels": choice(
            "joint",
            "label scheme",
            lambda: list(SCHEMES),
            help="How a time is encoded for the network.",
        ),
        "directions": flag(help="Also predict the directions of the 12 and of both hands."),
        "looks": replace(
            integer(
                low=1,
                high=len(TURNS),
                example=5,
                help="Number of slightly rotated views of each picture in evaluation.",
            ),
            read=lambda entry: _read_looks(entry),
        ),
    }

    def __init__(self, labels: str = "joint", directions: bool = False, looks: int | None = None):
        self.labels = labels
        self.scheme = SCHEMES[labels]
        if looks and not hasattr(self.scheme, "log_shares"):
            able = [name for name in SCHEMES if hasattr(SCHEMES[name], "log_shares")]
            raise ConfigError(f"{looks} looks need labels {' or '.join(able)}, got {labels}")
        self.looks = tuple(Look(turn=turn) for turn in TURNS[: looks or 1])
        # relational labels are these directions already
        self.beside = Relational() if directions and labels != "relational" else None

    def with_options(self, data: Spec) -> TellTime:
        """The task with other options, as `options` reads them."""
        return TellTime(**data)

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Return those of the label scheme; DataError for a dataset with classes."""
        if dataset.class_names:
            raise DataError(
                f"dataset {dataset.name} has {len(dataset.class_names)} classes but no times; task "
                "tell_time needs pictures of clocks, for example dataset clocks-rendered"
            )
        return {**self.scheme.heads(), **(self.beside.heads() if self.beside else {})}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return the true minutes, the scheme's targets, and the directions if requested; float32
        (n, 1 + k)."""
        if np.ndim(targets) != 2 or targets.shape[1] < 2:
            raise DataError(
                f"task tell_time needs targets (n, 2), hour and minute, got {targets.shape}"
            )
        minutes = true_minutes(targets).astype(np.float32)[:, None]
        schemes = [self.scheme, *([self.beside] if self.beside else [])]
        return np.concatenate([minutes, *(scheme.encode(targets) for scheme in schemes)], -1)

    def loss(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Return the loss of the label scheme, and of the directions if requested."""
        if self.beside is None:
            return self.scheme.loss(outputs, targets[..., 1:])
        width = self.beside.width
        told, seen = targets[..., 1:-width], targets[..., -width:]
        return self.scheme.loss(outputs, told) + self.beside.loss(outputs, seen)

    def correct(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Return the error of each image in minutes."""
        read = self._read({head: _plain(out) for head, out in outputs.items()})
        return targets.new_tensor(distance(read.minutes, _plain(targets[..., 0])))

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return reading, certainty and runner-up."""
        read = self._read(outputs, len(self.looks))
        return {
            "minutes": read.minutes.astype(np.float32),
            "certainty": read.certainty.astype(np.float16),
            "runner_up": read.runner_up.astype(np.float32),
        }

    def _read(self, outputs: dict[str, np.ndarray], looks: int = 1) -> Reading:
        """Return the scheme's reading; for distributions over the dial, the time with the smallest
        expected error, which is the metric.

        Args:
            looks: number of views, on the second last axis; none for one.
        """
        if not hasattr(self.scheme, "log_shares"):
            return self.scheme.decode(outputs)
        logs = self.scheme.log_shares(outputs)
        if looks > 1:
            logs = [logarithm(np.exp(log).mean(-2)) for log in logs]
        return read_together(*logs, least_error=True)

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Mean and median error in minutes, shares within 1 and 5 minutes, and of hour flips."""
        read, true = predictions["minutes"].astype(float), true_minutes(targets)
        error = distance(read, true)
        return {
            "minutes": float(error.mean()),
            "median_minutes": float(np.median(error)),
            "within_1_minute": float((error <= 1).mean()),
            "within_5_minutes": float((error <= 5).mean()),
            "hour_flip_rate": float(hour_flip(read, true).mean()),
        }


def _read_looks(entry: Entry) -> int | None:
    looks = entry.integer(1, len(TURNS))
    return looks if looks > 1 else None


def _plain(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()


TELL_TIME = TellTime()
