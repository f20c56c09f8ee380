"""Conformance tests for executors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

__all__ = ["check_executor"]

_STUDY = {
    "study": "executor",
    "dataset": {"name": "digits", "train": 80, "validation": 20, "test": 20},
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 2, "batch_size": 20},
    "factors": {"network.hidden": [[4], [6]]},
    "engine": "numpy",
    "repeats": 2,
}


def check_executor(name: str) -> None:
    """Check an executor.

    With two workers, or the one that it has, it must train every run once, report the start and end
    of each job, give the same numbers as training in this process, and train nothing the second
    time.

    Args:
        name: as for `--on`, with an address if it needs one.
    """
    from assay.execution.executors.executor import EXECUTORS
    from assay.execution.place import parse_place

    executor = parse_place(name).executor
    workers = min(2, getattr(EXECUTORS[executor], "WORKERS", 2)) if executor else 2
    with TemporaryDirectory() as folder:
        found, told = _train(name, Path(folder) / "there", workers)
        expected, _ = _train("inline", Path(folder) / "here", 1)
        _, again = _train(name, Path(folder) / "there", workers)
    assert len(found) == 4, f"{len(found)} of 4 runs were stored"
    for record, own in zip(found, expected, strict=True):
        assert record.status == "finished", record.message
        for curve in ("loss", "val_loss"):
            said = f"{curve} of a run is another one than in this process"
            np.testing.assert_allclose(record.curves[curve], own.curves[curve], 1e-5, err_msg=said)
    assert told["finished"] == 4, f"{told['finished']} runs were reported as finished, expected 4"
    assert told["started"] == told["ended"] >= 1, (
        f"{told['started']} jobs began, {told['ended']} ended"
    )
    assert not again["started"], "runs that are stored were trained again"


def _train(name: str, store: Path, workers: int) -> tuple[list[Any], Counter[str]]:
    from assay.apps.api import run

    told: Counter[str] = Counter()
    results = run(
        _STUDY,
        store=store,
        on=name,
        workers=workers,
        on_event=lambda event: told.update([event.kind]),
    )
    return results.records(), told
