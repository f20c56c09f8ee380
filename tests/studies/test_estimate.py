"""What a study costs before it runs, and how fast this machine is."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from assay.apps.readiness import check_plan
from assay.core.errors import ConfigError
from assay.execution.place import Machine
from assay.studies import speed
from assay.studies.estimate import PER_ACTIVATION, SHARES, estimate
from assay.studies.plan import make_plan
from assay.studies.speed import busy_text, measure_speed
from assay.studies.study import parse_study

BASE: dict[str, Any] = {
    "study": "small",
    "dataset": "digits",
    "network": {"family": "mlp", "hidden": [16]},
    "training": {"epochs": 2, "batch_size": 32},
    "repeats": 3,
}
FACTORS = {"network.activation": ["tanh", "relu"], "training.batch_size": [64, 128]}


def test_an_estimate_counts_runs_images_and_steps() -> None:
    study = parse_study({**BASE, "dataset": {"name": "digits", "train": 100}, "factors": FACTORS})
    cost = estimate(make_plan(study), gflops=1.0)
    assert (cost.trials, cost.runs, cost.cohorts) == (4, 12, 4)
    assert cost.images == 12 * 2 * 100
    assert cost.steps == 3 * 2 * (4 + 4 + 2 + 1)  # batches of 32, 32, 64 and 128
    assert cost.macs == (64 * 16 + 16 * 10,) * 2
    assert cost.seconds > estimate(make_plan(study), gflops=100.0).seconds > 0


def test_convolutions_cost_more_than_their_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pooling takes no products, but time: a convolution, its pooling and a head on 8x8 images."""
    layers = [{"conv2d": 4, "kernel_size": 1}, "max_pool2d"]
    network = {"family": "layers", "layers": layers}
    monkeypatch.setattr("assay.studies.estimate.physical_cores", lambda: 2)
    study = {**BASE, "network": network, "precision": "float32", "repeats": 2}
    made = make_plan(parse_study(study))
    one, two = (estimate(made, gflops=speed) for speed in (1.0, 2.0))
    products = 64 * 4 + 4 * 16 * 10
    held = 64 * 4 + 16 * 4 + 4 * 16 + 10  # of the convolution, pooling, flattening and head
    work = 6 * products / SHARES["convolution", "float32"] + PER_ACTIVATION * held
    assert one.seconds - two.seconds == pytest.approx(one.images * work / 1e9 / 2)


def test_a_run_takes_no_longer_than_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.studies.estimate.physical_cores", lambda: 2)
    limited = {**BASE["training"], "minutes": 5}
    made = make_plan(parse_study({**BASE, "training": limited, "repeats": 4}))
    for workers, minutes in ((None, 10), (1, 20), (4, 5)):
        slow = estimate(made, gflops=1e-9, workers=workers)
        assert slow.seconds == pytest.approx(60 * minutes)
    assert estimate(made, gflops=100.0).seconds < 60


@pytest.mark.parametrize(("repeats", "minutes"), [(1, 5), (2, 5), (3, 10)])
def test_workers_without_a_run_save_no_time(
    monkeypatch: pytest.MonkeyPatch, repeats: int, minutes: int
) -> None:
    monkeypatch.setattr("assay.studies.estimate.physical_cores", lambda: 2)
    limited = {**BASE["training"], "minutes": 5}
    made = make_plan(parse_study({**BASE, "training": limited, "repeats": repeats}))
    assert estimate(made, gflops=1e-9).seconds == pytest.approx(60 * minutes)


@pytest.mark.parametrize(
    ("pretrain", "updates"),
    [(None, 0), ({"name": "transfer", "dataset": "mnist", "epochs": 2}, 36)],
)
def test_what_is_trained_first_costs_as_well(pretrain: dict | None, updates: int) -> None:
    study = {
        "study": "costs",
        "dataset": {"name": "fashion-mnist", "train": 500, "validation": 100},
        "network": {"family": "mlp", "hidden": [8]},
        "training": {"epochs": 1, "batch_size": 100},
    }
    if pretrain:
        study["training"]["pretrain"] = {**pretrain, "dataset": {"name": "mnist", "train": 1800}}
    cost = estimate(make_plan(parse_study(study)), gflops=1.0)
    own = 500 // 100
    assert (cost.steps, cost.images) == (own + updates, 500 + 100 * updates)
    study["training"]["minutes"] = 5
    limited = estimate(make_plan(parse_study(study)), gflops=1e-9)
    assert limited.seconds == pytest.approx(60 * (10 if pretrain else 5))  # each part ends then


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network.hidden": [10**12]}, "75,000,000,000,010 parameters, its batches 32 images"),
    ],
)  # fmt: skip
def test_runs_that_no_memory_holds_are_refused(
    changes: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.studies.estimate.memory_bytes", lambda: 8 * 2**30)
    made = make_plan(parse_study({**BASE, "trials": {"a": changes}}))
    with pytest.raises(ConfigError, match=r"GiB of memory, this machine has 8 GiB: ") as caught:
        estimate(made, gflops=1.0)
    assert said in str(caught.value)
    with pytest.raises(ConfigError) as checked:  # and nothing is measured
        check_plan(made, None, Machine())
    assert str(checked.value) == str(caught.value)


def test_the_speed_of_this_machine_is_measured() -> None:
    found = measure_speed(0.0, size=64)
    assert found.gflops > 0
    assert 0 <= found.busy <= 1


def test_a_busy_machine_is_measured_as_if_it_were_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs on each core: the clock runs twice as fast as what a thread computes."""
    now = threading.local()

    def thread_time() -> float:
        now.seconds = getattr(now, "seconds", 0.0) + 0.001
        return now.seconds

    monkeypatch.setattr(speed, "physical_cores", lambda: 2)
    monkeypatch.setattr(speed.time, "thread_time", thread_time)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: 2 * getattr(now, "seconds", 0.0))
    found = measure_speed(0.1, size=8)
    assert found.gflops == pytest.approx(2 * 2 * 8**3 / 0.001 / 1e9)
    assert found.busy == pytest.approx(0.5, abs=0.02)
    assert "other programs have 50 % of its cores now" in busy_text(0.5)
    assert busy_text(0.1) == ""
