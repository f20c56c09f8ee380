"""The plan of a search, which grows batch by batch; the store keeps it as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from assay.core.config import dotted
from assay.core.plans import PlanData, PlannedSearch
from assay.core.records import VALIDATION_ONLY, Config, run_config, trial_id
from assay.studies.contrasts import comparisons
from assay.studies.factors import label_of
from assay.studies.plan import Plan
from assay.studies.search.data import folded, refitted
from assay.studies.search.samplers.sampler import SAMPLERS, Asked
from assay.studies.search.search import Search
from assay.studies.study import Study
from assay.studies.trials import Trial

__all__ = [
    "SearchPlan",
    "Tried",
    "TriedRung",
    "planned_runs",
    "planned_trials",
    "planned_work",
    "rung_configs",
]

FACTOR = "trial"
"""Name of the only factor of a search's study: the rank among the best trials."""


@dataclass(frozen=True)
class TriedRung:
    """A trial up to a rung.

    Attributes:
        epochs: None for the complete budget.
        runs: names of its runs.
        wave: number of executions before the one that trained it.
    """

    epochs: int | None
    runs: list[str]
    wave: int


@dataclass
class Tried:
    """One trial of a search.

    Attributes:
        number: in the order of the proposals, from 0.
        config: its configuration with the complete budget, without a seed.
        same_as: number of an earlier trial of equal configuration, whose runs it shares.
        group: batch or bracket in which it was proposed.
        rungs: its rungs, in order.
    """

    number: int
    asked: Asked
    config: Config
    group: int
    same_as: int | None = None
    rungs: list[TriedRung] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Displayed label."""
        return f"#{self.number}"


def rung_configs(study: Study, config: Config, epochs: int | None) -> list[Config]:
    """Return the runs of a trial up to a rung: every fold with every seed.

    They never read the test part. A run with the complete budget is the same with and without
    rungs.

    Args:
        epochs: end of the rung; None for the complete budget.
    """
    search = _search(study)
    base: Config = {**config, VALIDATION_ONLY: True}
    recipe = config["training"]
    if epochs is not None and epochs < recipe["epochs"]:
        base["training"] = {**recipe, "stop_after": epochs}
    first = study.seeds[0] - search.repeats
    seeds = range(first, first + search.repeats)
    return [
        run_config({**base, "dataset": dataset}, seed)
        for dataset in folded(config["dataset"], search.folds)
        for seed in seeds
    ]


@dataclass
class SearchPlan(Plan):
    """All runs of a search so far.

    Attributes:
        tried: trials of the search; chosen: numbers of the best ones, once known.
    """

    trials: Sequence[Trial] = ()
    tried: list[Tried] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)
    impossible: int = 0

    @property
    def search(self) -> Search:
        """The search."""
        return _search(self.study)

    def finals(self) -> list[Trial]:
        """The best trials, to be trained again with seeds that chose nothing."""
        return [self._final(self.tried[number]) for number in self.chosen]

    def _final(self, tried: Tried) -> Trial:
        shown = ", ".join(self.search.space.shown(tried.asked.values).values())
        label = f"{tried.label} ({shown})"
        config, values, beside = tried.config, tried.asked.values, self.search.retrain
        if beside:
            config = self.search.configure(values, beside)
        if self.search.refit:
            config = {**config, "dataset": refitted(config["dataset"])}
        return Trial(label, {FACTOR: label}, config)

    def configs(self) -> Iterator[Config]:
        """Return the configuration of every run of the best trials, seed by seed."""
        for seed in self.study.seeds:
            for trial in self.finals():
                yield run_config(trial.config, seed)

    def to_json(self) -> PlanData:
        """Return plain data for reports, which do not need this package."""
        plan = super().to_json()
        finals = self.finals()
        factors = {FACTOR: [trial.label for trial in finals]}
        pairs = [(trial.id, trial.levels) for trial in finals]
        return {
            **plan,
            "factors": factors,
            "trials": [self._planned(trial) for trial in finals],
            "comparisons": comparisons(factors, pairs, self.study.contrasts),
            "metric": self.search.objective,
            # training images cannot select among the best, so the search has
            "selected": finals[0].id if finals and self.search.refit else None,
            "search": self._search_json(),
        }

    def _search_json(self) -> PlannedSearch:
        search = self.search
        halving = search.halving
        return {
            "sampler": search.sampler,
            "halving": asdict(halving) if halving else None,
            "objective": search.objective,
            "higher_is_better": search.higher_is_better,
            "repeats": search.repeats,
            "folds": search.folds,
            "batch": search.batch or SAMPLERS[search.sampler].batch,
            "planned": planned_trials(search),
            "points": search.points,
            "space": [p.to_json() for p in search.space.parameters],
            "constraints": [c.text for c in search.space.constraints],
            "brackets": [
                {"rungs": [{"trials": r.trials, "epochs": r.epochs} for r in bracket.rungs]}
                for bracket in search.brackets
            ],
            "retrain": {dotted(s.path): label_of(s.entry.value) for s in search.retrain},
            "chosen": list(self.chosen),
            "impossible": self.impossible,
            "trials": [
                {
                    "number": t.number,
                    "label": t.label,
                    "values": t.asked.values,
                    "shown": search.space.shown(t.asked.values),
                    "group": t.group,
                    "same_as": t.same_as,
                    "trial_id": trial_id(t.config),
                    "config": t.config,
                    "rungs": [
                        {**asdict(r), "epochs": r.epochs or t.config["training"].get("epochs")}
                        for r in t.rungs
                    ],
                }
                for t in self.tried
            ],
        }


def planned_trials(search: Search) -> int:
    """Return how many trials a search will propose."""
    if search.brackets:
        return sum(bracket.rungs[0].trials for bracket in search.brackets)
    if search.sampler == "grid":
        return min(n for n in (search.points, search.trials) if n is not None)
    return search.trials or 0


def planned_runs(study: Study) -> int:
    """How many runs a search will train at most, the best trials' last ones included."""
    search = _search(study)
    rungs = sum(rung.trials for bracket in search.brackets for rung in bracket.rungs)
    return (rungs or planned_trials(search)) * _runs_each(search) + search.best * len(study.seeds)


def planned_work(study: Study) -> float:
    """How much a search will train at most, in runs with the complete budget."""
    search = _search(study)
    whole = search.whole_epochs
    budgets = sum(bracket.epochs for bracket in search.brackets) / whole if whole else None
    trials = planned_trials(search) if budgets is None else budgets
    return trials * _runs_each(search) + search.best * len(study.seeds)


def _runs_each(search: Search) -> int:
    """Return the number of runs of a trial."""
    return search.repeats * (search.folds or 1)


def _search(study: Study) -> Search:
    assert study.search is not None
    return study.search
