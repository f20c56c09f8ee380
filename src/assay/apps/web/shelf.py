"""Read-only access of the server to the store, with caches for records and views.

One thread owns the connection. What it reads is cached, and the least recently used entries are
dropped. A view is computed once for each state of its study, however many pages request it.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from assay.core.digests import digest
from assay.core.errors import StoreError, unknown_name
from assay.core.families import Questions, questions, related
from assay.core.plans import PlanData, own_metrics, planned_runs
from assay.core.records import Record
from assay.core.store import Store

__all__ = ["Moment", "Shelf", "encode"]

MOST_RECORDS = 12_000
"""Maximum number of cached records without arrays, which take about 60 MB."""

MOST_BYTES = 48_000_000
"""Maximum size of the cached views."""

T = TypeVar("T")


@dataclass(frozen=True)
class Moment:
    """State of a store at one moment.

    Attributes:
        cursor: increases with every stored record.
        versions: study -> a value that changes with its plan and its records.
    """

    cursor: int
    versions: dict[str, str]

    @property
    def name(self) -> str:
        """Id of this moment in a stream of events, from which a client can continue."""
        return f"{self.cursor}.{digest(*sorted(map(str, self.versions.items())))[:12]}"

    def since(self, name: str) -> dict[str, str]:
        """Versions of the studies that have changed since a moment; all if it is unknown."""
        return {} if name == self.name else self.versions


@dataclass
class _State:
    """The cached state of the store."""

    moment: int = -1
    found: Moment = field(default_factory=lambda: Moment(0, {}))
    cursor: int = 0
    plans: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)
    questions: dict[str, Questions] = field(default_factory=dict)
    related: dict[str, list[str]] = field(default_factory=dict)
    """Study -> the others that compare the same runs, whose changes count as its own."""
    last: dict[str, int] = field(default_factory=dict)
    """Study -> cursor of its latest record."""
    number: dict[str, int] = field(default_factory=dict)
    """Run -> cursor at which it was stored."""


class Shelf:
    """Reads a store for the web pages.

    Args:
        path: the folder, which need not exist yet.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._store: Store | None = None
        self._file: int | None = None
        self._state = _State()
        self._records: OrderedDict[str, tuple[int, Record]] = OrderedDict()
        self._shared: dict[str, Any] = {}
        self._views: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._computing: dict[tuple[Any, ...], threading.Lock] = {}

    def close(self) -> None:
        """Close the store."""
        self._reader.submit(self._close).result()
        self._reader.shutdown()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def read(self, what: Callable[[Store], T]) -> T:
        """Call a function with the store, in the thread that owns it.

        Raises:
            StoreError: there is no store yet, or it cannot be read.
        """
        return self._reader.submit(lambda: what(self._open())).result()

    def _open(self) -> Store:
        """Open the store, and once more if its index is another file (`assay store repair`)."""
        try:
            file = self._index.stat().st_ino
        except OSError:
            file = None
        if file != self._file:
            self._close()
            self._state, self._file = _State(), file
        if self._store is None:
            self._store = Store(self.path, create=False, read_only=True)
        return self._store

    @property
    def _index(self) -> Path:
        return self.path / "index.sqlite"

    @property
    def exists(self) -> bool:
        """Whether there is a store."""
        return self._index.exists()

    # -- what is new -----------------------------------------------------------------------------

    def poll(self) -> Moment:
        """Return the current state of the store; cheap if nothing has changed."""
        return self.read(self._poll) if self.exists else Moment(0, {})

    def _poll(self, store: Store) -> Moment:
        state, moment = self._state, store.moment
        if state.moment == moment:
            return state.found
        changed = self._look_at_plans(store)
        cursor, runs = store.stored_since(state.cursor)
        for place, run in enumerate(reversed(runs)):
            state.number[run] = cursor - place
        state.cursor = cursor
        if runs or changed:
            for study, planned in state.runs.items():
                state.last[study] = max((state.number.get(run, 0) for run in planned), default=0)
        versions = {}
        for study in state.plans:
            all_of_it = [study, *state.related[study]]
            plans = digest(*(state.plans[s] for s in all_of_it))[:8]
            versions[study] = f"{plans}-{max(state.last[s] for s in all_of_it)}"
        state.moment, state.found = moment, Moment(cursor, versions)
        return state.found

    def _look_at_plans(self, store: Store) -> bool:
        """Read the plans that have changed; return whether there are any."""
        state, there = self._state, store.plan_stamps()
        changed = [study for study, stamp in there.items() if state.plans.get(study) != stamp]
        gone = state.plans.keys() - there.keys()
        for study in gone:
            del state.plans[study], state.runs[study]
            state.questions.pop(study, None)
        for study in changed:
            state.plans[study] = there[study]
            try:
                plan = store.plan(study)
                state.runs[study], state.questions[study] = planned_runs(plan), questions(plan)
            except StoreError:  # damaged: its page shows the error
                state.runs[study] = []
                state.questions.pop(study, None)
        if changed or gone:
            known = state.questions
            state.related = {
                study: related(known[study], known.values()) if study in known else []
                for study in state.plans
            }
        return bool(changed or gone)

    def version(self, study: str) -> str:
        """Return a value that changes whenever the plan or a record of a study does.

        Raises:
            StoreError: there is no such study.
        """

        def look(store: Store) -> str:
            versions = self._poll(store).versions
            if study not in versions:
                raise StoreError(unknown_name("study", study, versions))
            return versions[study]

        return self.read(look)

    # -- reading ---------------------------------------------------------------------------------

    def plan(self, study: str) -> PlanData:
        """Return the plan of a study; the formats of its own metrics are known from then on."""
        from assay.statistics import read_metrics

        plan = self.read(lambda store: store.plan(study))
        read_metrics(plan)
        return plan

    def with_related(self, study: str) -> PlanData:
        """Return the plan of a study, with the related studies and their records."""
        others = []
        for name in self._state.related.get(study, ()):
            other = self.plan(name)
            runs = [run for trial in other["trials"] for run in trial["runs"]]
            sound = self.read(lambda store, runs=runs: store.present(runs, failed=True))
            others.append((other, own_metrics(other, self.records(sound))))
        plan = self.plan(study)  # last, because its metrics are shown as it says
        return {**plan, "related": others} if others else plan

    def records(self, runs: Iterable[str], arrays: bool = False) -> list[Record]:
        """Return the stored records of some runs, including failed ones.

        Args:
            arrays: also read curves and predictions, which are not cached.
        """
        wanted = list(dict.fromkeys(runs))
        return self.read(lambda store: self._records_of(store, wanted, arrays))

    def _records_of(self, store: Store, wanted: list[str], arrays: bool) -> list[Record]:
        there = store.recorded(wanted, failed=True)
        mine = [run for run in wanted if run in there]
        if arrays:
            return store.records(mine)
        numbers = self._state.number
        fresh = [
            run
            for run in mine
            if run not in self._records or self._records[run][0] != numbers.get(run, 0)
        ]
        for record in store.records(fresh, arrays=False):
            slim = replace(
                record,
                config=self._share(record.config),
                provenance=self._share(record.provenance),
            )
            self._records[record.run_id] = (numbers.get(record.run_id, 0), slim)
        found = []
        for run in mine:
            self._records.move_to_end(run)
            found.append(self._records[run][1])
        while len(self._records) > max(MOST_RECORDS, len(mine)):
            self._records.popitem(last=False)
        return found

    def _share(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return equal data with shared parts: most values are the same in all runs of a study."""
        if len(self._shared) > MOST_RECORDS:
            self._shared.clear()
        return {
            key: self._shared.setdefault(json.dumps(value, sort_keys=True), value)
            if isinstance(value, dict | list)
            else value
            for key, value in values.items()
        }

    # -- views -----------------------------------------------------------------------------------

    def view(self, key: tuple[object, ...], make: Callable[[], object]) -> bytes:
        """Return the result of `make` as JSON, computed once for each key.

        Args:
            key: includes the version of the study, so that nothing outdated is shown.
        """
        with self._lock:
            if key in self._views:
                self._views.move_to_end(key)
                return self._views[key]
            mine = self._computing.setdefault(key, threading.Lock())
        try:
            with mine:
                return self._views.get(key) or self._keep(key, encode(make()))
        finally:  # also if it failed: keys come from requests
            with self._lock:
                self._computing.pop(key, None)

    def _keep(self, key: tuple[object, ...], said: bytes) -> bytes:
        with self._lock:
            self._size += len(said) - len(self._views.get(key, b""))
            self._views[key] = said
            while self._size > MOST_BYTES and len(self._views) > 1:
                _, old = self._views.popitem(last=False)
                self._size -= len(old)
        return said


def encode(value: object) -> bytes:
    """Strict JSON: NaN and infinity become null, arrays lists."""
    from assay.core.store_format import encode_json

    return encode_json(value, "what a page shows").encode()
