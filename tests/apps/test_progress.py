"""Progress of `assay run`: numbers that can be worked out by hand, and the lines of a pipe."""

from __future__ import annotations

import pytest

from assay.apps.cli.progress import Lines, State, duration
from assay.engines.contract import Progress
from assay.execution.events import Event


class Clock:
    """A clock that a test winds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (42.2, "42 s"), (187, "3:07 min"), (3599.6, "1:00 h"), (7530, "2:05 h")],
)
def test_durations_are_for_people(seconds: float, text: str):
    assert duration(seconds) == text


def test_the_state_is_the_sum_of_the_events():
    state = State()
    state(Event("planned", total=10, done=2, work=80.0))
    state(Event("started", 0, title="mlp", members=4, work=40.0, total=10, done=2))
    latest = {"val_loss": 0.3, "val_accuracy": 0.9}
    news = {"images_per_second": 5000.4, "seconds_left": 187.0}
    state(Event("progress", 0, progress=Progress(1, 0.5, 3, latest), total=10, done=2, **news))
    assert state.fraction == 0.25
    job, _ = state.jobs[0]
    assert (job.members, job.text()) == (3, "validation accuracy 90.00 %")
    assert state.summary() == "2 of 10 runs, 5,000 images/s, 3:07 min left"
    state(Event("ended", 0, total=10, done=6))
    assert (state.fraction, state.jobs) == (0.5, {})
    assert State().fraction == 1.0  # nothing was missing


def test_what_went_wrong_is_said_and_counted():
    state = State()
    state(Event("started", 3, title="rate = 10", members=2, total=2))
    said = state(Event("diverged", 3, message="loss is nan at step 7", total=2, done=1))
    assert said == "a run of rate = 10 diverged: loss is nan at step 7"
    assert state(Event("failed", 3, total=2, done=2)) == "a run of rate = 10 failed"
    assert state.summary() == "2 of 2 runs, 1 diverged, 1 failed"


def test_what_runs_have_to_say_is_said_once():
    state, remark = State(), "an interrupted run goes on from update 2,000"
    state(Event("started", 1, title="rate = 1", members=1))
    told = Event("progress", 1, progress=Progress(0, 0.0, 1, remark=remark))
    assert [state(told), state(told)] == [f"rate = 1: {remark}", ""]


def test_a_pipe_gets_a_line_when_there_is_news():
    lines: list[str] = []
    clock = Clock()
    with Lines(every=30, write=lines.append, clock=clock) as shown:
        shown(Event("planned", total=2, work=2.0))
        shown(Event("started", 0, title="mlp", members=2, work=2.0, total=2))
        clock.now = 5.0
        shown(Event("progress", 0, progress=Progress(1, 0.2, 2, {"val_accuracy": 0.5}), total=2))
        assert lines == ["0 of 2 runs"]  # no run is stored and the last line is young
        clock.now = 31.0
        shown(Event("progress", 0, progress=Progress(1, 0.9, 2, {}), total=2))
        clock.now = 33.0
        shown(Event("finished", 0, total=2, done=1))
        clock.now = 33.5
        shown(Event("finished", 0, total=2, done=2))
    assert lines[1] == "0 of 2 runs; validation accuracy 50.00 %"
    assert [line.split(";")[0] for line in lines[2:]] == ["1 of 2 runs", "2 of 2 runs"]
