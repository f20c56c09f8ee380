"""The keys of `search:`, with range, default and help."""

from __future__ import annotations

from typing import Any

from assay.core.config import Option
from assay.core.options import (
    REQUIRED,
    choice,
    deferred,
    flag,
    integer,
    named_schema,
    number,
    object_schema,
    text,
)
from assay.studies.search.samplers.sampler import SAMPLERS
from assay.studies.search.search import HALVING

__all__ = ["HALVING_OPTIONS", "PARAMETER", "SEARCH", "sampler_tables"]

_MOST = 10_000

PARAMETER = {
    "choice": deferred(
        None,
        help="Values to choose from, or a mapping of names to settings.",
        schema={"type": ["array", "object"]},
        accepts="a list, or `{name: {setting: value}}`",
        example=["relu", "tanh"],
    ),
    "int": deferred(
        None,
        help="A range of whole numbers, both ends included.",
        schema={"type": ["array", "object"]},
        accepts="`[low, high]` or `{low, high, step, log}`",
        example=[1, 8],
    ),
    "float": deferred(
        None,
        help="A range of numbers.",
        schema={"type": ["array", "object"]},
        accepts="`[low, high]` or `{low, high, step, log}`",
        example=[0.1, 0.5],
    ),
    "step": number(None, above=0, help="Step between neighbouring values.", example=2),
    "log": flag(help="Sample on a logarithmic scale."),
    "when": text(
        None,
        help="A condition: the parameter is active only if it is true.",
        accepts="an expression of parameters above it",
        example="layers >= 2",
    ),
}
"""Keys of one parameter in `space:`."""

HALVING_OPTIONS = {
    "eta": integer(3, low=2, high=10, help="Each rung keeps the best 1 / eta of its trials."),
    "min_epochs": integer(1, low=1, help="Epochs of the first rung."),
    "rounds": integer(1, low=1, high=100, help="Number of times to run all brackets."),
    "proposals": choice(
        None,
        "sampler",
        lambda: [name for name in SAMPLERS if name != "grid"],
        help="The sampler that proposes the trials; `random` by default, `tpe` for bohb.",
        example="tpe",
    ),
}
"""Settings of the samplers that stop trials at rungs."""


def sampler_tables() -> dict[str, dict[str, Option]]:
    """Return the settings of each sampler."""
    return {**{name: {} for name in SAMPLERS}, **dict.fromkeys(HALVING, HALVING_OPTIONS)}


def _parameter_schema() -> dict[str, Any]:
    return {"anyOf": [{"type": "array"}, object_schema(PARAMETER)]}


SEARCH: dict[str, Option] = {
    "sampler": deferred(
        ("random", None),
        help="The sampler that proposes the trials, by name or with its settings.",
        schema=lambda: named_schema("name", sampler_tables()),
        accepts="a sampler (see Samplers)",
        example={"name": "hyperband", "eta": 3},
    ),
    "trials": integer(
        low=1, high=_MOST, help="Number of trials; all of them by default for grid.", example=40
    ),
    "objective": text(
        "",
        help="The validation metric to optimize; the task's main metric by default.",
        accepts="a metric such as `val_loss`",
        example="val_accuracy",
    ),
    "space": deferred(
        REQUIRED,
        help="The parameters of the search: dotted settings, or names for expressions, and their "
        "values.",
        schema=lambda: {"type": "object", "additionalProperties": _parameter_schema()},
        accepts="a mapping (see Space)",
        example={"training.learning_rate": {"float": [0.0001, 0.1], "log": True}},
    ),
    "set": deferred(
        (),
        help="Settings computed from the parameters.",
        schema={"type": "object"},
        accepts="`{setting: expression}`",
        example={"network.hidden": "[units] * layers"},
    ),
    "constraints": deferred(
        (),
        help="Conditions that every trial must satisfy.",
        schema={"type": ["array", "string"], "items": {"type": "string"}},
        accepts="an expression or a list of them",
        example=["units * layers <= 1024"],
    ),
    "batch": integer(
        low=1,
        high=_MOST,
        help="Number of trials proposed at once; the sampler's choice by default.",
        example=8,
    ),
    "repeats": integer(
        1, low=1, high=100, help="Number of runs of each trial, with different seeds."
    ),
    "folds": integer(
        low=2,
        high=100,
        help="Number of cross-validation folds for each trial; none by default.",
        example=5,
    ),
    "best": integer(3, low=1, high=100, help="Number of best trials to train again."),
    "refit": flag(help="Train the best trials on the validation images as well."),
    "retrain": deferred(
        (),
        help="Settings that the best trials have when they are trained again, such as more epochs.",
        schema={"type": "object"},
        accepts="`{setting: value}`",
        example={"training.epochs": 30},
    ),
}
"""Keys of `search:`."""
