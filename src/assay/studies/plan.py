"""A plan: every run of a study before training, and its JSON in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from assay.core.config import Problems
from assay.core.errors import ConfigError, did_you_mean, nearest
from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Config, run_config, run_id
from assay.core.trial_names import named_label
from assay.studies.members import cohorts, resolve_member
from assay.studies.study import Study, Trial
from assay.studies.trials import names_by_label
from assay.studies.variation import varied

__all__ = ["Plan", "cohorts", "make_plan", "resolve_member"]


@dataclass
class Plan:
    """All runs of a study, the same seeds for every trial.

    Attributes:
        trials: the trials to train now. The store keeps the plan of all, so that the others count
            as missing.
    """

    study: Study
    trials: Sequence[Trial]

    def configs(self) -> Iterator[Config]:
        """Return the configuration of every run to train: all trials for each seed in turn.

        So an interrupted study has all trials for the first seeds, instead of some trials for all
        seeds.
        """
        for seed in self.study.seeds:
            for trial in self.trials:
                yield run_config(trial.config, seed)

    def runs(self) -> dict[str, Config]:
        """run_id -> configuration, in the order of `configs`."""
        return {run_id(config): config for config in self.configs()}

    @property
    def name(self) -> str:
        """Name of the plan in the store; each scale is stored under its own name."""
        study = self.study
        return study.name if study.scale == "full" else f"{study.name}@{study.scale}"

    def _varied(self) -> tuple[str, ...]:
        """Return what differs between the runs of a trial, by the names of `vary:`."""
        return varied(next(iter(self.configs()), {}))

    def _planned(self, trial: Trial) -> PlannedTrial:
        return {
            "label": trial.label,
            "trial_id": trial.id,
            "levels": trial.levels,
            "config": trial.config,
            "runs": [run_id(run_config(trial.config, seed)) for seed in self.study.seeds],
        }

    def to_json(self) -> PlanData:
        """Return plain data for reports, which do not need this package."""
        study = self.study
        return {
            "study": self.name,
            "question": study.question,
            "scale": study.scale,
            "command": study.command,
            "design": study.design,
            "source": {
                "written": study.written,
                "seeds": list(study.seeds),
                "save_weights": study.save_weights,
            },
            **study.judging.to_json(),
            "vary": list(self._varied()),
            **study.contrasts.to_json(),
            "published": [asdict(figure) for figure in study.published],
            "baseline": study.baseline,
            "factors": study.factors,
            "trials": [self._planned(trial) for trial in study.trials],
            "comparisons": list(study.comparisons),
        }


def make_plan(study: Study, only: Sequence[str] = ()) -> Plan:
    """Plan every run of a study.

    Args:
        only: labels of the trials to train now, or of levels, which mean all trials at that level;
            empty for all trials.

    Raises:
        ConfigError: no trial of the study has such a label.
    """
    printed = names_by_label(study)
    names = {trial.label: {trial.label, *trial.levels.values()} for trial in study.trials}
    known = sorted(set(printed.values()).union(*names.values()))
    problems, wanted = Problems(), set(only)
    for label in only:
        if (meant := named_label(printed, label)) is not None:
            wanted.add(meant)
        elif label not in known:
            hint = did_you_mean(nearest(label, known))
            said = f"only: {study.name} has no trial or level {label!r}{hint}"
            problems.add(ConfigError(f"{said} (`assay show {study.name}` lists them)"))
    problems.raise_if_any()
    return Plan(study, [t for t in study.trials if not only or names[t.label] & wanted])
