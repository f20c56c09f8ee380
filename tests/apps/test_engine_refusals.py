"""What an engine or a device refuses is said where it was asked for, before anything trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main

STUDY = """\
study: refused
dataset: digits
network: {family: mlp, hidden: [4]}
training: {epochs: 1}
engine: numpy
"""
LEVELS = """\
factors:
  network.activation: [relu, tanh]
  averages:
    none: {}
    swa:
      training.swa: 0.5
"""
SEARCH = """\
search:
  sampler: random
  trials: 2
  space:
    training.learning_rate: {float: [0.01, 0.1]}
    precision: [float32, bfloat16]
"""


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (STUDY + "precision: bfloat16\n", [], "study.yaml:6:12: the numpy engine computes in"),
        (STUDY, ["--precision", "bfloat16"], "--precision bfloat16: the numpy engine computes in"),
        (STUDY, ["--set", "precision=bfloat16"], "--set precision=bfloat16: the numpy engine"),
        (STUDY, ["--set", "network=cnn"], "study.yaml:5:9: the numpy engine does not support"),
        (STUDY, ["--device", "cuda"], "--device cuda: the numpy engine computes on the CPU only"),
        (STUDY + LEVELS, [], "study.yaml:11:21: swa: the numpy engine does not support"),
        (STUDY + SEARCH, [], "study.yaml:11:16: the numpy engine computes in float32 or float64"),
    ],
)
def test_the_place_of_the_setting_is_named(
    text: str,
    options: list[str],
    said: str,
    more: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(text)
    assert main(["run", "study.yaml", "--store", "store", *options, *more]) == 2
    assert " ".join(capsys.readouterr().err.split()).startswith(f"error: {said}")


def test_the_device_of_a_machine_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(STUDY)
    Path("machine.yaml").write_text("workers: 1\ndevice: mps\n")
    assert main(["run", "study.yaml", "--store", "store"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("error: machine.yaml:2:9: the numpy engine computes on the CPU only")
