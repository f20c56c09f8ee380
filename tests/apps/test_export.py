"""A study as one small file, from which a claim can be checked."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps.cli.app import main
from assay.core.store import Store


def test_the_file_holds_every_number_of_every_run(store: Path, tmp_path: Path):
    out = tmp_path / "made" / "small.json"
    assert main(["export", "small", "--store", str(store), "--to", "json", str(out)]) == 0
    first = out.read_bytes()
    assert main(["export", "small", "--store", str(store), "--out", str(out)]) == 0
    assert out.read_bytes() == first
    data = json.loads(out.read_text())
    results = assay.load(store)["small"]
    records = {record.run_id: record for record in results.records()}
    runs = [run for trial in data["trials"] for run in trial["runs"]]
    assert {run["run_id"] for run in runs} == set(records)
    for run in runs:
        metrics = records[run["run_id"]].metrics
        assert run["metrics"].keys() == metrics.keys()
        np.testing.assert_allclose(
            list(run["metrics"].values()), [metrics[k] for k in sorted(metrics)], rtol=1e-5
        )
    assert data["command"] == results.plan["command"]
    assert data["machines"][0]["cores"] >= 1
    assert list(out.parent.iterdir()) == [out], "nothing half-written stays"


def test_what_cannot_be_written_is_named(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    at = ["--store", str(store)]
    assert main(["export", "small", *at, "--out", str(blocked / "x.json")]) == 2
    assert main(["figure", "small", "curves", *at, "--out", str(blocked / "x.svg")]) == 2
    assert main(["export", "small", *at, "--to", "jsn"]) == 2
    err = capsys.readouterr().err
    for name in ("x.json", "x.svg"):
        assert f"error: cannot write {blocked / name}: {blocked} is a file, not a folder" in err
    assert "error: unknown export format 'jsn'; did you mean 'json'? (known: json, " in err


def test_a_run_travels_to_keras(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from assay.core.errors import MissingExtraError
    from assay.engines.keras_engine.backend import check_keras
    from assay.engines.keras_engine.files import read_keras
    from assay.studies.members import resolve_network

    at = ["--store", str(store), "--to", "keras"]
    assert main(["export", "small", *at]) == 2
    assert "--to keras takes one run, got study 'small'; expected a run, e.g. " in (
        capsys.readouterr().err
    )
    try:
        check_keras()
    except MissingExtraError as error:
        pytest.skip(str(error))
    run, out = assay.load(store)["small"].records()[0], tmp_path / "run.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what TensorFlow says while it is imported
        assert main(["export", run.run_id[:12], *at, "--out", str(out)]) == 0
        found = read_keras(resolve_network(run.config), out)
    with Store(store, create=False, read_only=True) as opened:
        kept = opened.weights(run.run_id)
    assert all(np.array_equal(found[name], array) for name, array in kept.items())
    assert list(tmp_path.iterdir()) == [out], "nothing half-written stays"


@pytest.mark.parametrize("permute", [None, 7])
def test_it_is_said_what_a_model_leaves_out(permute, tmp_path: Path, capsys):
    study = {
        "study": "s", "dataset": {"name": "digits", "train": 100, "permute": permute},
        "network": {"family": "mlp", "hidden": [4]}, "training": {"epochs": 1}, "repeats": 1,
        **({"task": {"name": "classify", "test_time": "flip"}} if permute else {}),
    }  # fmt: skip
    run = assay.run(study, store=tmp_path / "store", progress=False).records()[0].run_id
    at = ["--store", str(tmp_path / "store"), "--to", "torch", "--out", str(tmp_path / "net.py")]
    capsys.readouterr()
    assert main(["export", run, *at]) == 0
    err = capsys.readouterr().err
    assert ("note: The images of this run were changed first (permute: 7)" in err) == bool(permute)
    assert ("This run was evaluated with 2 views of each image" in err) == bool(permute)
    assert bool(permute) or not err


@pytest.mark.parametrize(("rate", "saved"), [(1e30, True), (0.01, False)])
def test_a_run_without_weights_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: float, saved: bool
):
    study = {
        "study": "bare",
        "dataset": {"name": "xor", "train": 60, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [2]},
        "training": {"epochs": 1, "optimizer": "sgd", "learning_rate": rate},
        "save_weights": saved,
    }
    results = assay.run(study, store=tmp_path, on="inline", progress=False)
    (run,) = results.plan["trials"][0]["runs"]
    capsys.readouterr()
    at = ["--store", str(tmp_path)]
    for command in (["loss-surface", run], ["export", run, "--to", "keras"]):
        assert main([*command, *at]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert (f"run {run} diverged, so it has no weights: the loss" in said) == saved
        assert ("stored without its weights; train it with save_weights" in said) != saved


def test_runs_and_studies_have_formats_of_their_own(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    at = ["--store", str(store)]
    run = assay.load(store)["small"].records()[0].run_id
    assert main(["export", run[:12], *at]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert f"--to json takes a study, got run {run[:12]}; a run needs --to keras, onnx or " in err
    assert main(["export", "nothing", *at]) == 2
    assert "no study 'nothing'" in capsys.readouterr().err
    assert main(["export", run, *at, "--to", "onnx", "--scale", "quick"]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "--scale quick: --to onnx takes one run, which has no scale" in err
