"""Training some stored runs again and comparing the results with those in the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.apps.finding import find_stored
from assay.core.errors import AssayError, StoreError
from assay.core.plans import planned_runs
from assay.core.records import Config, Record
from assay.core.same_results import DIFFERENT, EQUAL, ROUNDING, agreement, known_metrics
from assay.core.store import Store

__all__ = ["EQUAL", "DIFFERENT", "FAILED", "ROUNDING", "Reproduced", "chosen", "judge", "reproduce"]

FAILED = "not trained"

_ABOUT_CODE = ("assay", "source", "commit", "dirty", "begun_with")
_ABOUT_MACHINE = (
    "cpu",
    "cpu_features",
    "system",
    "python",
    "torch",
    "program",
    "threads",
    "device",
)


@dataclass(frozen=True)
class Reproduced:
    """One stored run beside its repetition.

    Attributes:
        run_id, title: the run, and its trial and seed.
        verdict: EQUAL (all curves, metrics and predictions bit for bit), ROUNDING (the losses of
            the first evaluation agree as far as the precision goes), DIFFERENT, or FAILED.
        first: largest relative difference of a loss at the first evaluation; without losses, of
            the other curves.
        metrics: name -> (stored, now) of the metrics that judge the task, validation and test.
        changed: what has changed since the run was stored: (name, then, now).
        message: why it could not be trained, or made another number of updates.
    """

    run_id: str
    title: str
    verdict: str
    first: float = math.nan
    metrics: tuple[tuple[str, float, float], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()
    message: str = ""


def chosen(store: Store, name: str, runs: int) -> list[Record]:
    """The stored runs to train again: the one whose name starts so, or some of a study.

    Runs of a study are spread over its trials; if it has more trials than `runs`, the cheapest are
    chosen.

    Raises:
        StoreError: there is no such study or run, none of its runs has finished, or they were
            imported.
    """
    meant = find_stored(store, name)
    if meant.run:
        found = store.records([meant.run])
    else:
        present = store.present(planned_runs(meant.plan))
        found = [r for r in store.records(sorted(present), arrays=False) if r.status == "finished"]
    if found and found[0].imported:
        kind = "run" if meant.run else "study"
        raise StoreError(f"{kind} {name!r} was imported, so it cannot be trained again")
    if meant.run:
        return found
    if not found:
        raise StoreError(f"study {name!r} has no finished run yet")
    order = sorted(found, key=lambda r: (r.seed, r.provenance.get("macs", 0), r.run_id))
    return store.records([record.run_id for record in order[:runs]])


def reproduce(
    records: Sequence[Record],
    titles: Mapping[str, str],
    data_dir: Path | None = None,
    device: str = "auto",
    on_progress: Callable[[float, str], None] = lambda share, doing: None,
    weights: Path | None = None,
) -> Iterator[Reproduced]:
    """Train runs again, one after the other in this process, and compare the results.

    Args:
        titles: run -> its title.
        on_progress: called with the fraction done and the current step.
        weights: folder with the weights of the store, where a run may begin with another one.
    """
    for number, record in enumerate(records):
        title = titles.get(record.run_id, record.run_id)

        def told(progress: Any, number: int = number, title: str = title) -> None:
            on_progress((number + progress.fraction) / len(records), title)

        try:
            again = _train(record, data_dir, device, told, weights)
        except AssayError as error:
            yield Reproduced(record.run_id, title, FAILED, message=str(error))
            continue
        yield judge(record, again, title)


def _as_it_was(record: Record) -> Config:
    """Return the configuration of a record, with the precision in which it was trained."""
    precision = record.config["precision"]
    if precision == "auto":
        precision = record.provenance.get("precision", precision)
    return {**record.config, "precision": precision}


def _train(
    stored: Record,
    data_dir: Path | None,
    device: str,
    on_progress: Callable[[Any], None],
    weights: Path | None,
) -> Record:
    """Train a run on as many threads as before: sums over threads are rounded differently."""
    from assay.core.cores import physical_cores
    from assay.core.metrics import METRICS
    from assay.data import load
    from assay.engines.engine import Resources
    from assay.execution.executors.worker import find_engine
    from assay.studies.members import cohorts
    from assay.tasks.metrics import measures_of
    from assay.tasks.task import find_task

    config = _as_it_was(stored)
    task = config.get("task", "classify")
    (cohort,) = cohorts([config], data_dir)
    engine = find_engine(config["engine"])
    threads = min(int(stored.provenance.get("threads") or 0), physical_cores())
    asked = {name.partition("_")[2] for name in stored.metrics} - {*measures_of(find_task(task))}
    resources = Resources(
        device=device,
        save_weights=False,
        data_dir=data_dir,
        weights=weights,
        threads=threads,
        metrics=tuple(sorted(n for n in asked if n in METRICS and METRICS[n].function)),
    )
    engine.check(cohort, resources)
    (record,) = engine.train(cohort, load(config["dataset"], data_dir), resources, on_progress)
    return record


def judge(stored: Record, again: Record, title: str = "") -> Reproduced:
    """Compare a stored run with its repetition."""
    verdict, first = agreement(stored, again)
    metrics = [
        (name, value, again.metrics.get(name, math.nan))
        for name, value in known_metrics(stored, again).items()
        if name.startswith(("val_", "test_"))
    ]
    then, now = stored.provenance, again.provenance
    changed = [
        (name, str(then[name]), str(now.get(name, "")))
        for name in (*_ABOUT_CODE, *_ABOUT_MACHINE)
        if name in then and str(then[name]) != str(now.get(name, ""))
    ]
    return Reproduced(
        stored.run_id,
        title,
        verdict,
        first,
        tuple(metrics),
        tuple(changed),
        again.message or _by_the_clock(stored, again),
    )


def _by_the_clock(stored: Record, again: Record) -> str:
    """Say that a time limit ended a run earlier or later than before."""
    then, now = (record.metrics.get("steps") for record in (stored, again))
    limit = (stored.config.get("training") or {}).get("minutes")
    if not limit or then is None or now is None or then == now:
        return ""
    return f"its time limit of {limit:g} min ended it after {now:,.0f} updates, {then:,.0f} before"
