"""`training.minutes`: a run ends in time on any machine, its learning rate schedule included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.apps import api
from assay.core.errors import ConfigError, EngineError
from assay.data import load
from assay.engines import loop
from assay.engines.engine import Cohort, Member, Progress, Resources
from assay.engines.keras_engine.engine import KerasEngine
from assay.engines.loop import Loop
from assay.engines.pretraining import first_part
from assay.engines.schedules import Cosine, Linear
from assay.engines.trained import Trained
from assay.engines.training import Training
from assay.engines.transfer import Transfer
from assay.networks.families import build_network
from assay.studies.study import parse_study
from assay.tasks.task import find_task


class FakeClock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeTrainer:
    """Learns nothing; an update takes as many seconds as `speed` says at that time."""

    def __init__(self, clock: FakeClock, seconds: Callable[[float], float]):
        self.clock, self.seconds, self.rates = clock, seconds, []
        self.late, self.lates = 0, []

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        pass

    def step(self, start: int, stop: int, factor: float) -> None:
        self.rates.append(factor)
        self.lates.append(self.late)
        self.clock.now += self.seconds(self.clock.now - 1000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(loop.time, "perf_counter", fake)
    return fake


def run(clock: FakeClock, seconds: Callable[[float], float], minutes: float | None, steps=400):
    """Train for `steps` updates at most; an evaluation takes two seconds."""
    data = load({"name": "digits", "train": 320, "validation": 40, "test": 40})
    recipe = Training(
        steps=steps, batch_size=32, minutes=minutes, schedule=Cosine(warmup=0.1), evaluate_every=50
    )
    network = build_network({"family": "mlp", "hidden": [4]}, data.image_shape, {"class": 10})
    trained = Trained(Member({"seed": 0}, network, recipe, 0))
    trainer, told = FakeTrainer(clock, seconds), []

    def measure(images: int) -> list[dict[str, float]]:
        clock.now += 2
        return [{"loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}]

    task: Any = find_task("classify")
    found = Loop(trainer, [trained], data.fit_data, task, measure, told.append)  # type: ignore[arg-type]
    assert [k for k, _ in found.run()] == [0]
    ahead = np.arange(len(trainer.lates)) + trainer.lates
    own = [recipe.schedule.factor(int(s), steps, len(data.train) // 32) for s in ahead]
    np.testing.assert_array_equal(own, trainer.rates)  # a trainer's own schedules end in time, too
    return trained, np.array(trainer.rates), told


class Strides(FakeTrainer):
    """Makes several updates at once."""

    stretch = 50

    def steps(self, start: int, stop: int, factors: list[float]) -> None:
        self.rates += factors
        self.clock.now += sum(self.seconds(self.clock.now - 1000) for _ in factors)


@pytest.mark.parametrize("steps", [660, 630, 610])
def test_no_update_is_behind_the_end_of_its_schedule(clock: FakeClock, steps: int):
    data = load({"name": "digits", "train": 800, "validation": 40, "test": 40})
    recipe = Training(
        steps=steps, batch_size=1, minutes=1, schedule=Linear(), evaluate_every=100_000
    )
    network = build_network({"family": "mlp", "hidden": [4]}, data.image_shape, {"class": 10})
    trained = Trained(Member({"seed": 0}, network, recipe, 0))
    trainer = Strides(clock, lambda now: 0.113)
    end = [{"loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}]
    task: Any = find_task("classify")
    list(Loop(trainer, [trained], data.fit_data, task, lambda n: end, lambda p: None).run())  # type: ignore[arg-type]
    assert min(trainer.rates) > 0


def test_a_fast_machine_makes_all_updates_on_the_usual_schedule(clock: FakeClock):
    trained, rates, _ = run(clock, lambda now: 0.1, minutes=10)
    _, usual, _ = run(clock, lambda now: 0.1, minutes=None)
    assert trained.steps == 400
    np.testing.assert_array_equal(rates, usual)


@pytest.mark.parametrize(
    "seconds",
    [lambda now: 1.0, lambda now: 0.25 if now < 60 else 2.0, lambda now: 3.0 if now < 60 else 0.5],
    ids=["slow", "slower", "faster"],
)
def test_any_other_ends_in_time_with_its_schedule_at_the_end(clock: FakeClock, seconds):
    trained, rates, told = run(clock, seconds, minutes=2)
    # at most the last update and the last evaluation are beyond the limit
    assert 120 <= clock.now - 1000 <= 120 + 3 + 2
    assert len(rates) == trained.steps < 400
    assert trained.curves["step"][-1] == trained.steps  # the last evaluation is at the end
    top = int(rates.argmax())
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates.max() > 0.95
    assert rates[-1] < 0.01
    fractions = [progress.fraction for progress in told if isinstance(progress, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1, abs=0.05)


def test_time_counts_that_was_spent_before_an_interruption(clock: FakeClock):
    trained, _, _ = run(clock, lambda now: 1.0, minutes=2)
    assert trained.seconds["train"] + trained.seconds["evaluate"] == pytest.approx(120, abs=5)


def test_a_run_has_the_time_that_its_pretraining_left():
    transfer = Transfer(dataset={"name": "digits"}, epochs=1)
    recipe = Training(epochs=1, minutes=10, pretrain=transfer)
    one = Member({"seed": 0}, build_network("mlp", (8, 8, 1), {"class": 10}), recipe, 0)
    assert first_part(one, {}).training.minutes == 10
    data = load({"name": "digits", "train": 100, "validation": 40, "test": 40})
    task: Any = find_task("classify")
    trained = Trained(one, seconds={"train": 0.0, "evaluate": 0.0, "pretrain": 60.0})
    own = Loop(FakeTrainer, [trained], data.fit_data, task, lambda n: [], lambda p: None)  # type: ignore[arg-type]
    assert own.limit == 60 * 9


def test_the_seconds_of_a_pretraining_are_told(tmp_path):
    study = {
        "study": "pre",
        "dataset": {"name": "digits", "train": 60, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [6]},
        "training": {
            "epochs": 1,
            "pretrain": {
                "name": "transfer",
                "dataset": {"name": "digits", "permute": 5},
                "epochs": 1,
            },
        },
        "repeats": 1,
    }
    study["training"]["pretrain"]["dataset"] |= {"train": 60, "validation": 20}
    (record,) = api.run(study, store=tmp_path, on="inline", progress=False).records()
    assert 0 < record.timing["pretrain"] <= record.timing["prepare"]


def test_a_study_has_minutes_where_it_asks_for_them():
    study = {"study": "x", "dataset": "digits", "network": "mlp"}
    (plain,) = parse_study(study).trials
    assert "minutes" not in plain.config["training"]
    (limited,) = parse_study(study | {"training": {"minutes": 0.5}}).trials
    assert limited.config["training"]["minutes"] == 0.5
    with pytest.raises(
        ConfigError, match=r"training.minutes must be a number in \(0, 100000\], got 0"
    ):
        parse_study(study | {"training": {"minutes": 0}})


def test_keras_has_no_minutes():
    pytest.importorskip("keras")
    network = build_network({"family": "mlp", "hidden": [4]}, (8, 8, 1), {"class": 10})
    one = Member({"seed": 0}, network, Training(minutes=1), 0)
    with pytest.raises(EngineError, match=r"keeps no time limit, got training.minutes 1"):
        KerasEngine().check(Cohort((one,), "classify"), Resources())
