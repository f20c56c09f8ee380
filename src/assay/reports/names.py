"""Displayed names of trials, including the baseline: by their levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.plans import PlanData, PlannedTrial
from assay.statistics import factor_name

__all__ = ["BASELINE", "candidates_text", "marked", "named", "trial_names"]

BASELINE = "the baseline"
"""Name of a baseline of several factors in papers, which list its levels once."""


def trial_names(plan: PlanData) -> dict[str, str]:
    """Return {trial_id: name}: the level if one factor varies, else the trial's label.

    The baseline of a study with factors is named by its levels, like the other trials:
    "glorot_uniform", or "activation = relu, dropout = 0.2". A label that the user gave is kept.
    """
    return {trial["trial_id"]: _name(plan, trial) for trial in plan["trials"]}


def _name(plan: PlanData, trial: PlannedTrial) -> str:
    label, factors = str(trial["label"]), list(plan.get("factors") or {})
    levels = trial.get("levels") or {}
    said = {f: f"{factor_name(f, factors)} = {levels[f]}" for f in factors if f in levels}
    made = label == "baseline" == plan.get("baseline") or label in said.values()
    if len(factors) == 1 and said and made:
        return str(levels[factors[0]])
    return ", ".join(said.values()) if said and label == "baseline" and made else label


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


def marked(
    name: str, row: Mapping[str, object], marks: tuple[str, ...] = ("best", "baseline")
) -> str:
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
