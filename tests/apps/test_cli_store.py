"""Commands that look at what a store holds, and what they say the second time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.apps.cli.app import main
from assay.apps.comparing import Side, compare_sides


@pytest.mark.usefixtures("blank_page")
def test_some_trials_can_be_trained_alone(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = str(tmp_path / "store")
    assert main(["run", str(study), "--only", "0.1", "--store", store]) == 2
    assert "small has no trial or level '0.1'" in capsys.readouterr().err
    assert main(["run", str(study), "--only", "baseline", "--store", store]) == 0
    assert "trained 2 of 2 runs" in capsys.readouterr().out
    assert main(["results", "small", "--store", store]) == 0
    assert "0, 2 missing" in capsys.readouterr().out
    assert main(["run", str(study), "--store", store]) == 0
    assert "trained 2 of 4 runs" in capsys.readouterr().out
    assert main(["run", "random-mlp", "--only", "#1", "--store", store]) == 2
    assert "is a search, which chooses its trials itself" in capsys.readouterr().err


def test_running_again_trains_nothing_and_says_what_was_found(
    study: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "page.html"
    assert main(["run", str(study), "--store", str(store), "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert "all 4 runs were already in the store" in out
    assert "Does the rate matter?" in out
    assert "- learning_rate" in out
    assert out.endswith(f"report: {page}\n")
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_results_come_in_the_usual_formats(store: Path, capsys: pytest.CaptureFixture[str]):
    found = {}
    for form in ("table", "csv", "json", "markdown", "latex"):
        assert main(["results", "small", "--store", str(store), "--format", form]) == 0
        found[form] = capsys.readouterr().out
    rows = json.loads(found["json"])["rows"]
    assert [row["trial"] for row in rows] == ["baseline", "learning_rate = 1e-05"]
    assert all(row["n"] == 2 for row in rows)
    assert rows[0]["test_accuracy"] > rows[1]["test_accuracy"]
    assert len(found["csv"].splitlines()) == 3
    assert "| trial |" in found["markdown"]
    assert r"\toprule" in found["latex"]
    assert "baseline" in found["table"]


def test_a_run_and_a_study_can_be_looked_at(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", "small", "--store", str(store)]) == 0
    assert "4 of 4 (full)" in capsys.readouterr().out
    name = next((store / "weights").glob("*.safetensors")).stem
    assert main(["show", name[:10], "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert f"run {name}: finished" in out
    assert "dataset.name" in out
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if "  " in line)
    assert rows["process"].strip().isdigit()  # an identity, without a comma
    assert all(rows[kind].strip().endswith(" s") for kind in rows.keys() & {"train", "shared"})
    assert main(["show", "smal", "--store", str(store)]) == 2
    assert "did you mean 'small'?" in capsys.readouterr().err


def test_compare_says_what_differs(store: Path, capsys: pytest.CaptureFixture[str]):
    names = ["baseline", "small:learning_rate = 1e-05"]
    assert main(["compare", *names, "--store", str(store)]) == 0
    out = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "training.learning_rate 0.01 1e-05" in out
    assert any(line.startswith("test accuracy (%)") for line in out)
    whole = " ".join(out)
    assert "Test accuracy decides and is tested alone; intervals and p-values of the 3" in whole
    assert main(["compare", *names, "--metric", "val_loss", "--store", str(store)]) == 0
    alone = capsys.readouterr().out
    assert main(["compare", *names, "--metric", "accuracy", "--store", str(store)]) == 0
    assert "test accuracy (%)" in capsys.readouterr().out
    assert "validation loss" in alone
    assert "accuracy" not in alone.partition("results\n")[2]
    assert "Holm" not in alone
    assert not any("The data differ" in line for line in out)
    assert main(["compare", "baseline", "small", "--store", str(store)]) == 0
    same = capsys.readouterr().out
    assert same.endswith("A and B are the same trial.\n")
    assert "B = 0.01 (small), the best of 2 trials on validation" in same
    named = ["small:0.01", "small:1e-05"]  # as the table of results calls them
    assert main(["compare", *named, "--store", str(store)]) == 0
    said = capsys.readouterr().out.split("\n\n")[0]
    assert said.split("\n")[-2:] == ["A = 0.01 (small)", "B = 1e-05 (small)"]
    assert main(["compare", "baselin", "small", "--store", str(store)]) == 2
    assert "did you mean 'baseline'?" in capsys.readouterr().err


def test_compare_says_that_the_data_differ():
    tables = []
    for dataset in ({"name": "digits"}, {"name": "digits", "permute": 7}):
        config = {"dataset": dataset, "network": {"family": "mlp"}}
        tables.append(compare_sides(Side("", {"dataset": "digits"}, []), Side("", config, [])))
    plain, permuted = (table.metrics.notes for table in tables)
    assert not plain
    assert permuted[0].startswith("The data differ: A has digits, B has digits, permuted.")


def test_json_is_for_programs(store: Path, study: Path, capsys: pytest.CaptureFixture[str]):
    def said(*arguments: str) -> Any:
        assert main([*arguments, "--json", "--store", str(store)]) == 0
        return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    listed = {row["study"]: row for row in said("list")}
    assert (listed["small"]["present"], listed["small"]["built_in"]) == (4, False)
    assert listed["tour"]["built_in"] is True
    assert listed["tour"]["present"] is None
    plan = said("show", "small")
    assert [trial["label"] for trial in plan["trials"]] == ["baseline", "learning_rate = 1e-05"]
    assert plan["stored"]["present"] == 4
    assert said("show", str(study))["trials"] == plan["trials"]
    run = said("show", plan["trials"][0]["runs"][0])
    assert (run["status"], len(run["curves"]["loss"])) == ("finished", 3)
    assert 0 < run["metrics"]["test_accuracy"] <= 1
    assert said("doctor")["versions"]["assay"]
    assert {row["name"]: row["train"] for row in said("data", "list")}["mnist"] == 60000
    assert said("compare", "baseline", "small")["settings"] == []
    assert said("search", "random-mlp", "--summary")["search"]["space"]


def test_what_is_stored_is_shown_as_it_is_and_options_are_refused(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    changes = ["--seed", "7", "--repeats", "9", "--set", "training.epochs=50"]
    assert main(["show", "small", *changes, "--store", str(store)]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "--seed, --repeats, --set: small is a study of the store, shown as it was planned" in err
    assert "expected a built-in study or a YAML file" in err
    assert main(["search", "small", *changes, "--store", str(store)]) == 2
    assert "--seed, --repeats, --set: these change the space" in capsys.readouterr().err


def test_progress_counts_the_runs_of_the_study_that_is_shown(
    study: Path, store: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["show", str(study), "--repeats", "5", "--store", str(store)]) == 0
    assert "4 of 10 (full)" in " ".join(capsys.readouterr().out.split())


def test_results_of_another_command_under_the_same_name_are_said(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Changed for one command, a study has the results of that command until another one runs."""

    def said(*words: object) -> str:
        assert main([str(word) for word in (*words, "--store", tmp_path / "store")]) == 0
        told = capsys.readouterr()
        return " ".join((told.out + told.err).split())

    replaced = "results and reports of small will be those of this command; until now they are of"
    change = ["--set", "training.epochs=2"]
    assert replaced not in said("run", study)
    assert f"{replaced} `assay run {study}`" in said("run", study, *change, "--dry-run")
    assert f"{replaced} `assay run {study}`" in said("run", study, *change)
    assert "4 of 4 (full, --set training.epochs=2)" in said("list")
    assert "with --set training.epochs=2" in said("results", "small")
    assert f"results are of assay run {study} --set training.epochs=2" in said("show", study)

    again = said("run", study)
    assert f"{replaced} `assay run {study} --set training.epochs=2`" in again
    assert "all 4 runs were already in the store" in again
    assert "results are of" not in said("show", study)
    assert replaced not in said("run", study, "--repeats", 3)  # the same runs and more
    assert replaced in said("run", study)
