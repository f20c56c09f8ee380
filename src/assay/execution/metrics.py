"""Computes metrics that a study names later, from stored predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.core.records import VALIDATION_ONLY
from assay.core.store import Store
from assay.engines.engine import Cohort
from assay.tasks.metrics import complete
from assay.tasks.task import find_task

__all__ = ["complete_metrics"]


def complete_metrics(cohorts: Sequence[Cohort], store: Store, names: Sequence[str]) -> None:
    """Compute and store missing metrics of stored runs, without training.

    A metric without its predictions cannot be computed, which provenance and tables report.

    Args:
        names: without prefix.
    """
    if not names:
        return
    tasks = {m.run_id: find_task(cohort.task) for cohort in cohorts for m in cohort.members}
    for run in sorted(store.present(tasks)):
        record = store.record(run)
        if record.status != "finished":
            continue
        metrics, said = dict(record.metrics), dict(record.provenance)
        splits = ("val",) if record.config.get(VALIDATION_ONLY) else ("val", "test")
        changes = [
            complete(metrics, said, record.predictions, tasks[run], names, split)
            for split in splits
        ]
        if any(changes):
            store.amend(replace(record, metrics=metrics, provenance=said))
