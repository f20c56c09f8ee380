"""The time left of a search follows from budgets, not from numbers of runs."""

from __future__ import annotations

import pytest

from assay.apps.api import plan_of
from assay.execution import search_progress
from assay.execution.events import Event
from assay.execution.search_progress import SearchProgress

STUDY = {
    "study": "halving",
    "dataset": {"name": "xor", "train": 60, "validation": 20, "test": 20},
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 8},
    "search": {
        "sampler": {"name": "successive_halving", "eta": 2, "min_epochs": 2},
        "trials": 4,
        "best": 1,
        "space": {"training.learning_rate": {"float": [0.001, 0.1], "log": True}},
    },
    "repeats": 3,
}
"""Rungs of 4 trials x 2 epochs, 2 x 2 more and 1 x 4 more: 16 epochs, 2 whole runs, and 3 at the
end."""


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(search_progress.time, "monotonic", lambda: now[0])
    return now


def event(kind, **values):
    return Event(kind, **values)


def test_the_time_left_counts_what_later_rungs_and_the_best_trials_will_train(clock):
    events = []
    progress = SearchProgress(plan_of(STUDY).study, events.append)
    progress.expect(4, 4, 4 * 2 / 8)
    progress(event("planned", total=4, work=4.0))
    assert events[-1].seconds_left is None
    clock[0] += 10  # half of the first rung: 0.5 of 5 whole runs
    progress(event("progress", job=0, total=4, done=2, seconds_left=10.0))
    assert events[-1].seconds_left == pytest.approx(10 + 20 * 4)
    clock[0] += 10
    progress(event("ended", job=0, total=4, done=4, seconds_left=0.0))
    assert events[-1].seconds_left == pytest.approx(20 * 4)
    assert (events[-1].done, events[-1].total) == (4, 10)


def test_what_was_stored_before_takes_no_time(clock):
    events = []
    progress = SearchProgress(plan_of(STUDY).study, events.append)
    progress.expect(4, 4, 1.0)
    progress(event("planned", total=4, done=2, work=2.0))
    clock[0] += 10
    progress(event("ended", job=0, total=4, done=4, seconds_left=0.0))
    assert events[-1].seconds_left == pytest.approx(20 * 4)  # half a run took 10 s
    progress.expect(0, 2, 0.5)  # the next rung was trained by the same search before
    progress.expect(1, 1, 0.5)
    progress(event("planned", total=1, work=1.0))
    clock[0] += 10
    progress(event("ended", job=0, total=1, done=1, seconds_left=0.0))
    assert events[-1].seconds_left == pytest.approx(20 * 3)


def test_proposing_what_was_stored_before_again_is_no_training(clock):
    events = []
    progress = SearchProgress(plan_of(STUDY).study, events.append)
    progress.expect(4, 4, 1.0)
    progress(event("planned", total=4, done=4))
    assert (events[-1].done, events[-1].total) == (4, 10)
    clock[0] += 60  # a sampler that takes long
    progress.expect(2, 2, 0.5)
    progress(event("planned", total=2, work=2.0))
    assert (events[-1].done, events[-1].total, events[-1].work) == (4, 10, 6)
    clock[0] += 10
    progress(event("ended", job=0, total=2, done=2, seconds_left=0.0))
    assert events[-1].seconds_left == pytest.approx(20 * 3.5)  # half a run took 10 s
