"""Displayed names of trials, including the baseline: by their levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.plans import PlanData, PlannedTrial
from assay.core.trial_names import MARKS, factor_name, trial_name

__all__ = ["BASELINE", "candidates_text", "marked", "named", "names_by_label", "trial_names"]

BASELINE = "the baseline"
"""Name of a baseline of several factors in papers, which list its levels once."""


def trial_names(plan: PlanData) -> dict[str, str]:
    """Return {trial_id: name}, see `trial_name`."""
    return {trial["trial_id"]: _name(plan, trial) for trial in plan["trials"]}


def _name(plan: PlanData, trial: PlannedTrial) -> str:
    factors, levels = list(plan.get("factors") or {}), trial.get("levels") or {}
    return trial_name(str(trial["label"]), levels, factors, plan.get("baseline"))


def names_by_label(plan: PlanData) -> dict[str, str]:
    """Return {label: name in tables} of the trials of a plan."""
    return {str(trial["label"]): _name(plan, trial) for trial in plan["trials"]}


def named(plan: PlanData, *, short: bool = False) -> PlanData:
    """Return a plan whose trials have their names as labels.

    Args:
        short: name a baseline of several factors `BASELINE` instead of listing its levels.
    """
    names = trial_names(plan)
    if short and len(plan.get("factors") or {}) > 1:
        base = [t["trial_id"] for t in plan["trials"] if t["label"] == plan.get("baseline")]
        names |= {t: BASELINE for t in base if names[t].count(" = ") > 1}
    new = {str(t["label"]): names[t["trial_id"]] for t in plan["trials"]}
    return {
        **plan,
        "trials": [{**t, "label": names[t["trial_id"]]} for t in plan["trials"]],
        "baseline": new.get(str(plan.get("baseline")), plan.get("baseline")),
        "published": [
            {**entry, "trial": new.get(str(entry.get("trial")), entry.get("trial"))}
            for entry in plan.get("published") or []
        ],
    }


def marked(name: str, row: Mapping[str, object], marks: tuple[str, ...] = MARKS) -> str:
    """Return a name with its marks: "glorot_uniform (best, baseline)"."""
    true = [mark for mark in marks if row.get(mark) and not name.endswith(mark)]
    return f"{name} ({', '.join(true)})" if true else name


_PLURALS = {
    "activation": "activations",
    "batch_size": "batch sizes",
    "bias_initializer": "bias initializers",
    "dataset": "datasets",
    "engine": "engines",
    "family": "network families",
    "initializer": "initializers",
    "kernel_initializer": "initializers",
    "kernel_regularizer": "regularizers",
    "kernel_size": "kernel sizes",
    "learning_rate": "learning rates",
    "loss": "losses",
    "momentum": "momenta",
    "network": "networks",
    "optimizer": "optimizers",
    "precision": "precisions",
    "recipe": "recipes",
    "regularizer": "regularizers",
    "schedule": "schedules",
    "trial": "trials",
    "weight_decay": "weight decays",
}


def candidates_text(plan: PlanData, trials: Sequence[PlannedTrial], number: int) -> str:
    """Describe so many candidates among `trials`: "4 initializers"."""
    factors = list(plan.get("factors") or {})
    varied = [f for f in factors if len({str((t.get("levels") or {}).get(f)) for t in trials}) > 1]
    if len(varied) == 1:
        name = factor_name(varied[0], varied)
        return f"{number} {_PLURALS.get(name, f'levels of {name}')}"
    every = factors and plan.get("design") == "full_factorial"
    return f"{number} {'combinations' if every else 'trials'}"
