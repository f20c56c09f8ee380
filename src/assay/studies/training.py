"""The `training:` of a study, read into canonical plain data and built from it.

Settings that change nothing are left out of the canonical form (nesterov without momentum, epochs
beside steps, a schedule that is constant), so that runs which are equal have equal identities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from assay.core.config import Entry, Option, read_options
from assay.core.options import choice, flag, integer, number
from assay.engines.pretraining import PRETRAININGS
from assay.engines.training import (
    LEARNING_RATES,
    OPTIMIZERS,
    SCHEDULES,
    Augment,
    EarlyStopping,
    Optimizer,
    Schedule,
    Training,
)
from assay.tasks.contract import TASKS

__all__ = [
    "AUGMENT",
    "STOPPING",
    "TRAINING",
    "build_training",
    "optimizer_settings",
    "read_training",
    "schedule_settings",
]

_USUAL = Schedule()
_WARMUP = {"warmup": _USUAL.warmup}
_SCHEDULES: dict[str, dict[str, float]] = {
    "constant": _WARMUP,
    "exponential": {"decay_rate": _USUAL.decay_rate, **_WARMUP},
    "cosine": {"final_fraction": _USUAL.final_fraction, **_WARMUP},
}
STOPPING = {
    "patience": integer(10, 1, help="evaluations without improvement before a run stops"),
    "monitor": choice(
        "monitor", lambda: _monitors(), "val_loss", help="the validation metric that must improve"
    ),
    "min_delta": number(0.0, 0, help="smaller changes do not count as improvement"),
    "restore_best_weights": flag(True, help="keep the weights of the best evaluation"),
}
AUGMENT = {
    "shift": integer(0, 0, help="largest shift in pixels in each direction; zeros move in"),
    "flip": flag(False, help="mirror left and right with probability 1/2"),
    "crop": integer(0, 0, help="pad by so many pixels of zeros and crop back at random"),
}
_SHARE: dict[str, Any] = {"low": 0, "below": 1}
_POSITIVE: dict[str, Any] = {"low": 0}
_SETTINGS: dict[str, dict[str, Any]] = {
    "momentum": {**_SHARE, "help": "of the gradient's running sum"},
    "nesterov": {"help": "Nesterov's momentum"},
    "rho": {**_SHARE, "help": "decay of the average of squared gradients"},
    "epsilon": {**_POSITIVE, "help": "added to the denominator"},
    "initial_accumulator_value": {**_POSITIVE, "help": "start of the sum of squared gradients"},
    "beta_1": {**_SHARE, "help": "decay of the first moment"},
    "beta_2": {**_SHARE, "help": "decay of the second moment"},
    "weight_decay": {**_POSITIVE, "help": "decoupled decay of the weights, times the rate"},
    "warmup": {**_SHARE, "help": "share of the budget in which the rate first grows from 0"},
    "decay_rate": {"above": 0, "high": 1, "help": "factor of the learning rate after each epoch"},
    "final_fraction": {"low": 0, "high": 1, "help": "share of the rate that is left at the end"},
}
"""Ranges of the settings of optimizers and schedules, and what they do."""


def _monitors() -> list[str]:
    """What some task is monitored by; whether it is this one's, `resolve_member` sees."""
    return ["val_loss", *dict.fromkeys(TASKS[name].monitor for name in TASKS)]


def _as_mapping(entry: Entry, key: str) -> Entry:
    """A plain value stands for {key: value}."""
    value = entry.value if isinstance(entry.value, dict) else {key: entry.value}
    return Entry(value, entry.path, entry.source, entry.problems)


def _named(entry: Entry, kind: str, names: Any) -> tuple[str, Entry]:
    """The name of an optimizer or a schedule, and an entry with its other settings."""
    if not isinstance(entry.value, dict):
        return entry.choice(kind, names), Entry({}, entry.path, entry.source, entry.problems)
    if "name" not in entry.value:
        raise entry.error(f"{entry.name} needs a name, one of: {', '.join(names)}")
    name = entry["name"].choice(kind, names)
    rest = {k: v for k, v in entry.value.items() if k != "name"}
    return name, Entry(rest, entry.path, entry.source, entry.problems)


def _setting(name: str, default: float | bool) -> Option:
    if isinstance(default, bool):
        return flag(default, **_SETTINGS[name])
    return number(default, **_SETTINGS[name])


def optimizer_settings(name: str) -> dict[str, Option]:
    """The settings of an optimizer."""
    return {key: _setting(key, default) for key, default in OPTIMIZERS[name].items()}


def schedule_settings(name: str) -> dict[str, Option]:
    """The settings of a schedule."""
    return {key: _setting(key, default) for key, default in _SCHEDULES[name].items()}


