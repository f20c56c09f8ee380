"""Results of a study in Python, read from a store without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.apps.places import HTML, check_ending, data_folder, store_folder
from assay.core.errors import AssayError, ConfigError, StoreError
from assay.core.plans import PlanData, own_metrics, tried_runs
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
        (other, own_metrics(other, store.records(store.present(_trained(other), True), False)))
        for other in store.related(plan)
    ]
    return {**plan, "related": others} if others else plan


def _trained(plan: PlanData) -> list[str]:
    """Return the runs of a study's trials, without those that a search tried."""
    return [run for trial in plan["trials"] for run in trial["runs"]]


def frame(rows: list[dict[str, Any]]) -> Any:
    """Return rows as a pandas DataFrame if pandas is installed, else unchanged."""
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)


class Results:
    """The results of a study: its plan and the stored records of its runs.

    Example:
        >>> results = assay.load("assay-store")["tour"]      # doctest: +SKIP
        >>> results.table()[["trial", "n", "test_accuracy"]]  # doctest: +SKIP
        >>> print(*results.sentences(), sep="\\n")            # doctest: +SKIP

    Args:
        store: folder of the records.
        plan: the stored plan of the study.
        data_dir: folder with the datasets, for the images in the report.

    Attributes:
        notes: notes about the datasets that were loaded so far.
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
        """Return the stored records trial by trial, including failed runs (see `status`).

        Args:
            arrays: read curves and predictions as well.
        """
        return self._read(_trained(self.plan), arrays)

    def tried(self, arrays: bool = False) -> list[Record]:
        """Return the stored records of the runs of a search; empty for other studies.

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
            read = store.records(wanted, arrays=arrays, stored_only=True)
        found = own_metrics(self._plan, read)
        if self._held is not None and not arrays:  # curves and predictions take too much memory
            self._held[key] = found
        return list(found)

    @contextmanager
    def read_once(self) -> Iterator[None]:
        """Read the records only once for everything that is called inside this context."""
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def search_table(self, limit: int | None = None) -> Table:
        """Return the distinct trials of a search, best first.

        Args:
            limit: maximum number of rows; None for all.

        Raises:
            ConfigError: the study has no search.
        """
        from assay.reports import search_table

        return search_table(self.plan, self._trials(), limit)

    def search_sentences(self) -> list[str]:
        """Say what a search tried, what was best and what it cost; empty for other studies."""
        from assay.reports import search_sentences

        return search_sentences(self.plan, self._trials()) if self.plan.get("search") else []

    def _trials(self) -> list[SearchTrial]:
        from assay.statistics import search_trials

        if not self.plan.get("search"):
            raise ConfigError(f"study {self.name!r} has no search: it compares the given levels")
        return search_trials(self.plan, self.tried())

    def table(self) -> Any:
        """Return one row for each trial: n, metrics with 95 % intervals, best epoch, seconds.

        Returns:
            A pandas DataFrame, or a list of dictionaries without pandas.
        """
        return frame(list(self.trials_table().rows))

    def trials_table(self) -> Table:
        """Return the same as `table`, with methods that write CSV, JSON, Markdown and LaTeX."""
        from assay.reports.results import results

        return results(self.plan, self.records(arrays=False))

    def images_table(self) -> Table | None:
        """Return accuracies with intervals over the test images; None if the study has none."""
        from assay.reports.image_intervals import images_table

        return images_table(self.plan, self.records())

    def metrics_table(self) -> Table | None:
        """Return the metrics that the study names beside its main one; None if there are none."""
        from assay.reports.other_metrics import metrics_table

        return metrics_table(self.plan, self.records(arrays=False))

    def runs(self) -> Any:
        """Return one row for each run: trial, levels, seed, status, metrics and times.

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
        """Return one row for each evaluation of each run: trial, seed, step, epoch, loss, ...

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
        """Return every comparison of the study with its interval and corrected test.

        Args:
            metric: name with prefix; by default the study's main metric on the test set.
        """
        from assay.statistics import effects, primary_metric

        records = self.records(arrays=False)
        return effects(self.plan, records, metric or f"test_{primary_metric(self.plan, records)}")

    def sentences(self) -> list[str]:
        """Say what differs significantly and what does not, one sentence for each factor, and which
        other studies compare the same runs."""
        from assay.statistics import factor_sentences, family_sentences

        found = self.effects()
        told = [f"{e['text'].removesuffix('.')}." for e in factor_sentences(self.plan, found)]
        return told + family_sentences(self.plan, found)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report as one self-contained HTML file.

        Args:
            path: the file; STORE/reports/STUDY.html by default.

        Returns:
            The path of the file.

        Raises:
            ConfigError: its name does not end in .html or .htm.
        """
        from assay.reports import write_html

        target = Path(path) if path else self.store / "reports" / f"{self.name}.html"
        check_ending("report", target, HTML)
        with self.read_once():
            records, tried = self.records(), self.tried()
            return write_html(self.plan, records, target, self.dataset, tried, self._network)

    def dataset(self, spec: Spec) -> Dataset | None:
        """Return the dataset of a configuration, or None if it is not available."""
        from assay.data import load
        from assay.data.loading import TUNED

        try:
            dataset = load(spec, self.data_dir)
        except AssayError:
            return None
        said = (note for note in dataset.notes if note != TUNED)  # the table of results says it
        self.notes = list(dict.fromkeys((*self.notes, *said)))
        return dataset

    def _network(self, config: Mapping[str, Any]) -> Network | None:
        """The network of a configuration, or None if it cannot be built here."""
        from assay.networks.modules import ENGINE_OF, as_recorded
        from assay.studies.members import resolve_network

        if not config.get("network"):  # imported results do not describe a network
            return None
        if config["network"].get("family") in ENGINE_OF:
            told = self._provenance(config).get("own_network")
            return as_recorded(told) if told else None
        try:
            return resolve_network(dict(config), self.data_dir)
        except (AssayError, ImportError):
            return None

    def _provenance(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The provenance of the first run of a trial; empty if there is none."""
        trial, known = trial_id(dict(config)), self.records(arrays=False)
        return next((r.provenance for r in known if r.trial_id == trial), {})


_SPEED = "images_per_second"


class Studies(Mapping[str, Results]):
    """A mapping from the names of the studies in a store to their results.

    Raises:
        StoreError: there is no store, or no study of the given name.
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
    """Open the results in a store by study.

    Example:
        >>> assay.load("assay-store")["tour"].table()  # doctest: +SKIP

    Args:
        store: the folder; by default the environment variable ASSAY_STORE, else ./assay-store.
        data_dir: folder with the datasets, for the images in reports.

    Raises:
        StoreError: there is no store.
    """
    return Studies(store, data_dir)
