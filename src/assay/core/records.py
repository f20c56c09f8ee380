"""Records of runs, and the identity of a configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = [
    "VALIDATION_ONLY",
    "VARIES",
    "Config",
    "Record",
    "Spec",
    "Status",
    "content_hash",
    "mean_metric",
    "run_config",
    "run_id",
    "trial_id",
]

Config = dict[str, Any]
"""A resolved configuration: plain JSON data with the keys `dataset`, `network`, `training`,
`task`, `engine`, `precision` and, for a run, `seed`."""

Spec = Mapping[str, Any]
"""A section of a configuration, such as `dataset`: checked settings by name."""

VALIDATION_ONLY = "validation_only"
"""Key of a configuration, true for runs that only serve to select: they never read the test part,
and their records have no test metrics. Absent in other runs."""

VARIES = "vary"
"""Key of a configuration: the settings that differ between the runs of a trial, by their dotted
names, with the value of each at seed 0, such as "dataset.split_seed". Absent if there are none."""

Status = Literal["finished", "diverged", "failed"]


def content_hash(value: object) -> str:
    """Return 16 hexadecimal digits that identify plain JSON data in any order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_config(config: Config, seed: int) -> Config:
    """Return the configuration of a trial's run, with its seed and what varies with it."""
    found: Config = {**config, "seed": seed}
    for name, first in config.get(VARIES, {}).items():
        found = _with(found, name, first + seed)
    return found


def trial_id(config: Config) -> str:
    """Return the identity of a trial: its configuration without what varies with the seed."""
    found = {k: v for k, v in config.items() if k != "seed"}
    for name, first in config.get(VARIES, {}).items():
        found = _with(found, name, first)
    return content_hash(found)


def _with(config: Config, name: str, value: Any) -> Config:
    section, _, key = name.partition(".")
    return {**config, section: {**config[section], key: value}}


def run_id(config: Mapping[str, object]) -> str:
    """Return the identity of a run: the whole configuration, including the seed."""
    return content_hash(dict(config))


@dataclass(frozen=True)
class Record:
    """The result of a run.

    Attributes:
        run_id: identity of `config`.
        trial_id: identity of `config` without the seed.
        seed: the run's seed.
        status: "finished"; "diverged" when a loss was not finite (curves end there); "failed".
        config: the resolved configuration.
        curves: one-dimensional float arrays of equal length, one entry per evaluation: always
            "step" and "epoch" (fractional), then "loss", "accuracy", "val_loss", "val_accuracy",
            "seconds" (since the start of training) and whatever the task adds.
        metrics: scalars: "val_*" chosen on validation, "test_*" read once at the end,
            "best_epoch", "epochs", "steps".
        predictions: arrays over the test images, in their order: "test_predicted" (uint8 or
            int16), "test_confidence" (float16), "test_target".
        timing: seconds by kind: "train", "evaluate", "prepare"; "images_per_second"; all are this
            member's share of its cohort. "shared": seconds of "train" in which other processes had
            the core for more than 2 % of the time, so that they are no measure of speed.
        provenance: digest and commit of the code, library versions, device, precision used,
            threads, machine, cohort size, UTC time, dataset fingerprint, parameters, MACs.
        weights: named float32 arrays, stored beside the index; empty if not kept.
        state: state from which a run that stopped at a rung resumes; stored beside the index until
            it is dropped.
        message: why it failed or diverged; empty otherwise.
    """

    run_id: str
    trial_id: str
    seed: int
    status: Status
    config: Config
    curves: dict[str, np.ndarray]
    metrics: dict[str, float]
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    state: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    message: str = ""

    @property
    def imported(self) -> bool:
        """Whether it was made elsewhere; its configuration then has no task, engine or network."""
        return "imported" in self.provenance

    @property
    def without_weights(self) -> str:
        """Why there are no weights of it, and what to do, for errors."""
        if self.status != "finished":
            said = f": {self.message}" if self.message else ""
            return f"run {self.run_id} {self.status}, so it has no weights{said}"
        if self.imported:
            return f"run {self.run_id} was imported, so it has no weights"
        if self.config.get("engine") == "sklearn":
            return f"run {self.run_id} is of scikit-learn, whose fitted classifiers are not kept"
        if self.config.get(VALIDATION_ONLY):
            where = "in a study without search: a search keeps no weights of its trials"
        else:  # training it anew would change what the store has said of it
            where = "into another store (--store FOLDER): this one does not train it again"
        return (
            f"run {self.run_id} was stored without its weights; train it with save_weights: true "
            f"{where}"
        )


def mean_metric(runs: Sequence[Record | None], name: str) -> float:
    """Return the mean of a metric over the runs of a trial, by which searches compare trials.

    It is NaN unless every run has finished with a finite value; None is a run without a record.
    """
    values = [
        run.metrics.get(name, np.nan) if run and run.status == "finished" else np.nan
        for run in runs
    ]
    mean = float(np.mean(values)) if values else np.nan
    return mean if np.isfinite(mean) else np.nan
