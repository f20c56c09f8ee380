"""What every executor must do, wherever it trains; the tests of each one call these."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from execute_command import config, train

from assay.apps.api import run
from assay.core.digests import digest
from assay.core.records import Record, run_id
from assay.core.store import Store
from assay.execution.execute import Summary

__all__ = [
    "a_failed_run_stops_nobody",
    "begins_with_a_stored_run",
    "counts",
    "same_results",
    "stored",
    "trains_all_once",
]


def stored(path: Path, configs: list[dict]) -> list[Record]:
    with Store(path, create=False, read_only=True) as store:
        return store.records([run_id(c) for c in configs])


def same_results(a: list[Record], b: list[Record]) -> bool:
    assert [r.run_id for r in a] == [r.run_id for r in b]
    assert [r.status for r in a] == [r.status for r in b]
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left.curves["loss"], right.curves["loss"])
        assert left.metrics == right.metrics
    return True


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.present, summary.trained, summary.elsewhere, len(summary.failed)


def trains_all_once(folder: Path, executor: Any, **options: Any) -> None:
    """All is trained, told and stored; the next command finds it there."""
    configs = [config(seed) for seed in range(4)]
    options = {"executor": executor, "workers": 2, **options}
    summary, events = train(folder / "store", configs, **options)
    assert counts(summary) == (0, 4, 0, 0)
    records = stored(folder / "store", configs)
    assert all(r.metrics["test_accuracy"] > 0.8 for r in records)
    assert summary.images == sum(3 * 1293 for _ in records)
    with Store(folder / "store") as store:
        assert store.weights(records[0].run_id)["trunk.0.kernel"].shape == (65, 10)
    again, later = train(folder / "store", configs, **options)
    assert counts(again) == (4, 0, 0, 0)
    assert [event.kind for event in later] == ["planned", "done"]
    kinds = [event.kind for event in events]
    assert kinds[0] == "planned"
    assert kinds[-1] == "done"
    assert kinds.count("finished") == 4
    assert kinds.count("started") == kinds.count("ended") >= 1
    told = [e.progress for e in events if e.kind == "progress" and e.progress]
    assert any(p.latest for p in told)
    assert sorted(p.remark for p in told if p.remark) == [f"seed {s} begins" for s in range(4)]
    done = [event.done for event in events]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == events[-1].total == 4
    assert events[-1].seconds_left == 0
    assert events[-1].images_per_second > 0


def a_failed_run_stops_nobody(
    folder: Path, executor: Any, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> None:
    """The others are trained, and the next command tries it again."""
    configs = [config(seed) for seed in range(5)]
    options = {"executor": executor, "workers": 2, **options}
    monkeypatch.setenv("SOFTMAX_FAIL", "1")
    summary, events = train(folder, configs, **options)
    assert summary.trained == 4
    ((failed, why),) = summary.failed.items()
    assert failed == run_id(configs[1])
    assert re.fullmatch(r"softmax_engine\.py:\d+: RuntimeError: seed 1 cannot be trained", why)
    record = stored(folder, configs)[1]
    assert record.status == "failed"
    assert record.message == summary.failed[record.run_id]
    assert "SoftmaxEngine" not in record.message
    assert 'raise RuntimeError(f"seed {seed} cannot be trained")' in record.provenance["traceback"]
    assert events[-1].kind == "done"
    assert events[-1].done == 5
    monkeypatch.delenv("SOFTMAX_FAIL")
    again, _ = train(folder, configs, **options)
    assert counts(again) == (4, 1, 0, 0)
    assert stored(folder, configs)[1].status == "finished"


def begins_with_a_stored_run(folder: Path, executor: str) -> None:
    """Workers find the weights of the run of the store with which theirs begin."""
    recipe = {"epochs": 1, "batch_size": 20}
    study = {
        "study": "first",
        "dataset": {"name": "digits", "train": 100, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [6]},
        "training": recipe,
        "precision": "float32",
        "repeats": 1,
    }
    (name,) = run(study, store=folder, on="inline", progress=False).plan["trials"][0]["runs"]
    recipe = {**recipe, "pretrain": {"name": "stored", "run": name, "freeze": True}}
    second = {**study, "study": "second", "training": recipe, "repeats": 2}
    results = run(second, store=folder, on=executor, progress=False)
    with Store(folder, create=False, read_only=True) as store:
        whole = store.weights(name)
        file = store.weights_folder / f"{name}.safetensors"
        for record in results.records():
            assert record.provenance["begun_with"] == {name: digest(file.read_bytes())}
            trunk = store.weights(record.run_id)["trunk.1.kernel"]
            np.testing.assert_array_equal(trunk, whole["trunk.1.kernel"])
