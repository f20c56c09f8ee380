"""Execution of a search: ask for a batch, train its missing runs, report, and repeat.

The records are the only state. An interrupted search is repeated from its start: with its seed the
sampler proposes the same trials, whose records are in the store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from assay.core.errors import AssayError, CodeChangedError, ConfigError, StudyInterrupted
from assay.core.records import Record, mean_metric, run_id, trial_id
from assay.core.store import Store
from assay.engines.engine import Resources
from assay.execution.events import Event
from assay.execution.execute import Summary, execute
from assay.execution.executors.executor import Crew
from assay.execution.place import Place
from assay.execution.search_progress import SearchProgress
from assay.execution.stop import interrupts, with_store
from assay.studies.members import cohorts
from assay.studies.search.hyperband import Bracket, promoted
from assay.studies.search.plan import SearchPlan, Tried, TriedRung, planned_trials, rung_configs
from assay.studies.search.samplers.own import make_sampler
from assay.studies.search.samplers.sampler import SAMPLERS, Asked

__all__ = ["run_search"]

TRIES = 1000
"""Number of consecutive impossible proposals after which a search gives up."""


def run_search(
    plan: SearchPlan,
    store: Store,
    resources: Resources,
    *,
    data_dir: Path | None = None,
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    executor: str | Place | None = None,
) -> Summary:
    """Search, then train the best trials again with fresh seeds.

    Args:
        plan: plan of a study with a search; it grows, and is stored after every batch.
        resources, data_dir, workers, on_event, executor: as for `execute`.

    Raises:
        ConfigError: no point of the space can be trained.
        StudyInterrupted: the user stopped it; the same command resumes.
    """
    # one thread each, so that the rounding of a run does not depend on the others
    single = replace(resources, save_weights=False, threads=resources.threads or 1)
    with Crew() as crew, interrupts() as stopped:
        progress = SearchProgress(plan.study, on_event or (lambda event: None))
        training = _Training(plan, store, data_dir, workers, executor, crew, progress)
        course = _SearchCourse(plan, training, single, stopped)
        try:
            if plan.search.brackets:
                course.brackets()
            else:
                course.batches()
            plan.chosen = course.best()
            last = list(plan.configs())
            training.run(last, resources, float(len(last)))
            store.save_plan(plan.to_json())
        except KeyboardInterrupt as error:
            raise StudyInterrupted(
                _how_to_resume(plan, store), getattr(error, "kept", "")
            ) from None
    return training.progress.summary()


@dataclass
class _Training:
    """Trains runs and returns their records."""

    plan: SearchPlan
    store: Store
    data_dir: Path | None
    workers: int | None
    executor: str | Place | None
    crew: Crew
    progress: SearchProgress
    _seen: set[str] = field(default_factory=set)

    def run(self, configs: Sequence[dict], resources: Resources, work: float) -> dict[str, Record]:
        """Return the records of these runs by name, except failed ones.

        Args:
            work: what they will train, in runs with the complete budget.
        """
        names = {run_id(config): config for config in configs}
        fresh = {name: config for name, config in names.items() if name not in self._seen}
        self._seen |= fresh.keys()
        self.progress.expect(len(fresh), len(configs), work)
        if fresh:
            summary = execute(
                self.plan.to_json(),
                cohorts(fresh.values(), self.data_dir),
                self.store,
                resources,
                data_dir=self.data_dir,
                workers=self.workers,
                on_event=self.progress,
                executor=self.executor,
                crew=self.crew,
            )
            self.progress.add(summary)
        present = sorted(self.store.present(names))
        found = {r.run_id: r for r in self.store.records(present, arrays=False)}
        self._check_objective(found.values())
        return found

    def _check_objective(self, records: Iterable[Record]) -> None:
        """Refuse stored runs without the objective."""
        objective = self.plan.search.objective
        for record in records:
            why = record.provenance.get("metrics_lacking", {}).get(objective)
            if record.status == "finished" and why:
                raise ConfigError(
                    f"run {record.run_id} has no {objective}, which is the objective of this "
                    f"search: {why}; use another store, or an objective that the run has: "
                    + ", ".join(sorted(n for n in record.metrics if n.startswith("val_")))
                )


class _SearchCourse:
    """A running search: asks the sampler, trains and reports.

    Attributes:
        values: trial number -> objective at its last rung; None where `mean_metric` has none.
        complete: numbers of the trials with the complete budget.
    """

    def __init__(
        self,
        plan: SearchPlan,
        training: _Training,
        resources: Resources,
        stopped: Callable[[], bool] = lambda: False,
    ):
        self.plan, self.training, self.resources = plan, training, resources
        self.stopped = stopped
        search, seed = plan.search, plan.study.seeds[0] - plan.search.repeats
        self.search = search
        self.sampler = make_sampler(search.sampler, search.space, seed, search.higher_is_better)
        self.values: dict[int, float | None] = {}
        self.complete: list[int] = []
        self._known: dict[str, int] = {}
        self._wave = 0

    def batches(self) -> None:
        """Run a search whose trials all have the complete budget."""
        total = planned_trials(self.search)
        size = self.search.batch or SAMPLERS[self.search.sampler].batch or total
        group = 0
        while len(self.plan.tried) < total:
            batch = self.propose(min(size, total - len(self.plan.tried)), group)
            if not batch:
                return
            self.train([(tried, None) for tried in batch])
            for tried in batch:
                self.tell(tried)
            group += 1

    def brackets(self) -> None:
        """Run brackets one after the other, or all together if the sampler is not adaptive.

        Together they keep the machine busy: while one bracket has its last trial, another still has
        many.
        """
        brackets = list(enumerate(self.search.brackets))
        learns = SAMPLERS[self.search.sampler].batch is not None
        for group in [[one] for one in brackets] if learns else [brackets]:
            alive = [(b, self.propose(b.rungs[0].trials, number)) for number, b in group]
            for place in range(max(len(b.rungs) for b, _ in alive)):
                alive = [(b, trials) for b, trials in alive if place < len(b.rungs)]
                self.train([(t, b.rungs[place].epochs) for b, trials in alive for t in trials])
                alive = [(b, self._promote(b, place, trials)) for b, trials in alive]

    def _promote(self, bracket: Bracket, place: int, alive: list[Tried]) -> list[Tried]:
        """Return the trials promoted after a rung; the others end."""
        last = place == len(bracket.rungs) - 1
        for tried in alive:
            value = self.values[tried.number]
            if value is not None:
                self.sampler.report(tried.asked, bracket.rungs[place].epochs, value)
        count = 0 if last else bracket.rungs[place + 1].trials
        values = {t.number: self.values[t.number] for t in alive}
        ahead = set(promoted(values, count, self.search.higher_is_better))
        for tried in alive:
            if tried.number not in ahead:
                self.tell(tried, stopped=not last)
        self._drop(alive, ahead)
        return [t for t in alive if t.number in ahead]

    def _drop(self, trials: Sequence[Tried], ahead: Collection[int]) -> None:
        """Delete the checkpoints of trials that do not continue."""
        runs: dict[bool, set[str]] = {True: set(), False: set()}
        for tried in trials:
            runs[tried.number in ahead] |= {run for rung in tried.rungs for run in rung.runs}
        self.training.store.drop_checkpoints(sorted(runs[False] - runs[True]))

    def propose(self, count: int, group: int) -> list[Tried]:
        """Ask for so many allowed trials; fewer if the sampler has no more."""
        batch: list[Tried] = []
        failed, error = 0, ""
        while len(batch) < count:
            asked = self.sampler.ask()
            if asked is None:
                break
            tried, error = self._make(asked, group)
            if tried is not None:
                batch.append(tried)
                failed = 0
                continue
            self.sampler.tell(asked, None)
            failed += 1
            if failed >= TRIES:
                said = f"{TRIES} proposals in a row cannot be trained; the last one: {error}"
                raise ConfigError(said)
        return batch

    def _make(self, asked: Asked, group: int) -> tuple[Tried | None, str]:
        """Return a proposal as a trial of the plan, or why it is impossible."""
        if not self.search.space.allows(asked.values):
            return None, "the constraints are not satisfied"
        try:
            config, _ = self.search.configs(asked.values)
        except CodeChangedError:  # not of this point
            raise
        except AssayError as error:
            self.plan.impossible += 1
            return None, str(error)
        number = len(self.plan.tried)
        earlier = self._known.setdefault(trial_id(config), number)
        same_as = earlier if earlier != number else None
        tried = Tried(number, asked, config, group, same_as)
        self.plan.tried.append(tried)
        return tried, ""

    def train(self, batch: Sequence[tuple[Tried, int | None]]) -> None:
        """Train trials, each up to an epoch or (None) the complete budget; set their values.

        Raises:
            KeyboardInterrupt: the user stopped it, even if only after the last of these trials.
        """
        wanted: list[dict] = []
        work, whole = 0.0, self.search.whole_epochs
        for tried, epochs in batch:
            configs = rung_configs(self.plan.study, tried.config, epochs)
            before = (tried.rungs[-1].epochs if tried.rungs else None) or 0
            work += len(configs) * ((epochs - before) / whole if epochs and whole else 1.0)
            runs = [run_id(config) for config in configs]
            tried.rungs.append(TriedRung(epochs, runs, self._wave))
            wanted += configs
        self._wave += 1
        records = self.training.run(wanted, self.resources, work)
        if self.stopped():
            raise KeyboardInterrupt
        for tried, _ in batch:
            runs = [records.get(run) for run in tried.rungs[-1].runs]
            value = mean_metric(runs, self.search.objective)
            self.values[tried.number] = None if math.isnan(value) else value

    def tell(self, tried: Tried, stopped: bool = False) -> None:
        """End a trial. One without a value is reported to the sampler as the worst so far."""
        value = self.values[tried.number]
        if value is None:
            known = [v for v in self.values.values() if v is not None]
            worst = (min if self.search.higher_is_better else max)(known, default=None)
            # models prefer a whole budget to any rung, so it is none even where the trial got there
            self.sampler.tell(tried.asked, worst, stopped=bool(self.search.brackets))
            return
        self.sampler.tell(tried.asked, value, stopped=stopped)
        if not stopped:
            self.complete.append(tried.number)

    def best(self) -> list[int]:
        """Return the numbers of the best different trials with the complete budget, best first."""
        sign = -1 if self.search.higher_is_better else 1
        ranked = sorted(self.complete, key=lambda n: (sign * (self.values[n] or 0.0), n))
        different: dict[int, int] = {}  # an equal one may have been stopped in another bracket
        for n in ranked:
            same_as = self.plan.tried[n].same_as
            different.setdefault(n if same_as is None else same_as, n)
        return list(different.values())[: self.search.best]


def _how_to_resume(plan: SearchPlan, store: Store) -> str:
    command = with_store(plan.study.command, store)
    done = len(plan.tried)
    return (
        f"interrupted after {done} of {planned_trials(plan.search)} trials were proposed; to "
        f"resume, run the same command again: `{command}`"
    )
