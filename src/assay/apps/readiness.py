"""What must hold before a plan is trained: files, memory, engines and the user's own parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.errors import EngineError, MissingExtraError
from assay.core.plans import runs_by_label

if TYPE_CHECKING:
    from assay.core.records import Config, Spec
    from assay.engines.engine import Cohort
    from assay.execution.place import Machine
    from assay.studies.plan import Plan

__all__ = ["check_inputs", "check_plan", "known_runs", "refusals", "to_train"]


def check_inputs(groups: Sequence[Cohort], data_dir: Path | None) -> None:
    """Check the files of datasets, and the user's own datasets and tasks, before training."""
    from assay.data import check_files

    check_files(_datasets(groups), data_dir)
    _try_tasks(groups, data_dir)


def check_plan(
    plan: Plan, data_dir: Path | None, machine: Machine, stored: Collection[str] = ()
) -> list[str]:
    """Check that this machine and the engines can train the runs of a plan, or the first samples
    of a search, that the user's own files can be read, and that own tasks do what `Task` says
    on the datasets that are here.

    Args:
        stored: runs that need no training.

    Returns:
        What has to be installed first, and notes about datasets of which a part is left out.

    Raises:
        ConfigError: this machine has too little memory, or an own task does something else.
        DataError: the user's own files are damaged.
        EngineError: one cannot; the message names the trial if there are several.
    """
    from assay.data import check_files, load
    from assay.studies.estimate import check_memory
    from assay.studies.members import cohorts

    groups = cohorts(known_runs(plan), data_dir)
    if not machine.place.remote:
        check_memory(groups, data_dir)  # before an engine measures networks
    missing = to_train(groups, stored)
    specs = _datasets(missing)
    check_files(specs, data_dir, fetch=False)
    _try_tasks([g for g in missing if _is_here(g.members[0].config["dataset"], data_dir)], data_dir)
    left_out = [spec for spec in specs if "on_error" in spec]
    told = [f"data: {note}" for spec in left_out for note in load(spec, data_dir).notes]
    return list(dict.fromkeys([*map(str, refusals(plan, missing, machine)), *told]))


def _try_tasks(groups: Sequence[Cohort], data_dir: Path | None) -> None:
    from assay.studies.members import try_tasks

    try_tasks([member.config for group in groups for member in group.members], data_dir)


def _is_here(spec: Spec, data_dir: Path | None) -> bool:
    """Whether a dataset needs no published files, or all of them are there."""
    from assay.data import find
    from assay.data.catalog import ENTRIES

    name = str(spec["name"])
    return not ENTRIES[name].sources or find(name, data_dir) is not None


def to_train(groups: Sequence[Cohort], stored: Collection[str]) -> list[Cohort]:
    """Return the cohorts with a run that is not stored."""
    return [g for g in groups if any(m.run_id not in stored for m in g.members)]


def _datasets(groups: Sequence[Cohort]) -> list[Spec]:
    """Return the datasets of cohorts, once each."""
    found = [group.members[0].config["dataset"] for group in groups]
    return list({repr(spec): spec for spec in found}.values())


def known_runs(plan: Plan) -> list[Config]:
    """Return the runs of a plan; of a search, the first of each sample."""
    from assay.studies.search.plan import rung_configs

    if (search := plan.study.search) is None:
        return list(plan.configs())
    first = search.brackets[0].rungs[0].epochs if search.brackets else None
    return [rung_configs(plan.study, config, first)[0] for config in search.samples]


def refusals(plan: Plan, groups: Sequence[Cohort], machine: Machine) -> list[MissingExtraError]:
    """Check that the engines can train these cohorts; return what has to be installed first.

    Raises:
        EngineError: one cannot; the message says where the setting was written.
    """
    from assay.engines.engine import Resources
    from assay.execution.execute import check_engines
    from assay.studies.written import mark_of

    several = runs_by_label(plan.to_json()) if len(plan.trials) > 1 else ()
    labels = {run: label for label, runs in several for run in runs}
    resources = Resources(device=machine.place.device(machine.device or "auto"))
    missing = []
    for group in groups:
        try:
            check_engines([group], resources, lambda run: labels.get(run, ""))
        except (EngineError, MissingExtraError) as error:
            trial = next((t for t in plan.trials if t.id == group.members[0].trial_id), None)
            setting = error.setting if isinstance(error, EngineError) else "engine"
            device = setting == "device"
            mark = machine.device_mark if device else mark_of(plan.study, setting, trial)
            said = f"{mark}: {error}" if mark else str(error)
            if isinstance(error, EngineError):
                raise EngineError(said, setting) from None
            missing.append(MissingExtraError(said))
    return missing
