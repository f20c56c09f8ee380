"""Training some stored runs again and comparing the results with those in the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.apps.finding import find_stored
from assay.core.errors import AssayError, StoreError
from assay.core.plans import planned_runs
from assay.core.records import Config, Record
from assay.core.store import Store

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EQUAL", "DIFFERENT", "FAILED", "ROUNDING", "Reproduced", "chosen", "judge", "reproduce"]

EQUAL, ROUNDING, DIFFERENT, FAILED = "equal", "equal within rounding", "different", "not trained"

LIMITS = {"float64": 1e-9, "float32": 1e-4, "bfloat16": 2e-2}
"""Relative difference of losses at the first evaluation that rounding may explain."""

_ABOUT_CODE = ("assay", "source", "commit", "dirty", "begun_with")
_TIMES = ("step", "epoch", "seconds")
"""Curves that say when an evaluation was, not what it found."""

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
    first = _first_difference(stored, again)
    limit = LIMITS.get(str(again.provenance.get("precision")), LIMITS["float32"])
    same = stored.status == again.status and _equal(stored, again)
    near = stored.status == again.status and first <= limit
    metrics = [
        (name, value, again.metrics.get(name, math.nan))
        for name, value in _known(stored, again).items()
        if name.startswith(("val_", "test_"))
    ]
    then, now = stored.provenance, again.provenance
    changed = [
        (name, str(then[name]), str(now.get(name, "")))
        for name in (*_ABOUT_CODE, *_ABOUT_MACHINE)
        if name in then and str(then[name]) != str(now.get(name, ""))
    ]
    verdict = EQUAL if same else ROUNDING if near else DIFFERENT
    return Reproduced(
        stored.run_id,
        title,
        verdict,
        first,
        tuple(metrics),
        tuple(changed),
        again.message or _by_the_clock(stored, again),
    )


def _first_difference(stored: Record, again: Record) -> float:
    """Return the largest relative difference at the first evaluation: of the losses or, without
    any, of the other curves; infinity if there are none."""
    shared = [name for name in stored.curves if name in again.curves and name not in _TIMES]
    losses = [name for name in shared if name == "loss" or name.endswith("_loss")]
    pairs = ((stored.curves[name][:1], again.curves[name][:1]) for name in losses or shared)
    return max((_relative(*pair) for pair in pairs), default=math.inf)


def _by_the_clock(stored: Record, again: Record) -> str:
    """Say that a time limit ended a run earlier or later than before."""
    then, now = (record.metrics.get("steps") for record in (stored, again))
    limit = (stored.config.get("training") or {}).get("minutes")
    if not limit or then is None or now is None or then == now:
        return ""
    return f"its time limit of {limit:g} min ended it after {now:,.0f} updates, {then:,.0f} before"


def _known(stored: Record, again: Record) -> dict[str, float]:
    """Return the stored metrics, except a study's own whose function is not loaded now: these
    follow from the predictions."""
    computed = {*stored.provenance.get("metric_versions", {})} - {*again.metrics}
    return {name: value for name, value in stored.metrics.items() if name not in computed}


def _equal(a: Record, b: Record) -> bool:
    """Whether all results are equal, bit for bit."""
    import numpy as np

    curves = {name for name in a.curves if name != "seconds"}
    return (
        curves == {name for name in b.curves if name != "seconds"}
        and all(np.array_equal(a.curves[n], b.curves[n], equal_nan=True) for n in curves)
        and all(_same(b.metrics.get(name), value) for name, value in _known(a, b).items())
        and all(
            name in b.predictions and np.array_equal(b.predictions[name], array)
            for name, array in a.predictions.items()
        )
    )


def _same(a: float | None, b: float) -> bool:
    """Whether two metrics are equal; NaN, which diverged losses have, is equal to NaN."""
    return a == b or (a is not None and math.isnan(a) and math.isnan(b))


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference of two numeric arrays, relative to the first; else infinity."""
    import numpy as np

    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return math.inf
    finite = np.isfinite(a)
    scale = np.maximum(np.abs(a[finite]), 1e-12)
    return float(np.max(np.abs(a[finite] - b[finite]) / scale, initial=0.0))
