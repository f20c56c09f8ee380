"""Results of a study as Python sees them: read from a store, with no engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.apps.places import data_folder, store_folder
from assay.core.errors import AssayError, ConfigError, StoreError
from assay.core.plans import PlanData, tried_runs
from assay.core.records import Spec, trial_id
from assay.core.store import Store

if TYPE_CHECKING:
    from assay.core.records import Record
    from assay.data import Dataset
    from assay.networks.network import Network
    from assay.reports.tables import Table
    from assay.statistics import Effect, SearchTrial

__all__ = ["Results", "Studies", "load"]


def with_related(store: Store, plan: PlanData) -> PlanData:
    """Return a plan with the studies of a store that compare the same runs, and their records."""
    others = [
        (other, store.records(store.present(_trained(other), failed=True), arrays=False))
        for other in store.related(plan)
    ]
    return {**plan, "related": others} if others else plan


def _trained(plan: PlanData) -> list[str]:
    """The runs of a study's trials, without those that a search tried."""
    return [run for trial in plan["trials"] for run in trial["runs"]]


def frame(rows: list[dict[str, Any]]) -> Any:
    """Rows as a pandas DataFrame when pandas is there, as they are otherwise."""
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)


class Results:
    """What a study found: its plan, and the records of its runs that are in the store.

    Example:
        >>> results = assay.load("assay-store")["tour"]      # doctest: +SKIP
        >>> results.table()[["trial", "n", "test_accuracy"]]  # doctest: +SKIP
        >>> print(*results.sentences(), sep="\\n")            # doctest: +SKIP

    Args:
        store: folder of the records.
        plan: the plan of the study, as the store keeps it.
        data_dir: folder with the datasets, for the pictures in the report.

    Attributes:
        notes: what loading had to do, in words, of the datasets that were looked at so far.
    """

    def __init__(self, store: str | Path, plan: PlanData, data_dir: Path | None = None):
        from assay.statistics.metrics import read_metrics

        self.store = Path(store)
        self._plan = plan
        read_metrics(plan)
        self.data_dir = data_dir
        self.notes: list[str] = []
        self._held: dict[tuple[tuple[str, ...], bool], list[Record]] | None = None

    @cached_property
    def plan(self) -> PlanData:
        """The plan of the study, with the studies of the store that compare the same runs."""
        with suppress(StoreError), Store(self.store, create=False, read_only=True) as store:
            return with_related(store, self._plan)
        return self._plan

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self._plan["study"])

    def __repr__(self) -> str:
        planned = {run for trial in self.plan["trials"] for run in trial["runs"]}
        return (
            f"Results({self.name!r}: {len(self.plan['trials'])} trials, "
            f"{len(self.records(arrays=False))} of {len(planned)} runs in {str(self.store)!r})"
        )

    def records(self, arrays: bool = True) -> list[Record]:
        """The records that are there, trial by trial; failed runs too, look at `status`.

        Args:
            arrays: read curves and predictions as well.
        """
        return self._read(_trained(self.plan), arrays)

    def tried(self, arrays: bool = False) -> list[Record]:
        """The records of a search's runs that are there; none for other studies.

        Args:
            arrays: read curves as well.
        """
        return self._read((run for _, runs in tried_runs(self.plan) for run in runs), arrays)

    def _read(self, run_ids: Iterable[str], arrays: bool) -> list[Record]:
        wanted = tuple(dict.fromkeys(run_ids))
        key = wanted, arrays
        if self._held is not None and key in self._held:
            return list(self._held[key])
        with Store(self.store, create=False, read_only=True) as store:
            found = store.records(wanted, arrays=arrays, stored_only=True)
        if self._held is not None and not arrays:  # curves and predictions take too much memory
            self._held[key] = found
        return list(found)

    @contextmanager
    def read_once(self) -> Iterator[None]:
        """What is asked for inside is told from the same records, which are read once."""
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def search_table(self, limit: int | None = None) -> Table:
        """The different trials of a search, the best first.

        Args:
            limit: most rows; None for all.

        Raises:
            ConfigError: the study has no search.
        """
        from assay.reports import search_table

        return search_table(self.plan, self._trials(), limit)

    def search_sentences(self) -> list[str]:
        """What a search tried, what was best, and what it cost; nothing for other studies."""
        from assay.reports import search_sentences

        return search_sentences(self.plan, self._trials()) if self.plan.get("search") else []

    def _trials(self) -> list[SearchTrial]:
        from assay.statistics import search_trials

        if not self.plan.get("search"):
            raise ConfigError(f"study {self.name!r} has no search: it compares what it was given")
        return search_trials(self.plan, self.tried())

    def table(self) -> Any:
        """One row for each trial: n, metrics with 95 % intervals, best epoch, seconds.

        Returns:
            A pandas DataFrame, or a list of dictionaries without pandas.
        """
        return frame(list(self.trials_table().rows))

    def trials_table(self) -> Table:
        """The same as a table that writes itself as CSV, JSON, Markdown and LaTeX."""
        from assay.reports.results import results

        return results(self.plan, self.records(arrays=False))

    def images_table(self) -> Table | None:
        """Accuracies with intervals over the test images; None where the study has none."""
        from assay.reports.image_intervals import images_table

        return images_table(self.plan, self.records())

    def metrics_table(self) -> Table | None:
        """The metrics that the study asks for beside its main one; None where it asks for none."""
        from assay.reports.other_metrics import metrics_table

        return metrics_table(self.plan, self.records(arrays=False))

    def runs(self) -> Any:
        """One row for each run: trial, levels, seed, status, metrics and times.

        Returns:
            A pandas DataFrame, or a list of dictionaries without pandas.
        """
        trials = {trial["trial_id"]: trial for trial in self.plan["trials"]}
        return frame(
            [
                {
                    "run": record.run_id,
                    "trial": trials[record.trial_id]["label"],
                    **trials[record.trial_id]["levels"],
                    "seed": record.seed,
                    "status": record.status,
                    **record.metrics,
                    **{f"seconds_{k}": v for k, v in record.timing.items() if k != _SPEED},
                    _SPEED: record.timing.get(_SPEED),
                }
                for record in self.records(arrays=False)
            ]
        )

    def curves(self) -> Any:
        """One row for each evaluation of each run: trial, seed, step, epoch, loss, ...

        Returns:
            A pandas DataFrame, or a list of dictionaries without pandas.
        """
        labels = {trial["trial_id"]: trial["label"] for trial in self.plan["trials"]}
        return frame(
            [
                {
                    "run": record.run_id,
                    "trial": labels[record.trial_id],
                    "seed": record.seed,
                    **{name: float(values[i]) for name, values in record.curves.items()},
                }
                for record in self.records()
                for i in range(len(record.curves.get("step", ())))
            ]
        )

    def effects(self, metric: str | None = None) -> list[Effect]:
        """Every comparison of the study with its interval and corrected test.

        Args:
            metric: with its prefix; the study's main metric on the test set otherwise.
        """
        from assay.statistics import effects, primary_metric

        records = self.records(arrays=False)
        return effects(self.plan, records, metric or f"test_{primary_metric(self.plan, records)}")

    def sentences(self) -> list[str]:
        """What differs and what does not, one sentence for each factor, and which other studies
        compare the same runs."""
        from assay.statistics import factor_sentences, family_sentences

        found = self.effects()
        told = [f"{e['text'].removesuffix('.')}." for e in factor_sentences(self.plan, found)]
        return told + family_sentences(self.plan, found)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report, one HTML file that needs nothing else.

        Args:
            path: where to; STORE/reports/STUDY.html otherwise.

        Returns:
            The file that was written.
        """
        from assay.reports import write_html

        target = Path(path) if path else self.store / "reports" / f"{self.name}.html"
        with self.read_once():
            records, tried = self.records(), self.tried()
            return write_html(self.plan, records, target, self.dataset, tried, self._network)

    def dataset(self, spec: Spec) -> Dataset | None:
        """The images of a configuration, or None where they are not to be had."""
        from assay.data import load

        try:
            dataset = load(spec, self.data_dir)
        except AssayError:
            return None
        self.notes = list(dict.fromkeys((*self.notes, *dataset.notes)))
        return dataset

    def _network(self, config: Mapping[str, Any]) -> Network | None:
        """The network of a configuration, or None where it cannot be built here."""
        from assay.networks.modules import ENGINE_OF, as_recorded
        from assay.studies.members import resolve_network

        if not config.get("network"):  # of results made elsewhere nothing is known
            return None
        if config["network"].get("family") in ENGINE_OF:
            told = self._provenance(config).get("own_network")
            return as_recorded(told) if told else None
        try:
            return resolve_network(dict(config), self.data_dir)
        except (AssayError, ImportError):
            return None

    def _provenance(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """That of the first run of a trial; empty where there is none."""
        trial, known = trial_id(dict(config)), self.records(arrays=False)
        return next((r.provenance for r in known if r.trial_id == trial), {})


_SPEED = "images_per_second"


class Studies(Mapping[str, Results]):
    """The studies of a store by name.

    Raises:
        StoreError: when there is no store, or no study of a name.
    """

    def __init__(self, store: str | Path | None = None, data_dir: str | Path | None = None):
        self.store = store_folder(store)
        self.data_dir = data_folder(data_dir)
        with Store(self.store, create=False, read_only=True) as opened:
            self._names = sorted(opened.study_names())

    def __getitem__(self, name: str) -> Results:
        with Store(self.store, create=False, read_only=True) as opened:
            return Results(self.store, opened.plan(name), self.data_dir)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Studies({str(self.store)!r}: {', '.join(self._names) or 'none'})"


def load(store: str | Path | None = None, data_dir: str | Path | None = None) -> Studies:
    """Open the results in a store, by study.

    Example:
        >>> assay.load("assay-store")["tour"].table()  # doctest: +SKIP

    Args:
        store: the folder; env ASSAY_STORE or ./assay-store otherwise.
        data_dir: folder with the datasets, for the pictures in reports.

    Raises:
        StoreError: when there is no store.
    """
    return Studies(store, data_dir)
