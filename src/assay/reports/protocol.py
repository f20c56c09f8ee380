"""What a reader must know of the images that a study was validated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.plans import PlanData
from assay.core.records import Config, Record
from assay.reports.names import trial_names

__all__ = [
    "DATA_WORDS",
    "ahead_text",
    "choice_note",
    "dataset_setting",
    "refit_note",
    "searched_note",
    "training_command",
    "tuned_note",
    "tuned_sides",
    "when_tested",
]

DATA_WORDS = {"validate_on_test": "validated on the test images"}
"""What the name of data says of a setting that is on."""

_TUNED = (
    "also the validation images (`dataset.validate_on_test`): test results were read while tuning, "
    "and are not those of unseen images."
)


def dataset_setting(config: Config, name: str) -> object:
    """Return a setting of a configuration's dataset; None if it has none."""
    spec = config.get("dataset")
    return spec.get(name) if isinstance(spec, Mapping) else None


def tuned_note(plan: PlanData) -> str:
    """Say which trials of a study were validated on the test images; "" if none was."""
    trials = plan["trials"]
    tuned = _having(trials, "validate_on_test")
    searched = plan["search"]["trials"] if plan.get("search") else []
    if not tuned and not _having(searched, "validate_on_test"):
        return ""
    called = trial_names(plan)
    return _tuned([called[trial["trial_id"]] for trial in tuned], len(tuned) in (0, len(trials)))


def tuned_sides(sides: Mapping[str, Sequence[Record]]) -> str:
    """Say which of these runs, by the name of their side, were validated on the test images."""
    names = [
        name
        for name, records in sides.items()
        if any(dataset_setting(r.config, "validate_on_test") for r in records)
    ]
    return _tuned(names, len(names) == len(sides)) if names else ""


def _tuned(names: Sequence[str], every: bool) -> str:
    if every:
        return f"The test images are {_TUNED}"
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    *first, last = [*names[:3], *more]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"The test images of {listed} are {_TUNED}"


def training_command(plan: PlanData) -> str:
    """Return the command that trains the runs of a study; "" for imported results and for studies
    that another command plans, which can only be read."""
    command = str(plan.get("command") or f"assay run {plan['study']}")
    return "" if command.startswith("assay report") else command


def when_tested(configs: Sequence[Config]) -> str:
    """Say when the test images of some trials are read, and whether they choose anything; "" for
    imported results, of which nobody knows."""
    if configs and all("imported" in config for config in configs):
        return ""
    if any(dataset_setting(config, "validate_on_test") for config in configs):
        return "test images that are also validation images were read while tuning"
    if any(config.get("training", {}).get("test_curve") for config in configs):
        return "the test images choose nothing; they are read at every evaluation, for a curve"
    return "the test images are read once for each run, at its end"


def searched_note(plan: PlanData) -> str:
    """Say what the values of a search are worth."""
    optimistic = "The best value found by a search is too optimistic"
    if tuned_note(plan):
        return (
            "Evaluated on the validation images, which are also the test images "
            f"(`dataset.validate_on_test`). {optimistic}, and so are test results of the trials "
            "that were trained again, which it chose by these images."
        )
    return (
        "Evaluated on validation alone; these runs never read the test images. "
        f"{optimistic}; the trials that were trained again show what it is worth."
    )


def choice_note(plan: PlanData, chosen: bool) -> str:
    """Say what the best trial was chosen by.

    Args:
        chosen: whether the study has a best trial.
    """
    if plan.get("selected"):
        return f"{_REFIT}; best: of the search."
    if note := refit_note(plan, chosen):
        return note
    by = "best: chosen by the validation metric alone, among trials with the same data."
    return by if chosen else ""


def ahead_text(names: Sequence[str]) -> str:
    """Say that trials have a better mean than the best one, but not of all their runs."""
    *most, last = names
    said = f"{', '.join(most)} and {last} have" if most else f"{last} has"
    return f"{said} a better mean on validation, but only of the runs that finished"


_REFIT = "Trained on the validation images as well, so metrics on them are meaningless"


def refit_note(plan: PlanData, chosen: bool) -> str:
    """Say which trials were trained on their validation images, for nothing; "" if none was, or if
    a search has chosen before.

    Args:
        chosen: whether the study has a best trial.
    """
    refit = _having(plan["trials"], "refit")
    if not refit or plan.get("selected"):
        return ""
    if len(refit) == len(plan["trials"]):
        return f"{_REFIT}{', and so is the choice of the best' if chosen else ''}."
    others = "; the best is chosen among the others" if chosen else ""
    return f"Some trials: {_REFIT[0].lower()}{_REFIT[1:]}{others}."


def _having(trials: Sequence[Any], name: str) -> list[Any]:
    return [trial for trial in trials if dataset_setting(trial.get("config") or {}, name)]
