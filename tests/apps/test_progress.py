"""Progress of `assay run`: numbers that can be worked out by hand, and the lines of a pipe."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import pytest

from assay.apps.cli.progress import ExecutionState, Lines, Safe, duration, estimated
from assay.apps.notebook import Notebook, in_notebook
from assay.engines.engine import Progress
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


def test_an_estimate_is_no_finer_than_a_second():
    assert (estimated(0.02), estimated(42.2)) == ("less than 1 s", "about 42 s")


def test_the_state_is_the_sum_of_the_events():
    state = ExecutionState()
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
    assert ExecutionState().fraction == 1.0  # nothing was missing


def test_what_went_wrong_is_said_and_counted():
    state = ExecutionState()
    state(Event("started", 3, title="rate = 10", members=2, total=2))
    state(Event("started", 4, title="rate = 10 and 1 more", members=2))
    lost = Event("lost", 4, members=1, message="its worker died (signal 9)")
    assert state(lost) == "rate = 10 and 1 more: its worker died (signal 9); its run is tried again"
    said = state(Event("diverged", 3, message="loss is nan at step 7", total=2, done=1))
    assert said == "rate = 10 diverged: loss is nan at step 7"
    assert state(Event("failed", 3, title="rate = 1", total=2, done=2)) == "rate = 1 failed"
    assert state.summary() == "2 of 2 runs, 1 diverged, 1 failed"


def test_what_runs_have_to_say_is_said_once():
    state, remark = ExecutionState(), "an interrupted run resumes from update 2,000"
    state(Event("started", 1, title="rate = 1", members=1))
    told = Event("progress", 1, progress=Progress(0, 0.0, 1, remark=remark))
    assert [state(told), state(told)] == [f"rate = 1: {remark}", ""]


def progress(fraction: float, **latest: float) -> Event:
    return Event("progress", 0, progress=Progress(1, fraction, 2, latest), total=2)


def test_a_pipe_gets_a_line_now_and_then_that_names_the_trial():
    lines: list[str] = []
    clock = Clock()
    with Lines(write=lines.append, clock=clock) as shown:
        shown(Event("planned", total=2, work=2.0))
        shown(Event("started", 0, title="mlp", members=2, work=2.0, total=2))
        clock.now = 5.0
        shown(progress(0.2, val_accuracy=0.5))
        assert lines == ["0 of 2 runs"]  # the last line is young
        clock.now = 10.0
        shown(progress(0.4, val_accuracy=0.5))
        assert lines[1:] == ["0 of 2 runs; mlp: 40%, validation accuracy 50.00 %"]
        clock.now = 20.0
        shown(progress(0.4, val_accuracy=0.5))
        assert len(lines) == 2, "nothing is new"
        clock.now = 33.0
        shown(Event("finished", 0, total=2, done=1))
        clock.now = 33.5
        shown(Event("finished", 0, total=2, done=2))
        shown(Event("ended", 0, total=2, done=2))
    assert [line.split(";")[0] for line in lines[2:]] == ["1 of 2 runs", "2 of 2 runs"]


def test_a_long_study_says_less_and_less_often():
    lines: list[str] = []
    clock = Clock()
    with Lines(write=lines.append, clock=clock) as shown:
        shown(Event("planned", total=2, work=2.0))
        shown(Event("started", 0, title="mlp", members=2, work=2.0, total=2))
        for clock.now in range(2 * 3600):
            shown(progress(clock.now / 7200))
    assert 100 < len(lines) < 150
    assert all(a != b for a, b in itertools.pairwise(lines))


def test_a_script_that_takes_seconds_is_told_nothing():
    lines: list[str] = []
    clock = Clock()
    with Lines(after=5, write=lines.append, clock=clock) as shown:
        shown(Event("planned", total=2, work=2.0))
        clock.now = 4.0
        shown(Event("finished", 0, total=2, done=2))
    assert lines == []


def test_a_display_that_fails_stops_nothing(capsys: pytest.CaptureFixture[str]):
    class Broken(Lines):
        def __call__(self, event: Event) -> None:
            raise OSError(5, "Input/output error")

    with Safe(Broken()) as shown:
        shown(Event("planned", total=2))
        shown(Event("finished", total=2))
    said = "progress is no longer displayed (OSError: [Errno 5] Input/output error)"
    assert capsys.readouterr().err == f"{said}; training continues\n"


def test_many_runs_that_diverge_are_not_all_named():
    state = ExecutionState()
    said = [state(Event("diverged", 0, title=f"rate = {k}")) for k in range(100)]
    assert [text for text in said if text][-2:] == [
        "rate = 19 diverged",
        "further runs diverged; from now on they are only counted",
    ]


def test_a_notebook_has_a_bar(monkeypatch: pytest.MonkeyPatch):
    drawn: list[str] = []
    handle = SimpleNamespace(update=drawn.append)
    display = SimpleNamespace(
        HTML=str, display=lambda html, display_id: drawn.append(html) or handle
    )
    assert not in_notebook()
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1))
    )
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert in_notebook()
    with Notebook() as shown:
        shown(Event("planned", total=2, work=2.0))
        shown(Event("started", 0, title="a<b", members=2, work=2.0, total=2))
        shown(progress(0.5))
        shown(Event("diverged", 0, title="a<b", total=2, done=2))
    assert drawn[0].startswith('<progress value="0.0000"')
    assert drawn[-1] == (
        '<progress value="0.5000" style="width: 30em"></progress>'
        "<div>2 of 2 runs, 1 diverged</div><div>a&lt;b diverged</div>"
    )
