"""Look-up of a name in a store: a study, one of its trials, or a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from assay.core.errors import StoreError, did_you_mean, nearest
from assay.core.plans import PlanData, PlannedTrial
from assay.core.store import Store
from assay.core.trial_names import exact_label, named_label, spellings, unknown_trial
from assay.reports.names import names_by_label

__all__ = ["Found", "find_stored"]

SHORTEST = 4
"""Minimum number of characters of a trial's identity."""


@dataclass(frozen=True)
class Found:
    """What a name refers to.

    Attributes:
        plan: the plan of the study; empty for a run.
        trial: the trial in the plan; None for a whole study or a run.
        run: the name of the run; "" for a study or a trial.
    """

    plan: PlanData
    trial: PlannedTrial | None = None
    run: str = ""

    @property
    def runs(self) -> list[str]:
        """The run itself, or all planned runs of the trial or study."""
        if self.run:
            return [self.run]
        trials = self.plan["trials"] if self.trial is None else [self.trial]
        return [run for trial in trials for run in trial["runs"]]


def find_stored(
    store: Store, name: str, *, trials: bool = False, others: Iterable[str] = ()
) -> Found:
    """Find what `name` refers to in a store.

    Args:
        name: a study (without its scale where only one is stored), or the start of a run's name.
        trials: also accept a trial: its label or its name in tables, STUDY:LABEL, or the start of
            its identity.
        others: further names to suggest in the error.

    Raises:
        StoreError: the name is unknown or ambiguous, or what it names is damaged.
    """
    studies = store.study_names()
    scales = [study for study in studies if study.partition("@")[0] == name]
    if name in studies or scales:
        return Found(store.plan(name))
    plans = {str(plan["study"]): plan for plan in store.plans()} if trials else {}
    run = bool(name) and any(run.startswith(name) for run in store.run_ids())
    found = _trials(store, plans, name, exact_label) if trials else []
    if trials and not found and not run:
        found = _trials(store, plans, name, named_label)
    if len(found) > 1:
        said = ", ".join(f"{f.plan['study']}:{f.trial['label']}" for f in found if f.trial)
        raise StoreError(f"{name!r} can mean {len(found)} trials: {said}")
    if found:
        return found[0]
    if run:
        return Found({}, run=store.find(name))
    written = [said for plan in plans.values() for said in spellings(names_by_label(plan))]
    hint = did_you_mean(nearest(name, [*studies, *written, *others]))
    kinds = "study, trial or run" if trials else "study or run"
    raise StoreError(f"no {kinds} {name!r} in the store {store.path}{hint}")


def _trials(
    store: Store,
    plans: Mapping[str, PlanData],
    name: str,
    label_in: Callable[[Mapping[str, str], str], str | None],
) -> list[Found]:
    """Return the trials that a name can mean; a trial of several studies counts once."""
    names = store.study_names()
    study, colon, label = name.partition(":")
    if colon and study in {*names, *(stored.partition("@")[0] for stored in names)}:
        plan = store.plan(study)  # the error describes the damage, or names the scales
        return [Found(plan, _labelled(plan, label))]
    found: dict[str, Found] = {}
    for plan in plans.values():
        meant = label_in(names_by_label(plan), name)
        for trial in plan["trials"]:
            identity = trial["trial_id"]
            start = len(name) >= SHORTEST and identity.startswith(name)
            if start or trial["label"] == meant:
                found.setdefault(identity, Found(plan, trial))
    return list(found.values())


def _labelled(plan: PlanData, label: str) -> PlannedTrial:
    names = names_by_label(plan)
    found = named_label(names, label)
    if found is None:
        raise StoreError(unknown_trial(str(plan["study"]), names, label))
    return next(trial for trial in plan["trials"] if trial["label"] == found)
