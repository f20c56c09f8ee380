"""One run in every engine, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main
from assay.apps.engines import compare_engines
from assay.studies.study import parse_study


def test_engines_that_are_there_agree(study: Path, capsys: pytest.CaptureFixture[str]):
    named = ["--engines", "torch", "--engines", "numpy", "--steps", "4"]
    drop = ["--set", "network.dropout=0.5", "--set", "network.gaussian_noise=0.5"]
    assert main(["engines", str(study), *named, *drop]) == 0
    out = capsys.readouterr().out
    assert "the losses agree: largest difference" in out
    assert all(name in out for name in ("torch", "numpy", "ms a step"))


def test_what_an_engine_lacks_is_said(study: Path, capsys: pytest.CaptureFixture[str]):
    convolution = ["--set", "network={family: cnn, filters: [[2]], dense: [4]}"]
    named = ["--engines", "torch", "--engines", "numpy", "--steps", "2"]
    assert main(["engines", str(study), *named, *convolution]) == 1
    out = capsys.readouterr().out
    assert "without numpy: " in out
    assert "fewer than two engines" in out


def test_another_start_would_be_noticed(study: Path):
    config = parse_study(study).trials[0].config
    one, same = (
        compare_engines({**config, "seed": seed}, ["torch"], 2)[0].losses for seed in (0, 0)
    )
    (other,) = compare_engines({**config, "seed": 1}, ["torch"], 2)
    assert one == same
    assert other.losses != one


def test_wrong_words_are_named(study: Path, capsys: pytest.CaptureFixture[str]):
    for options, said in (
        (["--engines", "trch"], "unknown engine 'trch'; did you mean 'torch'"),
        (["--steps", "1"], "--steps 1: expected a whole number from 2 to 100,000"),
        (["--steps", "10000000000"], "expected a whole number from 2 to 100,000"),
        (["--trial", "x"], "unknown trial of study small 'x'"),
        (["--backend", "jaxx"], "unknown backend of Keras 'jaxx'; did you mean 'jax'"),
    ):
        assert main(["engines", str(study), *options]) == 2
        assert said in capsys.readouterr().err


def test_the_trial_that_an_engine_cannot_train_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file, store = tmp_path / "toy.yaml", ["--store", str(tmp_path / "store")]
    file.write_text(
        "study: toy\ndataset: digits\nengine: numpy\nnetwork: {family: mlp, hidden: [4]}\n"
        "training: {epochs: 1}\nrepeats: 1\n"
        "trials: {dense: {}, wide: {network: {family: cnn, filters: [[2]], dense: [4]}}}\n",
        encoding="utf-8",
    )
    assert main(["run", str(file), *store]) == 2
    said = "wide: the numpy engine does not support layer trunk.0 of kind 'conv2d'"
    assert said in " ".join(capsys.readouterr().err.split())
    assert main(["run", str(file), *store, "--only", "dense"]) == 0
