"""The `training:` of a study, read into canonical plain data and built from it.

Settings without effect are omitted from the canonical form (nesterov without momentum, epochs if
steps are given, a constant schedule, reflection of images that stay where they are), so that equal
runs have equal identities.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from assay.core.config import Entry, Option, read_options
from assay.core.options import named_schema, options_of
from assay.core.part_classes import read_settings
from assay.core.records import Spec
from assay.engines.averaging import Lookahead
from assay.engines.optimizers.optimizer import OPTIMIZERS, Optimizer
from assay.engines.pretraining import PRETRAININGS
from assay.engines.schedules import SCHEDULES, Schedule
from assay.engines.training import Augment, EarlyStopping, Training
from assay.tasks.task import TASKS

__all__ = ["STOPPING", "TRAINING", "build_training", "read_training"]


def _monitors() -> list[str]:
    """Return the monitored metrics of all tasks; `resolve_member` checks the study's."""
    return ["val_loss", *dict.fromkeys(TASKS[name].monitor for name in TASKS.usable())]


def _as_mapping(entry: Entry, key: str) -> Entry:
    """Read a plain value as {key: value}."""
    value = entry.value if isinstance(entry.value, dict) else {key: entry.value}
    return Entry(value, entry.path, entry.source, entry.problems)


def _named(entry: Entry, kind: str, names: Any, usual: str = "") -> tuple[str, Entry]:
    """Return the name of an optimizer or a schedule, and an entry with its other settings, which
    are those of `usual` where they have no name."""
    if not isinstance(entry.value, dict):
        return entry.choice(kind, names), Entry({}, entry.path, entry.source, entry.problems)
    if "name" in entry.value:
        name = entry["name"].choice(kind, names)
    elif usual and entry.value:
        name = usual
    else:
        place = next(iter(entry.keys().values()), entry)  # which may be all that was written
        said = f"{entry.name} needs a name, one of: {', '.join(names)}"
        raise place.error(said, key=place is not entry)
    rest = {k: v for k, v in entry.value.items() if k != "name"}
    return name, Entry(rest, entry.path, entry.source, entry.problems)


def _read_optimizer(entry: Entry) -> Spec:
    name, rest = _named(entry, "optimizer", list(OPTIMIZERS), "sgd")
    settings = options_of(OPTIMIZERS[name])
    if "learning_rate" in rest.value and "learning_rate" not in settings:  # as in Keras
        beside = ".".join(map(str, (*entry.path[:-1], "learning_rate")))
        said = f"learning_rate stands beside the optimizer, not in it: {beside}"
        entry.problems.add(rest["learning_rate"].error(said, key=True))
        del rest.value["learning_rate"]
    data = {"name": name, **read_settings(rest, f"optimizer {name}", settings)}
    if "momentum" not in data:
        data.pop("nesterov", None)
    return data


def _read_schedule(entry: Entry) -> dict[str, Any] | None:
    name, rest = _named(entry, "schedule", list(SCHEDULES))
    settings = options_of(SCHEDULES[name])
    data = {"name": name, **read_settings(rest, f"schedule {name}", settings)}
    return None if data == {"name": "constant"} else data


def _read_stopping(entry: Entry) -> dict[str, Any] | None:
    if entry.value is False:
        return None
    given = {} if entry.value is True else _as_mapping(entry, "patience").value
    inner = Entry(given, entry.path, entry.source, entry.problems)
    if isinstance(entry.value, (int, float)) and entry.value is not True:
        given["patience"] = entry.integer(1)
    return read_options(inner, "setting of early_stopping", STOPPING)


def _read_lookahead(entry: Entry) -> dict[str, Any] | None:
    if entry.value is False:
        return None
    value = {} if entry.value is True else _as_mapping(entry, "steps").value
    inner = Entry(value, entry.path, entry.source, entry.problems)
    return read_options(inner, "setting of lookahead", options_of(Lookahead))


def _read_augment(entry: Entry) -> dict[str, Any] | None:
    data = read_options(entry, "setting of augment", Augment.options())
    if not (data.get("shift") or data.get("crop")):  # no border to fill
        data.pop("reflect", None)
    return data or None


def _read_pretrain(entry: Entry) -> Spec:
    name, rest = _named(entry, "pretraining", list(PRETRAININGS))
    settings = PRETRAININGS[name].options
    return {"name": name, **read_settings(rest, f"pretraining {name}", settings)}


def _pretrainings() -> Spec:
    return named_schema("name", {name: PRETRAININGS[name].options for name in PRETRAININGS})


STOPPING = options_of(EarlyStopping) | {
    "monitor": replace(
        options_of(EarlyStopping)["monitor"],
        read=lambda entry: entry.choice("monitor", _monitors()),
        schema=lambda: {"enum": _monitors()},
    )
}
"""Settings of `early_stopping:`."""

_FIELDS = options_of(Training)

TRAINING: dict[str, Option] = _FIELDS | {
    "test_curve": replace(_FIELDS["test_curve"], read=lambda e: e.flag() or None, default=None),
    "optimizer": replace(_FIELDS["optimizer"], read=_read_optimizer, default={"name": "sgd"}),
    "learning_rate": replace(_FIELDS["learning_rate"], default=None),
    "schedule": replace(_FIELDS["schedule"], read=_read_schedule, default=None),
    "early_stopping": replace(_FIELDS["early_stopping"], read=_read_stopping),
    "lookahead": replace(_FIELDS["lookahead"], read=_read_lookahead),
    "augment": replace(_FIELDS["augment"], read=_read_augment, default=None),
    "pretrain": replace(_FIELDS["pretrain"], read=_read_pretrain, schema=_pretrainings),
}
"""Settings of `training:`; the learning rate's default is the optimizer's in Keras."""


def read_training(entry: Entry) -> Spec:
    """Read `training:` into canonical plain data; errors are added to `entry.problems`."""
    data = read_options(entry, "setting of training", TRAINING)
    if "steps" in data:
        del data["epochs"]
    if data.get("stop_after", 0) >= data.get("epochs", math.inf):
        del data["stop_after"]
    if "learning_rate" not in data:
        data["learning_rate"] = OPTIMIZERS[data["optimizer"]["name"]].default_rate
    return data


def build_training(data: Spec) -> Training:
    """Build the recipe from canonical plain data (see `read_training`).

    Without data it is one epoch, because scikit-learn estimators have no recipe.
    """
    if not data:
        return Training(epochs=1)
    made = dict(data)
    stopping, schedule = made.get("early_stopping"), made.get("schedule")
    made["optimizer"] = Optimizer.parse(made["optimizer"])
    made["schedule"] = Schedule.parse(schedule or "constant")
    made["early_stopping"] = EarlyStopping(**stopping) if stopping else None
    lookahead = made.get("lookahead")
    made["lookahead"] = Lookahead(**lookahead) if lookahead else None
    pretrain = dict(made.get("pretrain") or {})
    made["pretrain"] = PRETRAININGS[pretrain.pop("name")](**pretrain) if pretrain else None
    made["test_curve"] = bool(made.get("test_curve"))
    made["augment"] = Augment.parse(made.get("augment") or {})
    return Training(**made)
