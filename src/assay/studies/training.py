"""The `training:` of a study, read into canonical plain data and built from it.

Settings that change nothing are left out of the canonical form (nesterov without momentum, epochs
beside steps, a schedule that is constant), so that runs which are equal have equal identities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from assay.core.config import Entry, Option, read_options
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

__all__ = ["TRAINING", "build_training", "read_training"]

_USUAL = Schedule()
_WARMUP = {"warmup": _USUAL.warmup}
_SCHEDULES: dict[str, dict[str, float]] = {
    "constant": _WARMUP,
    "exponential": {"decay_rate": _USUAL.decay_rate, **_WARMUP},
    "cosine": {"final_fraction": _USUAL.final_fraction, **_WARMUP},
}
_STOPPING = {
    "patience": Option(lambda entry: entry.integer(1), 10),
    "monitor": Option(lambda entry: entry.choice("monitor", _monitors()), "val_loss"),
    "min_delta": Option(lambda entry: entry.number(0), 0.0),
    "restore_best_weights": Option(lambda entry: entry.flag(), True),
}
_AUGMENT = {
    "shift": Option(lambda entry: entry.integer(0), 0),
    "flip": Option(lambda entry: entry.flag(), False),
    "crop": Option(lambda entry: entry.integer(0), 0),
}


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


def _setting(default: float | bool) -> Option:
    if isinstance(default, bool):
        return Option(lambda entry: entry.flag(), default)
    return Option(lambda entry: entry.number(), default)


def _read_optimizer(entry: Entry) -> dict[str, Any]:
    name, rest = _named(entry, "optimizer", OPTIMIZERS)
    settings = {key: _setting(default) for key, default in OPTIMIZERS[name].items()}
    data = {"name": name, **read_options(rest, f"setting of optimizer {name}", settings)}
    if "momentum" not in data:
        data.pop("nesterov", None)
    Optimizer.parse(data)  # checks the ranges
    return data


def _read_schedule(entry: Entry) -> dict[str, Any] | None:
    name, rest = _named(entry, "schedule", SCHEDULES)
    settings = {key: _setting(default) for key, default in _SCHEDULES[name].items()}
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
    return read_options(inner, "setting of early_stopping", _STOPPING)


def _read_augment(entry: Entry) -> dict[str, Any] | None:
    return read_options(entry, "setting of augment", _AUGMENT) or None


def _read_rate(entry: Entry) -> float:
    rate = entry.number()
    if rate <= 0:
        raise entry.expected("a number > 0")
    return rate


def _read_ema(entry: Entry) -> float:
    decay = entry.number(0)
    if decay >= 1:
        raise entry.expected("a number in [0, 1)")
    return decay


def _read_pretrain(entry: Entry) -> dict[str, Any]:
    name, rest = _named(entry, "pretraining", list(PRETRAININGS))
    settings = PRETRAININGS[name].options
    return {"name": name, **read_options(rest, "setting of pretrain", settings)}


def _size(default: int | None) -> Option:
    return Option(lambda entry: entry.integer(1), default)


TRAINING: dict[str, Option] = {
    "epochs": _size(10),
    "steps": _size(None),
    "stop_after": _size(None),
    "batch_size": _size(32),
    "evaluate_every": _size(None),
    "test_curve": Option(lambda entry: entry.flag() or None, None),
    "optimizer": Option(_read_optimizer, {"name": "sgd"}),
    "learning_rate": Option(_read_rate, None),
    "schedule": Option(_read_schedule, None),
    "early_stopping": Option(_read_stopping, None),
    "augment": Option(_read_augment, None),
    "ema": Option(_read_ema, 0.0),
    "pretrain": Option(lambda entry: _read_pretrain(entry), None),
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
