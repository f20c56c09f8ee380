"""Workers and the GPUs of this machine. No GPU is needed: an engine says which there are, and
computes on the CPU; what is tested is who is told to use which."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from conformance import same_results, stored
from execute_command import config, study, train
from softmax_engine import SoftmaxEngine

from assay.engines.engine import Resources
from assay.execution.gpus import CONTEXT_BYTES, Gpus, gpus_for


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    def there(*names: str) -> None:
        monkeypatch.setenv("SOFTMAX_GPUS", " ".join(names))

    return there


def shared(count: int, workers: int = 0, device: str = "auto") -> Gpus:
    _, (cohort,) = study([config(0)])
    many = replace(cohort, members=cohort.members * count)
    return gpus_for([many], SoftmaxEngine(), Resources(device=device), workers)


def test_small_cohorts_share_a_gpu_and_gpus_come_in_turn(gpus):
    assert shared(3) == Gpus(), "there is none"
    gpus("cuda:0", "cuda:1")
    assert shared(3).devices == ("cuda:0", "cuda:1") * 2
    assert shared(3).memory == (8 << 30) // 2 - CONTEXT_BYTES
    assert shared(3, workers=3).devices == ("cuda:0", "cuda:1", "cuda:0")
    assert shared(200_000).devices == ("cuda:0", "cuda:1"), "two such cohorts do not fit"
    assert shared(3, workers=100).memory == 1, "too little; 0 would mean that it is unknown"
    assert shared(3, device="cpu") == shared(3, device="cuda:1") == Gpus()


def test_every_gpu_has_a_worker_and_records_are_the_same(tmp_path, gpus, chosen_executor):
    configs = [config(seed) for seed in range(4)]
    train(tmp_path / "one", configs, executor="inline")
    gpus("cuda:0", "cuda:1")
    train(tmp_path / "two", configs)
    records = stored(tmp_path / "two", configs)
    assert same_results(stored(tmp_path / "one", configs), records)
    used = {(r.provenance["pid"], r.provenance["device"]) for r in records}
    assert Counter(device for _, device in used) == {"cuda:0": 1, "cuda:1": 1}
