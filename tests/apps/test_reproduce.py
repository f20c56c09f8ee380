"""Stored runs that are trained again: equal, equal within rounding, or different."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.apps.cli.app import main
from assay.apps.reproducing import (
    DIFFERENT,
    EQUAL,
    FAILED,
    ROUNDING,
    chosen,
    judge,
    reproduce,
)
from assay.core.cores import physical_cores
from assay.core.records import Record
from assay.core.same_results import LIMITS
from assay.core.store import Store
from assay.engines.engine import Resources


@pytest.fixture
def record(store: Path) -> Record:
    with Store(store, create=False, read_only=True) as opened:
        return chosen(opened, "small", 1)[0]


def test_runs_of_a_study_come_out_as_they_are_stored(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    before = (store / "index.sqlite").read_bytes()
    assert main(["reproduce", "small", "--runs", "2", "--store", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for one in found:  # the fastest program of this moment may be another one
        other = any(name == "program" for name, _, _ in one["changed"])
        assert one["verdict"] == (ROUNDING if other else EQUAL)
    assert len({one["run_id"] for one in found}) == 2
    assert (store / "index.sqlite").read_bytes() == before, "nothing is written"


def test_one_run_is_named_by_the_start_of_its_name(
    store: Path, record: Record, capsys: pytest.CaptureFixture[str]
):
    assert main(["reproduce", record.run_id[:8], "--store", str(store)]) == 0
    said = capsys.readouterr()
    assert record.run_id[:8] in said.out
    assert EQUAL in said.out, "or equal within rounding"


def test_the_seeds_of_a_study_are_spread_over_its_trials(store: Path):
    with Store(store, create=False, read_only=True) as opened:
        found = chosen(opened, "small", 2)
    assert {r.seed for r in found} == {0}
    assert len({r.trial_id for r in found}) == 2


def nudged(record: Record, share: float) -> Record:
    curves = {**record.curves, "loss": record.curves["loss"] * (1 + share)}
    return replace(record, curves=curves)


@pytest.mark.parametrize(
    ("limits", "verdict"), [(0.0, EQUAL), (0.1, ROUNDING), (10, DIFFERENT), (np.nan, DIFFERENT)]
)
def test_the_first_losses_decide_between_rounding_and_a_difference(
    limits: float, verdict: str, record: Record
):
    share = limits * LIMITS[record.provenance["precision"]]  # which is the machine's choice
    assert judge(record, nudged(record, share)).verdict == verdict


def test_a_run_that_ends_otherwise_is_different(record: Record):
    assert judge(record, replace(record, status="diverged")).verdict == DIFFERENT
    predicted = {n: np.roll(a, 1, axis=0) for n, a in record.predictions.items()}
    assert judge(record, replace(record, predictions=predicted)).verdict == ROUNDING


def test_what_diverged_is_equal_to_itself_and_accuracies_decide_without_losses():
    curves = {"step": np.ones(1), "loss": np.full(1, np.nan)}
    lost = Record("a", "t", 0, "diverged", {}, curves, {"val_loss": float("nan")})
    assert judge(lost, lost).verdict == EQUAL
    curves = {"step": np.ones(1), "accuracy": np.array([0.9])}
    good = Record("a", "t", 0, "finished", {}, curves, {"val_accuracy": 0.9})
    bad = replace(good, curves={**curves, "accuracy": np.array([0.1])}, metrics={})
    assert judge(good, bad).verdict == DIFFERENT
    assert judge(good, replace(good, curves={"step": np.ones(1)}, metrics={})).first == np.inf


def test_metrics_whose_function_is_not_loaded_follow_from_the_predictions(record: Record):
    said = {**record.provenance, "metric_versions": {"test_f1_macro": "1"}}
    stored = replace(record, metrics={**record.metrics, "test_f1_macro": 0.5}, provenance=said)
    found = judge(stored, record)
    assert found.verdict == EQUAL
    assert "test_f1_macro" not in {name for name, _, _ in found.metrics}
    lost = {n: v for n, v in record.metrics.items() if n != "test_accuracy"}
    assert judge(stored, replace(record, metrics=lost)).verdict == ROUNDING


def test_metrics_of_the_study_are_computed_again(record: Record):
    stored = replace(record, metrics={**record.metrics, "test_f1_macro": 0.5})
    (found,) = reproduce([stored], {})
    again = {name: now for name, _, now in found.metrics}
    assert 0 < again["test_f1_macro"] < 1
    assert found.verdict == ROUNDING, "0.5 is not its value"


@pytest.mark.parametrize(("then", "now"), [(1, 1), (1000, None), (None, 0)])
def test_a_run_has_as_many_threads_as_before(
    then: int | None, now: int | None, record: Record, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    class Engine:
        check = staticmethod(lambda cohort, resources: None)

        @staticmethod
        def train(cohort: object, dataset: object, resources: Resources, told: object) -> list:
            asked.append(resources.threads)
            return [record]

    monkeypatch.setattr("assay.execution.executors.worker.find_engine", lambda name: Engine)
    said = {k: v for k, v in record.provenance.items() if k != "threads"}
    stored = replace(record, provenance=said if then is None else {**said, "threads": then})
    assert next(reproduce([stored], {})).verdict == EQUAL
    assert asked == [physical_cores() if now is None else now]


def test_what_has_changed_is_listed(record: Record):
    again = replace(record, provenance={**record.provenance, "source": "another", "cpu": "fast"})
    changed = judge(record, again).changed
    assert {name for name, _, _ in changed} == {"source", "cpu"}


def test_a_run_that_cannot_be_trained_is_said_and_counts(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from assay.core.errors import EngineError

    def refuse(*_: object) -> None:
        raise EngineError("no such device here")

    monkeypatch.setattr("assay.apps.reproducing._train", refuse)
    assert main(["reproduce", "small", "--runs", "1", "--store", str(store)]) == 1
    said = capsys.readouterr().out
    assert FAILED in said
    assert "no such device here" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smal"], "no study or run 'smal' in the store"),
        (["smal"], "did you mean 'small'?"),
        (["small", "--runs", "0"], "--runs 0: expected a whole number >= 1"),
    ],
)
def test_wrong_names_and_numbers(
    arguments: list[str], message: str, store: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["reproduce", *arguments, "--store", str(store)]) == 2
    assert message in capsys.readouterr().err


def test_a_time_limit_that_ended_a_run_elsewhere_is_told():
    config, curves = {"training": {"minutes": 2.0}}, {"loss": np.array([1.0])}
    then = Record("run", "trial", 0, "finished", config, curves, {"steps": 100.0})
    now = replace(then, metrics={"steps": 140.0})
    said = "its time limit of 2 min ended it after 140 updates, 100 before"
    assert judge(then, now).message == said
    assert judge(then, then).message == ""
    free = replace(then, config={"training": {}})
    assert judge(free, now).message == ""