def _read_optimizer(entry: Entry) -> dict[str, Any]:
    name, rest = _named(entry, "optimizer", OPTIMIZERS)
    settings = optimizer_settings(name)
    data = {"name": name, **read_options(rest, f"setting of optimizer {name}", settings)}
    if "momentum" not in data:
        data.pop("nesterov", None)
    Optimizer.parse(data)  # checks the ranges
    return data


def _read_schedule(entry: Entry) -> dict[str, Any] | None:
    name, rest = _named(entry, "schedule", SCHEDULES)
    settings = schedule_settings(name)
    data: dict[str, Any] = {
        "name": name,
        **read_options(rest, f"setting of schedule {name}", settings),
    }
    Schedule(**data)  # checks the ranges
    return None if data == {"name": "constant"} else data


def _read_stopping(entry: Entry) -> dict[str, Any] | None:
    if entry.value is False:
        return None
    given = {} if entry.value is True else _as_mapping(entry, "patience").value
    inner = Entry(given, entry.path, entry.source, entry.problems)
    if isinstance(entry.value, (int, float)) and entry.value is not True:
        given["patience"] = entry.integer(1)
    return read_options(inner, "setting of early_stopping", STOPPING)


def _read_augment(entry: Entry) -> dict[str, Any] | None:
    return read_options(entry, "setting of augment", AUGMENT) or None


def _read_pretrain(entry: Entry) -> dict[str, Any]:
    name, rest = _named(entry, "pretraining", list(PRETRAININGS))
    settings = PRETRAININGS[name].options
    return {"name": name, **read_options(rest, "setting of pretrain", settings)}


TRAINING: dict[str, Option] = {
    "epochs": integer(10, 1, help="passes over the training images"),
    "steps": integer(None, 1, help="number of updates, instead of `epochs`"),
    "stop_after": integer(
        None, 1, help="end after so many epochs, on the schedule of the full `epochs`"
    ),
    "batch_size": integer(32, 1, help="images per update; the smaller last batch is used"),
    "evaluate_every": integer(
        None, 1, help="evaluate on validation every so many updates, instead of once an epoch"
    ),
    "test_curve": Option(
        lambda entry: entry.flag() or None,
        None,
        "true or false",
        "also evaluate on the test images while training, for a figure; nothing is chosen by it",
    ),
    "optimizer": Option(
        _read_optimizer,
        {"name": "sgd"},
        lambda: f"{', '.join(OPTIMIZERS)}; or a mapping with `name` and settings",
        "the update rule",
    ),
    "learning_rate": number(
        None, above=0, help="the optimizer's default in Keras: 0.01 for sgd, 0.001 for the others"
    ),
    "schedule": Option(
        _read_schedule,
        None,
        lambda: f"{', '.join(SCHEDULES)}; or a mapping with `name` and settings",
        "the learning rate over the steps of a run",
    ),
    "early_stopping": Option(
        _read_stopping,
        None,
        "true, a patience, or a mapping of settings",
        "stop when validation no longer improves",
    ),
    "augment": Option(
        _read_augment, None, "a mapping of settings", "random changes of the training images"
    ),
    "ema": number(
        0.0, 0, below=1, help="decay of an exponential moving average of the weights; 0 for none"
    ),
    "pretrain": Option(
        lambda entry: _read_pretrain(entry),
        None,
        lambda: f"{', '.join(PRETRAININGS)}; or a mapping with `name` and settings",
        "where the first weights come from, instead of the initializers alone",
    ),
}
"""Settings of `training:`; the learning rate's default is the optimizer's in Keras."""


def read_training(entry: Entry) -> dict[str, Any]:
    """Read `training:` into canonical plain data; problems are noted in `entry.problems`."""
    data = read_options(entry, "setting of training", TRAINING)
    if "steps" in data:
        del data["epochs"]
    if data.get("stop_after", 0) >= data.get("epochs", math.inf):
        del data["stop_after"]
    if "learning_rate" not in data:
        data["learning_rate"] = LEARNING_RATES.get(data["optimizer"]["name"], 0.001)
    return data


def build_training(data: Mapping[str, Any]) -> Training:
    """Build the recipe from canonical plain data (see `read_training`)."""
    made = dict(data)
    stopping, schedule = made.get("early_stopping"), made.get("schedule")
    made["optimizer"] = Optimizer.parse(made["optimizer"])
    made["schedule"] = Schedule(**schedule) if schedule else Schedule()
    made["early_stopping"] = EarlyStopping(**stopping) if stopping else None
    pretrain = dict(made.get("pretrain") or {})
    made["pretrain"] = PRETRAININGS[pretrain.pop("name")](**pretrain) if pretrain else None
    made["test_curve"] = bool(made.get("test_curve"))
    made["augment"] = Augment(**(made.get("augment") or {}))
    return Training(**made)
