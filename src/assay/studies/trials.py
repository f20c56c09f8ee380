"""The trials of a study: labelled, each configuration once, the baseline recognised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.core.config import Problems
from assay.core.errors import ConfigError
from assay.core.records import Config, trial_id
from assay.core.trial_names import named_label, trial_name, unknown_trial
from assay.studies.design import Cell, Design, trial_label
from assay.studies.factors import TRIAL, Factor, Level, Setting, label_of
from assay.studies.settings import SECTIONS

if TYPE_CHECKING:
    from assay.studies.study import Study

__all__ = ["Trial", "TrialTable", "find_trial", "names_by_label"]


@dataclass(frozen=True)
class Trial:
    """One configuration of a study.

    Attributes:
        label: displayed label ("activation = tanh").
        levels: the label of each factor's level.
        config: the canonical configuration, without a seed.
        settings: what its levels set, with the places.
    """

    label: str
    levels: dict[str, str]
    config: Config
    settings: tuple[Setting, ...] = field(default=(), compare=False, repr=False)

    @property
    def id(self) -> str:
        """The trial's identity."""
        return trial_id(self.config)


def names_by_label(study: Study) -> dict[str, str]:
    """Return {label: name in tables} of the trials of a study."""
    return {
        trial.label: trial_name(trial.label, trial.levels, study.factors, study.baseline)
        for trial in study.trials
    }


def find_trial(study: Study, said: str | None = None) -> Trial:
    """Return the trial of a study by its label or its name in tables; the first one for None.

    Raises:
        ConfigError: there is no such trial.
    """
    if not study.trials:
        raise ConfigError(
            f"study {study.name} is a search, so it has no trials before it has run; "
            "expected a study with factors or trials"
        )
    if said is None:
        return study.trials[0]
    names = names_by_label(study)
    label = named_label(names, said)
    if label is None:
        raise ConfigError(unknown_trial(study.name, names, said))
    return next(trial for trial in study.trials if trial.label == label)


class TrialTable:
    """Collects trials, drops duplicates of the baseline, and refuses other duplicates."""

    def __init__(self, factors: list[Factor], design: Design, problems: Problems):
        self.factors, self.design, self.problems = factors, design, problems
        self.rows: dict[str, tuple[Cell, Config]] = {}
        self.base: str | None = None
        self.base_levels: dict[str, Level] = {}

    def add(self, cell: Cell, config: Config) -> None:
        """Add the trial of a cell, given its canonical configuration."""
        identity = trial_id(config)
        set_levels = [(f, lv) for f, lv in zip(self.factors, cell, strict=True) if lv]
        one_at_a_time = self.design.name == "one_at_a_time"
        if identity not in self.rows:
            self.rows[identity] = (cell, config)
            if one_at_a_time and not set_levels:
                self.base = identity
            return
        factor, level = set_levels[-1]
        if one_at_a_time and identity == self.base and factor.name not in self.base_levels:
            self.base_levels[factor.name] = level
            return
        this, other = self._describe(cell), self._describe(self.rows[identity][0])
        other = other or f"{factor.name} = {self.base_levels[factor.name].label}"
        said = f"{this} is given twice" if this == other else f"{this} means the same as {other}"
        self.problems.add(level.entry.error(said))

    def _describe(self, cell: Cell) -> str:
        return ", ".join(
            level.label if factor.name == TRIAL else f"{factor.name} = {level.label}"
            for factor, level in zip(self.factors, cell, strict=True)
            if level
        )

    def finish(self, name: str) -> tuple[list[Trial], dict[str, list[str]], str | None]:
        """Return all trials, the level labels of each factor, and the baseline's label if it is a
        trial; labels that two levels or two trials have are added to the problems.

        Args:
            name: label of the only trial of a study without factors.
        """
        reference = {f.name: self._reference(f) for f in self.factors} if self.base else {}
        labels = {}
        for factor in self.factors:
            self._check_levels(factor)
            names = [level.label for level in factor.levels]
            first = reference.get(factor.name, names[0])
            labels[factor.name] = [first, *(n for n in names if n != first)]
        rows = self.rows.values()
        trials = [self._trial(cell, config, reference, name) for cell, config in rows]
        base = "baseline" if self.factors else name
        if not self.problems:
            trials = self._distinct(trials)
        return trials, labels, base if self.base else None

    def _check_levels(self, factor: Factor) -> None:
        """Add to the problems what would make two levels of a factor the same in a plan."""
        seen: set[str] = set()
        for level in factor.levels:
            if level.label in seen:
                said = f"another level of {factor.name} has the label {level.label} as well"
                named = f"name the levels: {{LABEL: {{{factor.name}: VALUE}}}}"
                self.problems.add(level.entry.error(f"{said}; {named}"))
            seen.add(level.label)
            is_base = self.base_levels.get(factor.name) is level
            if self.base and level.label == "baseline" and not is_base:
                said = f"level baseline of {factor.name} is not the baseline of the study"
                error = level.entry.error(f"{said}, which has this label; rename it", key=True)
                self.problems.add(error)

    def _distinct(self, trials: list[Trial]) -> list[Trial]:
        """Return the trials with the factors in labels that several have: "dropout = on"."""
        cells = [cell for cell, _ in self.rows.values()]
        times = Counter(trial.label for trial in trials)
        found = [
            replace(trial, label=self._describe(cell)) if times[trial.label] > 1 else trial
            for trial, cell in zip(trials, cells, strict=True)
        ]
        seen: set[str] = set()
        for trial, cell in zip(found, cells, strict=True):
            if trial.label in seen:
                said = f"another trial has the label {trial.label} as well; rename this level"
                last = [level for level in cell if level][-1]
                self.problems.add(last.entry.error(said, key=True))
            seen.add(trial.label)
        return found

    def _reference(self, factor: Factor) -> str:
        """Return the label of the baseline's level: that of an equal level, or of its own value."""
        if factor.name in self.base_levels:
            return self.base_levels[factor.name].label
        value: Any = self.rows[self.base or ""][1]
        for part in factor.name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        label = label_of(value) if factor.name.split(".")[0] in SECTIONS else "baseline"
        return "baseline" if label in {level.label for level in factor.levels} else label

    def _trial(self, cell: Cell, config: Config, reference: dict[str, str], name: str) -> Trial:
        levels = {
            f.name: level.label if level else reference[f.name]
            for f, level in zip(self.factors, cell, strict=True)
        }
        if not any(cell):
            return Trial("baseline" if self.factors else name, levels, config)
        shown = {f.name: lv.label for f, lv in zip(self.factors, cell, strict=True) if lv}
        label = trial_label(shown, [f.name for f in self.factors])
        settings = tuple(s for level in cell if level for s in level.settings)
        return Trial(label, levels, config, settings)
