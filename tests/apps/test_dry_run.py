"""A dry run says of the user's own files what training would say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.apps.cli.app import main

STUDY = """\
study: pictures
dataset: {{name: folder, path: pictures, size: [6, 6], on_error: {on_error}}}
network: {{family: mlp, hidden: [4]}}
training: {{epochs: 1}}
engine: numpy
repeats: 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(12):
            image = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
            image.save(tmp_path / "pictures" / name / f"{i}.png")
    (tmp_path / "pictures" / "cats" / "3.png").write_text("no picture")
    return tmp_path


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_damaged_pictures_are_refused(folder: Path, more: list[str], capsys):
    (folder / "a.yaml").write_text(STUDY.format(on_error="raise"))
    assert main(["run", "a.yaml", "--store", "store", *more]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 24 pictures cannot be read (dataset.on_error: skip leaves such pictures" in said


def test_pictures_that_are_left_out_are_counted(folder: Path, capsys):
    (folder / "a.yaml").write_text(STUDY.format(on_error="skip"))
    assert main(["run", "a.yaml", "--store", "store", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "data: 1 picture that cannot be read was left out (first: " in said


WRONG = """\
import assay
from assay.tasks.classify import Classify


@assay.register_task("vague")
class Vague(Classify):
    name = "vague"

    def metrics(self, predictions, targets):
        return {"accuracy": "high"}
"""


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_task_of_ones_own_is_tried(tmp_path: Path, monkeypatch, more: list[str], capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vague.py").write_text(WRONG)
    (tmp_path / "a.yaml").write_text(
        "study: a\nplugins: [vague.py]\ndataset: {name: digits, train: 100}\ntask: vague\n"
        "network: mlp\ntraining: {epochs: 1}\nrepeats: 1\n"
    )
    assert main(["run", "a.yaml", "--store", "store", *more]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "metrics returned 'high' as accuracy, expected a finite number" in said
    assert "vague.py:" in said


def test_a_task_is_not_tried_on_a_dataset_that_is_not_here(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    (tmp_path / "vague.py").write_text(WRONG)
    (tmp_path / "a.yaml").write_text(
        "study: a\nplugins: [vague.py]\ndataset: mnist\ntask: vague\nnetwork: mlp\nrepeats: 1\n"
    )
    assert main(["run", "a.yaml", "--store", "store", "--dry-run"]) == 0
    assert "1 to train" in " ".join(capsys.readouterr().out.split())


def test_a_dry_run_refuses_what_no_engine_can_train(study: Path, tmp_path: Path, capsys):
    """What `assay run` refuses before it trains, and for which trial."""
    store = ["--store", str(tmp_path / "store")]
    numpy = ["--set", "engine=numpy", "--set", "precision=bfloat16"]
    for more in ([], ["--dry-run"]):
        assert main(["run", str(study), *numpy, *more, *store]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "numpy engine computes in float32 or float64, got precision 'bfloat16'" in said
        assert said.startswith("error: --set precision=bfloat16: baseline: ")


def test_a_dry_run_says_what_has_to_be_installed_first(
    study: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("assay.engines.keras_engine.backend.find_spec", lambda name: None)
    more = ["--set", "engine=keras", "--store", str(tmp_path / "store")]
    needed = "--set engine=keras: the keras engine needs keras, which is not installed"
    assert main(["run", str(study), "--dry-run", *more]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 to train" in said
    assert said.count(needed) == 1
    assert main(["run", str(study), *more]) == 2
    assert f"error: {needed}" in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_counts_and_trains_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = tmp_path / "store"
    assert main(["run", str(study), "--dry-run", "--store", str(store)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "runs 4, 0 of them in the store, 4 to train" in lines
    assert "cohorts 1, the largest of 4 runs" in lines
    assert "parameters 1,210" in lines  # 64 * 16 + 16 + 16 * 10 + 10
    assert not store.exists()
    (store / "studies").mkdir(parents=True)  # as the page writes them, before anything trains
    assert main(["run", str(study), "--dry-run", "--store", str(store)]) == 0
    assert "4 to train" in capsys.readouterr().out
    assert main(["run", "tour", "--dry-run", "--repeats", "1", "--store", str(store)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "cohorts 4, the largest of 1 run parameters" in said
