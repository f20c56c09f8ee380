"""A plan: every run of a study, before any is trained; the JSON that a store keeps of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.core.config import Problems
from assay.core.errors import ConfigError, did_you_mean, nearest
from assay.core.records import Config, run_config, run_id
from assay.studies.members import cohorts, resolve_member
from assay.studies.study import Study, Trial
from assay.studies.variation import varied

__all__ = ["Plan", "cohorts", "make_plan", "resolve_member"]


@dataclass
class Plan:
    """All runs of a study, the same seeds for every trial.

    Attributes:
        trials: those that are to be trained now. A store keeps the plan of all, so that the others
            count as missing.
    """

    study: Study
    trials: Sequence[Trial]

    def configs(self) -> Iterator[Config]:
        """The configuration of every run to train: trial by trial for each seed in turn.

        So an interrupted study has every trial at the first seeds, not some trials at all seeds.
        """
        for seed in self.study.seeds:
            for trial in self.trials:
                yield run_config(trial.config, seed)

    def runs(self) -> dict[str, Config]:
        """run_id -> configuration, in the order of `configs`."""
        return {run_id(config): config for config in self.configs()}

    @property
    def name(self) -> str:
        """What the store calls the plan; scales are kept side by side, because a quick look must
        not hide the full results."""
        study = self.study
        return study.name if study.scale == "full" else f"{study.name}@{study.scale}"

    def _varied(self) -> tuple[str, ...]:
        """What differs between the runs of a trial, by the names that a study uses."""
        return varied(next(iter(self.configs()), {}))

    def to_json(self) -> dict[str, Any]:
        """Plain data from which reports work, without this package."""
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
            "trials": [
                {
                    "label": trial.label,
                    "trial_id": trial.id,
                    "levels": trial.levels,
                    "config": trial.config,
                    "runs": [run_id(run_config(trial.config, seed)) for seed in study.seeds],
                }
                for trial in study.trials
            ],
            "comparisons": list(study.comparisons),
        }


def make_plan(study: Study, only: Sequence[str] = ()) -> Plan:
    """Plan every run of a study.

    Args:
        only: labels of the trials to train now, or of levels, which mean all trials at that level;
            none for all trials.

    Raises:
        ConfigError: a label that no trial of the study has.
    """
    names = {trial.label: {trial.label, *trial.levels.values()} for trial in study.trials}
    known = sorted(set().union(*names.values()))
    problems = Problems()
    for label in only:
        if label not in known:
            hint = did_you_mean(nearest(label, known))
            said = f"only: {study.name} has no trial or level {label!r}{hint}"
            problems.add(ConfigError(f"{said} (`assay show {study.name}` lists them)"))
    problems.raise_if_any()
    return Plan(study, [t for t in study.trials if not only or names[t.label] & set(only)])
