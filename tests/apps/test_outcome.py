"""How `assay run` and `assay.run` end: what they name, their status, and what a script sees."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.__main__ import main as program
from assay.apps import api
from assay.apps.cli.app import main
from assay.core import errors
from assay.core.plans import runs_by_label
from assay.core.store import Store
from assay.engines.numpy_engine.engine import NumpyEngine

pytestmark = pytest.mark.usefixtures("blank_page")

STUDY = """\
study: rates
dataset: {name: digits, train: 97, validation: 40, test: 40}
network: {family: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 32}
engine: numpy
repeats: 2
factors: {training.learning_rate: [0.01, 1.0e+30]}
"""

SEARCH = """\
study: search
dataset: {name: digits, train: 97, validation: 40, test: 40}
network: {family: mlp, hidden: [8]}
training: {epochs: 2, batch_size: 32}
repeats: 1
search:
  sampler: grid
  best: 1
  space: {network.hidden.0.units: [8, 9, 10], training.learning_rate: RATES}
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a study's text; give the exit status and what was said on standard error."""

    def command(text: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "study.yaml").write_text(text)
        store = str(tmp_path / "store")
        status = main(["run", str(tmp_path / "study.yaml"), "--store", store, *arguments])
        return status, capsys.readouterr().err

    return command


def test_runs_that_diverge_are_named_and_are_a_result(run: Any):
    status, err = run(STUDY)
    assert status == 0
    for seed in (0, 1):
        name = rf"learning_rate = 1e\+30 \(seed {seed}\)"
        assert re.search(f"{name} diverged: the loss was not finite by step 4\n", err), err
    assert err.endswith("2 of 4 runs diverged: learning_rate = 1e+30 with seeds 0, 1\n")
    assert run(STUDY) == (
        0,
        "2 of 4 runs diverged: learning_rate = 1e+30 with seeds 0, 1\n",
    )


def test_a_study_of_which_every_run_diverged_has_no_result(run: Any, tmp_path: Path):
    said = (
        "error: all 2 runs diverged, so there is no result; a smaller training.learning_rate may "
        "help\n"
    )
    status, err = run(STUDY, "--only", "1e+30")
    assert (status, err[-len(said) :]) == (1, said)
    assert run(STUDY, "--only", "1e+30") == (1, said)  # and so it is the next time
    assert (tmp_path / "store" / "reports" / "rates.html").exists()


def test_a_search_names_the_trials_that_diverged_and_not_their_job(run: Any, tmp_path: Path):
    status, err = run(SEARCH.replace("RATES", "[0.01, 1.0e+30]"))
    assert status == 0
    with Store(tmp_path / "store") as store:
        labels = {run: label for label, runs in runs_by_label(store.plan("search")) for run in runs}
        records = store.records(labels, arrays=False)
    lost = {labels[r.run_id] for r in records if r.status == "diverged"}
    assert len(lost) == 3
    assert set(re.findall(r"(#\d+) \(seed \d+\) diverged", err)) == lost
    status, err = run(SEARCH.replace("RATES", "[1.0e+29, 1.0e+30]"))
    assert (status, err.splitlines()[-1][:27]) == (1, "error: all 6 runs diverged,")


def test_failed_runs_are_named(run: Any, monkeypatch: pytest.MonkeyPatch):
    def fail(self: NumpyEngine, *arguments: Any) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(NumpyEngine, "train", fail)
    status, err = run(STUDY, "--only", "baseline")
    assert status == 1
    why = f"{Path(__file__).name}:{fail.__code__.co_firstlineno + 1}: RuntimeError: out of luck"
    assert f"baseline (seed 1) failed: {why}\n" in err
    assert err.endswith(f"error: 2 runs failed (baseline with seeds 0, 1): {why}\n")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "assay.apps.api.plan_of",
            "interrupted; run the same command again, which trains only what is missing\n",
        ),
        (
            "assay.apps.results.Results.__init__",  # all is trained, but nobody has said so
            "interrupted; run the same command again, which trains only what is missing\n",
        ),
        (
            "assay.apps.results.Results.report",
            "interrupted after training; run the same command again for table and report\n",
        ),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_beside_training_says_how_to_go_on(
    place: str, said: str, number: int, run: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(place, lambda *_, **__: os.kill(os.getpid(), number))
    status, err = run(STUDY, "--only", "baseline")
    assert (status, err[-len(said) :]) == (130, said)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_python_shows_progress_that_takes_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    some: dict[str, Any] = {"only": "baseline"}
    assay.run(file, store=tmp_path / "quick", **some)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(api, "QUIET_SECONDS", 0.0)
    assay.run(file, store=tmp_path / "shown", **some)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "0 of 2 runs"
    assert said[-1].startswith("2 of 2 runs")
    assay.run(file, store=tmp_path / "off", progress=False, **some)
    assay.run(file, store=tmp_path / "own", on_event=lambda event: None, **some)
    assert capsys.readouterr().err == ""


def test_errors_are_what_python_has_for_them():
    wrong = (errors.ConfigError, errors.DataError, errors.NetworkError, errors.EngineError)
    for kind in wrong:
        assert issubclass(kind, ValueError)
        assert issubclass(kind, errors.AssayError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.StudyInterrupted, KeyboardInterrupt)
    error = errors.StudyInterrupted("interrupted", "\n1 run")
    assert (str(error), error.kept) == ("interrupted\n1 run", "\n1 run")
    with pytest.raises(ValueError, match="unknown scale"):
        assay.run("tour", scale="smok")


@pytest.mark.parametrize("ends", [lambda: 130, lambda: signal.raise_signal(signal.SIGINT)])
def test_a_second_signal_does_not_change_how_a_stopped_program_ends(
    ends: Any, monkeypatch: pytest.MonkeyPatch
):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr("assay.apps.cli.app.main", ends)
    try:
        assert program() == 130
        for number in numbers:
            signal.raise_signal(number)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
